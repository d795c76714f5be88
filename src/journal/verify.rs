//! Is the journal what gw wrote?

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use crate::store::StoreError;

use super::{
    Journal, failed,
    line::{Line, digest},
};

/// A journal whose chain is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many lines there are.
    pub lines: u64,
    /// The first and the last record; `None` where there is none.
    pub records: Option<(u64, u64)>,
    /// How many bytes stand after the last line: one that is being written, or was not finished.
    pub torn: u64,
}

/// Where the chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong there.
    pub why: String,
}

/// The line before the one that is looked at.
struct Before {
    digest: String,
    number: u64,
}

impl Journal {
    /// Reads all of it, and says where it breaks for the first time.
    pub fn verify(&self) -> Result<Result<Verified, Break>, StoreError> {
        let files = self.open()?;
        let mut verified = Verified::default();
        let mut before: Option<Before> = None;
        let count = files.len();
        for (index, (path, file)) in files.into_iter().rev().enumerate() {
            let is_last = index + 1 == count;
            let mut reader = BufReader::new(file);
            let mut bytes = Vec::new();
            for number in 1.. {
                bytes.clear();
                if reader.read_until(b'\n', &mut bytes).map_err(failed("read", &path))? == 0 {
                    break;
                }
                if bytes.last() != Some(&b'\n') && is_last {
                    verified.torn = bytes.len() as u64;
                    break;
                }
                let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                match follow(text, before.as_ref()) {
                    Ok(line) => {
                        let first = verified.records.map_or(line.number, |(first, _)| first);
                        verified.records = Some((first, line.number));
                        before = Some(Before { digest: digest(text), number: line.number });
                    }
                    Err(why) => return Ok(Err(Break { path, line: number, why })),
                }
                verified.lines += 1;
            }
        }
        Ok(Ok(verified))
    }
}

/// Reads a line that must follow the one before.
fn follow(text: &[u8], before: Option<&Before>) -> Result<Line, String> {
    let line = Line::read(text)?;
    // What came before the first line that is kept is gone with its file.
    let is_first = line.number == 1 && line.begun.is_some();
    match (before, &line.previous) {
        (None, None) if is_first => return Ok(line),
        (None, Some(_)) if !is_first => return Ok(line),
        (Some(before), Some(previous)) if before.digest == *previous => {}
        (None | Some(_), None | Some(_)) => {
            return Err("it does not follow the line before it".to_owned());
        }
    }
    let number = before.map_or(0, |before| before.number) + u64::from(line.begun.is_some());
    if line.number == number {
        Ok(line)
    } else {
        Err(format!("it is of record {}, where {number} comes next", line.number))
    }
}
