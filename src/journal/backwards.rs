//! The lines of a file from its end to its beginning, so that the newest cost no look at the rest.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
};

/// The first step back, in bytes. Each further one for the same line is twice as long.
const STEP: u64 = 64 * 1024;

/// A file that is read from its end.
#[derive(Debug)]
pub(super) struct Backwards {
    file: File,
    /// How many bytes at the beginning are not read yet.
    unread: u64,
    /// What follows them, up to the end of the line that comes next.
    buffer: Vec<u8>,
    /// What stands after the last newline.
    torn: Vec<u8>,
    /// How many bytes there are up to and including the last newline.
    whole: u64,
}

impl Backwards {
    /// Begins at the end that the file has now.
    pub(super) fn new(mut file: File) -> io::Result<Self> {
        let unread = file.seek(SeekFrom::End(0))?;
        let mut lines = Self { file, unread, buffer: Vec::new(), torn: Vec::new(), whole: unread };
        let start = lines.line_start()?;
        lines.torn = lines.buffer.split_off(start);
        lines.whole -= lines.torn.len() as u64;
        // The newline belongs to the line before it.
        lines.buffer.pop();
        Ok(lines)
    }

    /// What stands after the last newline: a line that is not finished.
    pub(super) fn torn(&self) -> &[u8] {
        &self.torn
    }

    /// The length of all finished lines.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    /// The line before the one that was returned last, without newline.
    pub(super) fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.whole == 0 {
            return Ok(None);
        }
        let start = self.line_start()?;
        let line = self.buffer.split_off(start);
        self.whole -= line.len() as u64 + 1;
        self.buffer.pop();
        Ok(Some(line))
    }

    /// Where the last line of the buffer begins, after reading as much as it takes.
    fn line_start(&mut self) -> io::Result<usize> {
        let mut step = STEP;
        let mut searched = 0;
        loop {
            let fresh = self.buffer.len() - searched;
            if let Some(newline) = memchr::memrchr(b'\n', &self.buffer[..fresh]) {
                return Ok(newline + 1);
            }
            if self.unread == 0 {
                return Ok(0);
            }
            searched = self.buffer.len();
            let length = step.min(self.unread);
            self.unread -= length;
            self.file.seek(SeekFrom::Start(self.unread))?;
            let mut block = Vec::new();
            (&self.file).take(length).read_to_end(&mut block)?;
            if block.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            block.append(&mut self.buffer);
            self.buffer = block;
            step *= 2;
        }
    }
}
