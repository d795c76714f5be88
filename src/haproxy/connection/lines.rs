//! Takes the pieces of a large reply apart into lines.

use memchr::memchr;

use super::{Command, Piece, Verdict};

/// The head of a reply decides whether it is a dump: its first two lines (`show servers state`
/// begins with a line `1`). A refusal is kept whole, up to this length.
const REFUSAL_MAX: usize = 64 * 1024;

/// Assembles lines, once the head of the reply was found good.
pub(super) struct Lines<'a> {
    command: &'a Command,
    /// What was not handed out yet: the head, or an unfinished line.
    pending: Vec<u8>,
    /// Whether the head was found good.
    open: bool,
    pub(super) verdict: Verdict,
    /// The words of a refusal.
    pub(super) refused: String,
}

impl<'a> Lines<'a> {
    pub(super) fn new(command: &'a Command) -> Self {
        let (pending, refused) = (Vec::new(), String::new());
        Self { command, pending, open: false, verdict: Verdict::Done, refused }
    }

    pub(super) fn take(&mut self, piece: Piece<'_>, line: &mut impl FnMut(&str)) {
        match piece {
            Piece::Part(part) => {
                if self.open || self.pending.len() < REFUSAL_MAX {
                    self.pending.extend_from_slice(part);
                }
                if !self.open && self.head().is_some_and(|head| self.command.opens_dump(&head)) {
                    self.open = true;
                }
                if self.open {
                    self.hand_out(line);
                }
            }
            Piece::End => {
                // A dump of less than two lines.
                let text = String::from_utf8_lossy(&self.pending).into_owned();
                if !self.open && self.command.opens_dump(&text) {
                    self.open = true;
                }
                if self.open {
                    self.hand_out(line);
                    if !self.pending.is_empty() {
                        line(&String::from_utf8_lossy(&self.pending));
                    }
                } else {
                    self.verdict = self.command.judge(&text);
                    self.refused = text;
                }
            }
        }
    }

    /// The first two lines, once they are complete.
    fn head(&self) -> Option<String> {
        let mut newlines = self.pending.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let (end, _) = newlines.nth(1)?;
        Some(String::from_utf8_lossy(&self.pending[..end]).into_owned())
    }

    fn hand_out(&mut self, line: &mut impl FnMut(&str)) {
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &self.pending[start..]) {
            line(&String::from_utf8_lossy(&self.pending[start..start + length]));
            start += length + 1;
        }
        self.pending.drain(..start);
    }
}
