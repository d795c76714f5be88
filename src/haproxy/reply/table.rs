//! Rows whose columns are named by a header line. Dumps have a hundred thousand rows, so a row is
//! read without copying it, and only as far as its last wanted column.

use super::ReplyError;

/// Where the wanted columns of a table stand, which differs from version to version.
#[derive(Clone, Debug)]
pub(super) struct Columns<const N: usize> {
    command: &'static str,
    /// For each column up to the last wanted one, which of the wanted ones it is.
    wanted: Vec<Option<usize>>,
}

impl<const N: usize> Columns<N> {
    /// Finds columns by their names, all of which must be there.
    pub(super) fn find<'a>(
        command: &'static str,
        header: impl Iterator<Item = &'a str>,
        names: [&str; N],
    ) -> Result<Self, ReplyError> {
        let header: Vec<&str> = header.collect();
        let mut wanted = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            let place = header.iter().position(|known| *known == name).ok_or_else(|| {
                ReplyError::new(command, format!("no column {name}"), &header.join(" "))
            })?;
            wanted.resize(wanted.len().max(place + 1), None);
            wanted[place] = Some(index);
        }
        Ok(Self { command, wanted })
    }

    /// Takes the wanted ones from the fields of a row.
    pub(super) fn row<'a, F: Default>(
        &self,
        line: &'a str,
        fields: impl Iterator<Item = F>,
    ) -> Result<Row<'a, F, N>, ReplyError> {
        let mut row =
            Row { command: self.command, line, fields: std::array::from_fn(|_| F::default()) };
        let mut count = 0;
        for (field, wanted) in fields.zip(&self.wanted) {
            if let Some(index) = *wanted {
                row.fields[index] = field;
            }
            count += 1;
        }
        if count < self.wanted.len() { Err(row.error("too few columns")) } else { Ok(row) }
    }
}

/// The wanted fields of one row, in the order of the names.
pub(super) struct Row<'a, F, const N: usize> {
    command: &'static str,
    line: &'a str,
    pub(super) fields: [F; N],
}

impl<F: AsRef<str>, const N: usize> Row<'_, F, N> {
    /// The number in the field of this index.
    pub(super) fn number<T: std::str::FromStr>(&self, index: usize) -> Result<T, ReplyError> {
        let text = self.fields[index].as_ref();
        text.parse().map_err(|_| self.error(&format!("{text:?} is no such number")))
    }

    /// The number in a field that may be empty or `-`.
    pub(super) fn optional<T: std::str::FromStr>(
        &self,
        index: usize,
    ) -> Result<Option<T>, ReplyError> {
        match self.fields[index].as_ref() {
            "" | "-" => Ok(None),
            _ => self.number(index).map(Some),
        }
    }
}

impl<F, const N: usize> Row<'_, F, N> {
    pub(super) fn error(&self, what: &str) -> ReplyError {
        ReplyError::new(self.command, what, self.line)
    }
}
