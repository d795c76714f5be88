//! Rows whose columns are named by a header line.

use super::ReplyError;

/// Where the columns of a table stand.
#[derive(Clone, Debug)]
pub(super) struct Header {
    command: &'static str,
    names: Vec<String>,
}

impl Header {
    /// A header from its names.
    pub(super) fn new<'a>(command: &'static str, names: impl Iterator<Item = &'a str>) -> Self {
        Self { command, names: names.map(str::to_owned).collect() }
    }

    /// The position of a column that must be there.
    pub(super) fn column(&self, name: &str) -> Result<usize, ReplyError> {
        self.find(name).ok_or_else(|| {
            ReplyError::new(self.command, format!("no column {name}"), &self.names.join(" "))
        })
    }

    /// The position of a column that may be there.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

/// The fields of one row.
pub(super) struct Row<'a> {
    command: &'static str,
    line: &'a str,
    fields: &'a [String],
}

impl<'a> Row<'a> {
    pub(super) fn new(command: &'static str, line: &'a str, fields: &'a [String]) -> Self {
        Self { command, line, fields }
    }

    /// The text of a column; an error where the row is too short.
    pub(super) fn text(&self, column: usize) -> Result<&'a str, ReplyError> {
        let field = self.fields.get(column).map(String::as_str);
        field.ok_or_else(|| self.error("too few columns"))
    }

    /// The number of a column.
    pub(super) fn number<T: std::str::FromStr>(&self, column: usize) -> Result<T, ReplyError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| self.error(&format!("{text:?} is no such number")))
    }

    /// The number of a column that may be absent, empty or `-`.
    pub(super) fn optional<T: std::str::FromStr>(
        &self,
        column: Option<usize>,
    ) -> Result<Option<T>, ReplyError> {
        let Some(column) = column else { return Ok(None) };
        match self.text(column)? {
            "" | "-" => Ok(None),
            _ => self.number(column).map(Some),
        }
    }

    pub(super) fn error(&self, what: &str) -> ReplyError {
        ReplyError::new(self.command, what, self.line)
    }
}
