//! `show stat` (manual, section 9.1): CSV with quotes, whose columns differ from version to version
//! and from build to build.

use super::{
    ReplyError,
    table::{Header, Row},
};

const COMMAND: &str = "show stat";

/// One backend or server in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatRow {
    /// The backend (or frontend).
    pub proxy: String,
    /// The server; `BACKEND` or `FRONTEND` for a whole.
    pub name: String,
    /// What the row is about.
    pub kind: StatKind,
    /// `UP`, `DOWN 1/2`, `no check`, `MAINT`, `UP (UNPUB)` and the like.
    pub status: String,
    /// The maximum of connections (`maxconn`), None for no limit.
    pub limit: Option<u32>,
    /// Whether it is a backup server.
    pub backup: bool,
    /// The value of its cookie.
    pub cookie: Option<String>,
    /// The outcome of the last health check (`L7OK`, `L4CON`), None without checks. A leading
    /// `* ` (a check in progress) is left out.
    pub check_status: Option<String>,
    /// What the last health check heard.
    pub last_check: Option<String>,
    /// Sessions now.
    pub sessions: u64,
    /// Sessions in total.
    pub total_sessions: u64,
    /// Responses 5xx in total, None in TCP mode.
    pub responses_5xx: Option<u64>,
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

impl StatRow {
    /// A backend that exists but gets no traffic (3.4).
    pub fn is_unpublished(&self) -> bool {
        self.status.contains("UNPUB")
    }

    /// A server whose last check passed (`L4OK`, `L6OK`, `L7OK`, `L7OKC`).
    pub fn check_passed(&self) -> bool {
        let status = self.check_status.as_deref().unwrap_or_default();
        matches!(status, "L4OK" | "L6OK" | "L7OK" | "L7OKC")
    }
}

/// Reads a whole reply.
pub fn parse(text: &str) -> Result<Vec<StatRow>, ReplyError> {
    let mut records = Records(text.trim_end_matches(['\n', '\r', '\0']));
    let mut fields = Vec::new();
    let line = records.next_into(&mut fields).unwrap_or_default();
    let Some(first) = fields.first().and_then(|first| first.strip_prefix("# ")) else {
        return Err(ReplyError::new(COMMAND, "no header", line));
    };
    let names = std::iter::once(first).chain(fields.iter().skip(1).map(String::as_str));
    let columns = Columns::find(&Header::new(COMMAND, names))?;
    let mut rows = Vec::new();
    while let Some(line) = records.next_into(&mut fields) {
        if !line.trim().is_empty() {
            rows.push(columns.row(&Row::new(COMMAND, line, &fields))?);
        }
    }
    Ok(rows)
}

struct Columns {
    pxname: usize,
    svname: usize,
    kind: usize,
    status: usize,
    slim: usize,
    bck: usize,
    scur: usize,
    stot: usize,
    cookie: Option<usize>,
    check_status: Option<usize>,
    last_chk: Option<usize>,
    hrsp_5xx: Option<usize>,
}

impl Columns {
    fn find(header: &Header) -> Result<Self, ReplyError> {
        Ok(Self {
            pxname: header.column("pxname")?,
            svname: header.column("svname")?,
            kind: header.column("type")?,
            status: header.column("status")?,
            slim: header.column("slim")?,
            bck: header.column("bck")?,
            scur: header.column("scur")?,
            stot: header.column("stot")?,
            cookie: header.find("cookie"),
            check_status: header.find("check_status"),
            last_chk: header.find("last_chk"),
            hrsp_5xx: header.find("hrsp_5xx"),
        })
    }

    fn row(&self, row: &Row<'_>) -> Result<StatRow, ReplyError> {
        let optional = |column: Option<usize>| -> Result<Option<String>, ReplyError> {
            let text = column.map(|column| row.text(column)).transpose()?;
            Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
        };
        let kind = match row.number(self.kind)? {
            0u8 => StatKind::Frontend,
            1 => StatKind::Backend,
            2 => StatKind::Server,
            3 => StatKind::Listener,
            _ => return Err(row.error("unknown type")),
        };
        let check = optional(self.check_status)?;
        Ok(StatRow {
            proxy: row.text(self.pxname)?.to_owned(),
            name: row.text(self.svname)?.to_owned(),
            kind,
            status: row.text(self.status)?.to_owned(),
            limit: row.optional(Some(self.slim))?,
            // The row BACKEND counts its backup servers here.
            backup: kind == StatKind::Server && row.optional(Some(self.bck))? == Some(1u64),
            cookie: optional(self.cookie)?,
            check_status: check.map(|status| status.trim_start_matches("* ").to_owned()),
            last_check: optional(self.last_chk)?,
            sessions: row.optional(Some(self.scur))?.unwrap_or_default(),
            total_sessions: row.optional(Some(self.stot))?.unwrap_or_default(),
            responses_5xx: row.optional(self.hrsp_5xx)?,
        })
    }
}

/// The records of a CSV text. A quoted field may hold commas, newlines and doubled quotes.
struct Records<'a>(&'a str);

impl<'a> Records<'a> {
    /// Puts the fields of the next record into `fields` and returns its text.
    fn next_into(&mut self, fields: &mut Vec<String>) -> Option<&'a str> {
        fields.clear();
        if self.0.is_empty() {
            return None;
        }
        let (mut field, mut quoted) = (String::new(), false);
        let mut chars = self.0.char_indices().peekable();
        let mut end = self.0.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if !quoted && field.is_empty() => quoted = true,
                '"' if quoted && chars.next_if(|(_, next)| *next == '"').is_some() => {
                    field.push('"');
                }
                '"' if quoted => quoted = false,
                ',' if !quoted => fields.push(std::mem::take(&mut field)),
                '\n' if !quoted => {
                    end = at;
                    break;
                }
                c => field.push(c),
            }
        }
        fields.push(field);
        let (record, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix('\n').unwrap_or(rest);
        Some(record)
    }
}
