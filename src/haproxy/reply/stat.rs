//! `show stat` (manual, section 9.1): CSV with quotes, whose columns differ from version to version
//! and from build to build. Of its hundred columns gw reads what no cheaper command tells.

use std::{borrow::Cow, collections::BTreeMap, mem};

use super::{
    ReplyError,
    table::{Columns, Row},
};

const COMMAND: &str = "show stat";

/// The columns that are read.
const NAMES: [&str; 6] = ["pxname", "svname", "type", "slim", "bck", "status"];

/// One server, or another row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatRow<'a> {
    /// The backend (or frontend).
    pub proxy: Cow<'a, str>,
    /// The server; `BACKEND` or `FRONTEND` for a whole.
    pub name: Cow<'a, str>,
    /// What the row is about.
    pub kind: StatKind,
    /// The maximum of connections (`maxconn`), None for no limit.
    pub limit: Option<u32>,
    /// Whether it is a backup server.
    pub backup: bool,
    /// Whether it is a backend that requests can't reach yet (3.4).
    pub unpublished: bool,
}

/// The kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatKind {
    /// The row `FRONTEND`.
    Frontend,
    /// The row `BACKEND`.
    Backend,
    /// A server.
    Server,
    /// A listener.
    Listener,
}

/// Reads the lines of the reply one by one, for dumps that should not stand in memory.
#[derive(Debug, Default)]
pub struct StatReader(Records<6>);

impl StatReader {
    /// A reader at the first line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line. None for the header, empty lines and the begin of longer records.
    pub fn line<'a>(&'a mut self, line: &'a str) -> Result<Option<StatRow<'a>>, ReplyError> {
        self.0.line(NAMES, line)?.map(row).transpose()
    }

    /// Ends the reply: an error where there was no header, as for an unknown backend.
    pub fn end(&self) -> Result<(), ReplyError> {
        let missing = || ReplyError::new(COMMAND, "no header", "");
        self.0.columns.as_ref().map(|_| ()).ok_or_else(missing)
    }
}

/// Puts records together from lines, and finds the wanted columns in them.
#[derive(Debug)]
struct Records<const N: usize> {
    columns: Option<Columns<N>>,
    /// The begin of a record whose quoted field holds a newline.
    open: String,
    /// The last such record, whole.
    record: String,
}

impl<const N: usize> Default for Records<N> {
    fn default() -> Self {
        Self { columns: None, open: String::new(), record: String::new() }
    }
}

impl<const N: usize> Records<N> {
    /// Takes a line. None for the header, empty lines and the begin of longer records.
    fn line<'a>(
        &'a mut self,
        names: [&str; N],
        line: &'a str,
    ) -> Result<Option<Row<'a, Cow<'a, str>, N>>, ReplyError> {
        let line = line.trim_end_matches(['\r', '\0']);
        let is_quoted = !self.open.is_empty();
        let toggles = line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
        if is_quoted || toggles {
            self.open.push_str(line);
            if is_quoted != toggles {
                self.open.push('\n');
                return Ok(None);
            }
            self.record = mem::take(&mut self.open);
        }
        let line = if is_quoted { &self.record } else { line };
        if line.trim().is_empty() {
            return Ok(None);
        }
        let Some(columns) = &self.columns else {
            let Some(header) = line.strip_prefix("# ") else {
                return Err(ReplyError::new(COMMAND, "no header", line));
            };
            self.columns = Some(Columns::find(COMMAND, header.split(','), names)?);
            return Ok(None);
        };
        columns.row(line, Fields(Some(line))).map(Some)
    }
}

/// How requests to one backend were answered since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// How many were answered.
    pub all: u64,
    /// How many of them with a status of 500 or more.
    pub errors: u64,
}

/// The columns that tell it.
const ANSWERS: [&str; 8] =
    ["pxname", "type", "hrsp_5xx", "hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_other"];

/// The answers of each backend, by its name.
pub fn answers(text: &str) -> Result<BTreeMap<String, Answers>, ReplyError> {
    let mut records: Records<8> = Records::default();
    let mut found = BTreeMap::new();
    for line in text.split('\n') {
        let Some(row) = records.line(ANSWERS, line)? else { continue };
        // A backend of mode tcp has empty columns.
        if row.number::<u8>(1)? != 1 || row.fields[2].is_empty() {
            continue;
        }
        let counts = (2..ANSWERS.len()).map(|column| row.number::<u64>(column));
        let all = counts.sum::<Result<u64, _>>()?;
        let answers = Answers { all, errors: row.number(2)? };
        found.insert(row.fields[0].to_string(), answers);
    }
    Ok(found)
}

fn row<'a>(row: Row<'a, Cow<'a, str>, 6>) -> Result<StatRow<'a>, ReplyError> {
    let kind = match row.number(2)? {
        0u8 => StatKind::Frontend,
        1 => StatKind::Backend,
        2 => StatKind::Server,
        3 => StatKind::Listener,
        _ => return Err(row.error("unknown type")),
    };
    let limit = row.optional(3)?;
    // The row BACKEND counts its backup servers here.
    let backup = kind == StatKind::Server && row.optional(4)? == Some(1u64);
    let [proxy, name, _, _, _, status] = row.fields;
    let unpublished = kind == StatKind::Backend && status.contains("UNPUB");
    Ok(StatRow { proxy, name, kind, limit, backup, unpublished })
}

/// The fields of a CSV record. A quoted field may hold commas, newlines and doubled quotes.
struct Fields<'a>(Option<&'a str>);

impl<'a> Iterator for Fields<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let text = self.0?;
        let Some(quoted) = text.strip_prefix('"') else {
            let (field, rest) = text.split_once(',').map_or((text, None), |(a, b)| (a, Some(b)));
            self.0 = rest;
            return Some(field.into());
        };
        let end = closing_quote(quoted);
        let field = &quoted[..end];
        self.0 = quoted[end..].split_once(',').map(|(_, rest)| rest);
        let has_quotes = field.contains('"');
        Some(if has_quotes { field.replace("\"\"", "\"").into() } else { field.into() })
    }
}

/// Where the quote stands that ends a field: one that is not doubled.
fn closing_quote(text: &str) -> usize {
    let mut quotes = text.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if_eq(&(at + 1)).is_none() {
            return at;
        }
    }
    text.len()
}
