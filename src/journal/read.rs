//! Reading. Needs no lock: what is written meanwhile is seen or not, but never half of it.

use std::{fs::File, path::PathBuf};

use crate::{
    report::json::{self, EndedDocument, HistoryDocument, RecordDocument},
    store::StoreError,
};

use super::{Journal, backwards::Backwards, failed, line::Line};

/// Records, newest first.
#[derive(Debug)]
pub struct Records {
    /// The files that are not read yet, newest first.
    files: std::vec::IntoIter<(PathBuf, File)>,
    current: Option<(PathBuf, Backwards)>,
    /// What was read of the record whose beginning comes next: its ends, newest first.
    number: u64,
    ends: Vec<EndedDocument>,
    damaged: usize,
}

impl Journal {
    /// All records, newest first.
    pub fn records(&self) -> Result<Records, StoreError> {
        Ok(Records {
            files: self.open()?.into_iter(),
            current: None,
            number: 0,
            ends: Vec::new(),
            damaged: 0,
        })
    }

    /// The newest records in short, at most `limit`.
    pub fn history(&self, limit: usize) -> Result<HistoryDocument, StoreError> {
        let mut records = self.records()?;
        let shown = records.by_ref().take(limit).map(|record| Ok(json::entry(&record?)));
        let shown = shown.collect::<Result<_, StoreError>>()?;
        Ok(json::history(shown, records.damaged()))
    }

    /// A record by its number; `None` where the journal does not have it.
    pub fn record(&self, number: u64) -> Result<Option<RecordDocument>, StoreError> {
        for record in self.records()? {
            let record = record?;
            if record.number <= number {
                return Ok((record.number == number).then_some(record));
            }
        }
        Ok(None)
    }
}

impl Records {
    /// How many of the lines that were passed so far can't be read.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// The line before the last one that was read.
    fn line(&mut self) -> Result<Option<Line>, StoreError> {
        loop {
            if self.current.is_none() {
                let Some((path, file)) = self.files.next() else { return Ok(None) };
                let lines = Backwards::new(file).map_err(failed("read", &path))?;
                // A whole line that only lacks its newline is one.
                let last = Line::read(lines.torn());
                self.current = Some((path, lines));
                if let Ok(last) = last {
                    return Ok(Some(last));
                }
            }
            let Some((path, lines)) = &mut self.current else { continue };
            match lines.line().map_err(failed("read", path))? {
                None => self.current = None,
                Some(bytes) => match Line::read(&bytes) {
                    Ok(line) => return Ok(Some(line)),
                    Err(_) => self.damaged += 1,
                },
            }
        }
    }

    fn record(&mut self) -> Result<Option<RecordDocument>, StoreError> {
        while let Some(line) = self.line()? {
            if line.number != self.number {
                self.number = line.number;
                self.ends.clear();
            }
            self.ends.extend(line.ended);
            if let Some(begun) = line.begun {
                self.ends.reverse();
                let ends = std::mem::take(&mut self.ends);
                return Ok(Some(RecordDocument::new(line.number, begun, &ends)));
            }
        }
        Ok(None)
    }
}

impl Iterator for Records {
    type Item = Result<RecordDocument, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.record().transpose()
    }
}
