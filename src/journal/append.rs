//! Writing. Whoever writes holds the lock of the state directory.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::SystemTime,
};

use crate::{
    fault::{self, Point},
    report::json::{BegunDocument, CauseWord, EndedDocument, ResultWord},
    store::{Lock, StoreError},
};

use super::{
    FULL_MAX, Journal,
    backwards::Backwards,
    failed,
    line::{Line, digest},
    rfc3339, who,
};

/// What the last lines of the journal say.
#[derive(Debug, Default)]
struct Tail {
    /// The number of the last record.
    number: u64,
    /// Whether that has no end.
    is_open: bool,
    /// The digest of the last line.
    digest: Option<String>,
    /// The length of the finished lines of the file that is written.
    whole: u64,
    /// What stands after them.
    torn: Vec<u8>,
}

impl Journal {
    /// Writes the beginning of a record: its number, and how many bytes it took. A record that has
    /// no end is given one, which says that it was interrupted.
    pub fn begin(&self, _lock: &Lock, begun: BegunDocument) -> Result<(u64, u64), StoreError> {
        self.add(Some(begun), None)
    }

    /// Writes the end of a record, which must be the last one. Returns how many bytes it took;
    /// nothing is written, and nothing returned, where another record was begun meanwhile.
    pub fn end(
        &self,
        _lock: &Lock,
        number: u64,
        ended: EndedDocument,
    ) -> Result<Option<u64>, StoreError> {
        let tail = self.tail()?;
        if tail.number != number {
            return Ok(None);
        }
        let line = Line {
            number,
            previous: tail.digest.clone(),
            cut: tail.cut(),
            begun: None,
            ended: Some(ended),
        };
        self.write(&tail, &[line]).map(Some)
    }

    /// Writes a record that begins and ends at once. Returns its number and how many bytes it took.
    pub fn note(
        &self,
        _lock: &Lock,
        begun: BegunDocument,
        ended: EndedDocument,
    ) -> Result<(u64, u64), StoreError> {
        self.add(Some(begun), Some(ended))
    }

    /// Writes that an operator told gw something, such as to hold a server. Returns how many bytes
    /// it took.
    pub fn tell(&self, lock: &Lock, command: CauseWord, about: &str) -> Result<u64, StoreError> {
        let now = rfc3339(SystemTime::now());
        let mut begun = BegunDocument::new(now.clone(), who(command));
        begun.about = Some(about.to_owned());
        let ended = EndedDocument::new(now, ResultWord::Done, None);
        self.note(lock, begun, ended).map(|(_, bytes)| bytes)
    }

    /// The number of the last record, 0 where there is none, and whether it has an end.
    pub fn last(&self) -> Result<(u64, bool), StoreError> {
        self.tail().map(|tail| (tail.number, !tail.is_open))
    }

    fn add(
        &self,
        begun: Option<BegunDocument>,
        ended: Option<EndedDocument>,
    ) -> Result<(u64, u64), StoreError> {
        let tail = self.tail()?;
        let mut lines = Vec::new();
        if let (true, Some(begun)) = (tail.is_open, &begun) {
            let mut ended = EndedDocument::new(begun.time.clone(), ResultWord::Interrupted, None);
            ended.who = Some(begun.who.clone());
            ended.generation = begun.generation;
            ended.haproxy.clone_from(&begun.haproxy);
            let (number, previous) = (tail.number, tail.digest.clone());
            let ended = Some(ended);
            lines.push(Line { number, previous, cut: tail.cut(), begun: None, ended });
        }
        let number = tail.number + 1;
        let cut = if lines.is_empty() { tail.cut() } else { 0 };
        lines.push(Line { number, previous: tail.digest.clone(), cut, begun, ended });
        Ok((number, self.write(&tail, &lines)?))
    }

    /// Appends lines by one write, and waits until they are on the disk. The first one follows the
    /// tail, each other one the line before it. Returns how many bytes that are.
    fn write(&self, tail: &Tail, lines: &[Line]) -> Result<u64, StoreError> {
        let path = self.path();
        let refused = |error: serde_json::Error| failed("append to", &path)(error.into());
        let mut bytes = Vec::new();
        let mut previous = None;
        for line in lines {
            let mut line = line.clone();
            if previous.is_some() {
                line.previous = previous;
            }
            let sealed = line.seal().map_err(refused)?;
            previous = Some(digest(sealed.as_bytes()));
            bytes.extend_from_slice(sealed.as_bytes());
            bytes.push(b'\n');
        }
        let fits = tail.whole + bytes.len() as u64 <= self.size_max;
        if tail.whole > 0 && !fits {
            self.set_aside(tail)?;
            append(&path, 0, false, &bytes)?;
        } else {
            append(&path, tail.whole, tail.is_finished(), &bytes)?;
        }
        Ok(bytes.len() as u64)
    }

    /// Makes the file that is written the newest of the full ones.
    fn set_aside(&self, tail: &Tail) -> Result<(), StoreError> {
        let path = self.path();
        append(&path, tail.whole, tail.is_finished(), b"")?;
        for age in (0..FULL_MAX).rev() {
            let (from, to) = (self.file(age), self.file(age + 1));
            match fs::rename(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("rename", &from)(error)),
            }
        }
        Ok(())
    }

    fn tail(&self) -> Result<Tail, StoreError> {
        let mut tail = Tail::default();
        let mut after = 0;
        for (path, file) in self.open()? {
            let mut lines = Backwards::new(file).map_err(failed("read", &path))?;
            if path == self.path() {
                (tail.whole, tail.torn) = (lines.whole(), lines.torn().to_owned());
                if let Ok(line) = Line::read(&tail.torn) {
                    // All of it is there but the newline.
                    tail.end_with(&line, &tail.torn.clone());
                    return Ok(tail);
                }
            }
            while let Some(bytes) = lines.line().map_err(failed("read", &path))? {
                match Line::read(&bytes) {
                    Ok(line) => {
                        tail.end_with(&line, &bytes);
                        // What can't be read may have been records, so no number is used twice.
                        tail.number += after;
                        tail.is_open &= after == 0;
                        return Ok(tail);
                    }
                    Err(_) => {
                        tail.digest.get_or_insert_with(|| digest(&bytes));
                        after += 1;
                    }
                }
            }
        }
        tail.number = after;
        Ok(tail)
    }
}

impl Tail {
    fn end_with(&mut self, line: &Line, bytes: &[u8]) {
        self.number = line.number;
        self.is_open = line.ended.is_none();
        self.digest.get_or_insert_with(|| digest(bytes));
    }

    /// Whether the unfinished line lacks nothing but its newline.
    fn is_finished(&self) -> bool {
        Line::read(&self.torn).is_ok()
    }

    /// How many bytes of an unfinished line have to go.
    fn cut(&self) -> u64 {
        if self.is_finished() { 0 } else { self.torn.len() as u64 }
    }
}

/// Appends to a file of which the first `whole` bytes are finished lines. What follows them is a line
/// that only lacks its newline, where `keeps` says so, else it goes. All of it or nothing is written,
/// as far as the system lets us.
fn append(path: &Path, whole: u64, keeps: bool, bytes: &[u8]) -> Result<(), StoreError> {
    let open = || {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o640).open(path)?;
        let length = file.metadata()?.len();
        Ok::<_, io::Error>((file, length))
    };
    let (mut file, length) = open().map_err(failed("append to", path))?;
    let mut write = || {
        if keeps {
            let bytes = [b"\n", bytes].concat();
            file.write_all(&bytes)?;
        } else {
            if length > whole {
                file.set_len(whole)?;
            }
            let (half, rest) = bytes.split_at(fault::at_a_time(bytes.len(), 2));
            file.write_all(half)?;
            fault::io(Point::JournalTorn)?;
            file.write_all(rest)?;
        }
        fault::io(Point::JournalWritten)?;
        file.sync_data()
    };
    let written = write().map_err(|error| {
        // Half a line is cut by the next one that writes, where it can't be now.
        let _ = file.set_len(if keeps { length } else { whole });
        failed("append to", path)(error)
    });
    if length == 0 && written.is_ok() {
        let folder = path.parent().unwrap_or(path);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))?;
    }
    written
}
