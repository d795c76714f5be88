//! Cuts the stream of replies of an interactive session into one reply per command.
//!
//! After the command `prompt`, HAProxy ends each reply with a newline and `> ` (with `master> ` on a
//! master socket), for each line from 3.2 on and for each command before; gw sends one command per
//! line. That is enough for replies that consist of HAProxy's own words. A dump quotes others'
//! texts (a description, the subject of a certificate, the output of a health check), which may
//! hold a newline and `> `. So each dump is followed by a *sentinel*, a harmless command whose reply
//! holds a random number: the dump ends where a prompt, that reply and a prompt stand in a row. The
//! same sentinel closes each batch, as proof that prompts and commands are still in step.
//!
//! Also printed, before the reply to a payload: `+ ` for the command and for each of its lines by
//! versions up to 3.0 and by every master; none by 3.2 and 3.4 where the payload arrives in one
//! piece, but any number (1,254 were seen) where it arrives in several.

use std::{borrow::Cow, collections::VecDeque};

use memchr::memchr;

use crate::haproxy::Version;

/// The longest reply that is not a dump. The longest in use, the list of all commands, has 20 KB.
const PLAIN_MAX: usize = 1 << 20;

/// The prompts of a runtime socket and of a master socket, the latter also after a failed reload.
pub const PROMPTS: [&str; 3] = ["> ", "master> ", "master[ReloadFailed]> "];

/// How one session speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What ends a reply, newline included.
    prompt: Vec<u8>,
    sentinel: Sentinel,
}

/// A harmless command with a recognisable reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinel {
    /// The command.
    pub line: String,
    /// The replies that it can have.
    pub replies: Vec<String>,
}

impl Sentinel {
    /// The one to try on this version: `echo` where it exists, else a command that quotes its
    /// argument in the error message. `commit ssl cert` can also find the certificates locked by
    /// another connection.
    pub fn candidate(version: Version, nonce: u64) -> Self {
        let nonce = format!("gw-{nonce:016x}");
        let (line, replies) = if version >= Version::V3_2 {
            (format!("echo {nonce}"), vec![format!("{nonce}\n")])
        } else if version >= Version::V2_8 {
            (format!("trace {nonce}"), vec![format!("No such trace source '{nonce}'\n")])
        } else {
            let missing = format!("No ongoing transaction! !\nCan't commit {nonce}!\n");
            let locked = "Can't commit the certificate!\n\
                          Operations on certificates are currently locked!\n";
            (format!("commit ssl cert {nonce}"), vec![missing, locked.to_owned()])
        };
        Self { line, replies }
    }

    /// Where no candidate works (a build without TLS, a socket of a lower level): a command whose
    /// reply is the same each time, though not unique.
    pub fn fallback(reply: String) -> Self {
        Self { line: "show cli level".to_owned(), replies: vec![reply] }
    }
}

impl Dialect {
    /// A dialect with one of [`PROMPTS`].
    pub fn new(prompt: &str, sentinel: Sentinel) -> Self {
        Self { prompt: format!("\n{prompt}").into_bytes(), sentinel }
    }

    /// The command that marks the end of a dump.
    pub fn sentinel(&self) -> &Sentinel {
        &self.sentinel
    }

    /// The byte sequences that end a reply.
    fn terminators(&self, ending: Ending) -> Vec<Vec<u8>> {
        match ending {
            Ending::Prompt | Ending::PayloadPrompt | Ending::Barrier => vec![self.prompt.clone()],
            Ending::Sentinel => {
                let replies = self.sentinel.replies.iter();
                replies
                    .map(|reply| [&self.prompt, reply.as_bytes(), &self.prompt].concat())
                    .collect()
            }
        }
    }
}

/// How the reply of a line that was sent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a prompt.
    Prompt,
    /// With a prompt, and it may begin with `+ ` any number of times, prompts for a payload.
    PayloadPrompt,
    /// With a prompt, and the sentinel that was sent right after it.
    Sentinel,
    /// The reply of a sentinel that stands alone, to prove that all is in step.
    Barrier,
}

/// A piece of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Some bytes. Dumps arrive in many parts.
    Part(&'a [u8]),
    /// The reply is complete.
    End,
}

/// Why a stream can't be cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Bytes that no command asked for.
    #[error("HAProxy sent {0:?} unasked")]
    Unasked(String),
    /// A reply that is not the sentinel's, where it should be.
    #[error("replies and commands are out of step at {0:?}")]
    OutOfStep(String),
    /// No end in sight.
    #[error("a reply has no end")]
    Endless,
}

/// Cuts a stream, however it is chopped up, into the replies announced by [`Splitter::expect`].
#[derive(Debug)]
pub struct Splitter {
    dialect: Dialect,
    expected: VecDeque<Ending>,
    /// What is neither given away nor thrown away yet.
    buffer: Vec<u8>,
    /// How much of the buffer is known to hold no begin of a terminator.
    searched: usize,
}

impl Splitter {
    /// A splitter at the begin of a reply.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, expected: VecDeque::new(), buffer: Vec::new(), searched: 0 }
    }

    /// Announces the reply of the next line sent.
    pub fn expect(&mut self, ending: Ending) {
        self.expected.push_back(ending);
    }

    /// Whether replies are outstanding.
    pub fn is_waiting(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Takes bytes as they come and gives away what they complete.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Result<(), FramingError> {
        self.buffer.extend_from_slice(bytes);
        let mut start = 0;
        while start < self.buffer.len() {
            let rest = &self.buffer[start..];
            let Some(&ending) = self.expected.front() else {
                return Err(FramingError::Unasked(excerpt(rest)));
            };
            match search(rest, self.searched, &self.dialect.terminators(ending)) {
                Found::At { at, length } => {
                    deliver(&self.dialect, ending, &rest[..at], sink)?;
                    self.expected.pop_front();
                    self.searched = 0;
                    start += at + length;
                }
                Found::NotBefore(at) if ending == Ending::Sentinel => {
                    if at > 0 {
                        sink(Piece::Part(&rest[..at]));
                    }
                    self.searched = 0;
                    start += at;
                    break;
                }
                Found::NotBefore(_) if rest.len() > PLAIN_MAX => return Err(FramingError::Endless),
                Found::NotBefore(at) => {
                    self.searched = at;
                    break;
                }
            }
        }
        self.buffer.drain(..start);
        Ok(())
    }
}

/// Gives away the rest of a reply and its end.
fn deliver(
    dialect: &Dialect,
    ending: Ending,
    text: &[u8],
    sink: &mut dyn FnMut(Piece<'_>),
) -> Result<(), FramingError> {
    match ending {
        Ending::Sentinel | Ending::Prompt => sink(Piece::Part(text)),
        Ending::PayloadPrompt => sink(Piece::Part(without_pluses(text))),
        Ending::Barrier => {
            let known = dialect.sentinel.replies.iter().any(|reply| reply.as_bytes() == text);
            return if known { Ok(()) } else { Err(FramingError::OutOfStep(excerpt(text))) };
        }
    }
    sink(Piece::End);
    Ok(())
}

/// Takes away the prompts for a payload. No reply to one begins so.
fn without_pluses(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(b"+ ") {
        text = rest;
    }
    text
}

enum Found {
    /// A terminator.
    At { at: usize, length: usize },
    /// None yet. It may begin here, not before.
    NotBefore(usize),
}

/// Looks for the first terminator from `from` on. Each begins with a newline.
fn search(text: &[u8], from: usize, terminators: &[Vec<u8>]) -> Found {
    let mut at = from;
    while let Some(newline) = memchr(b'\n', &text[at..]) {
        at += newline;
        let here = &text[at..];
        if let Some(found) = terminators.iter().find(|terminator| here.starts_with(terminator)) {
            return Found::At { at, length: found.len() };
        }
        if terminators.iter().any(|terminator| terminator.starts_with(here)) {
            return Found::NotBefore(at);
        }
        at += 1;
    }
    Found::NotBefore(text.len())
}

/// The begin of a text, for a message.
fn excerpt(text: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(&text[..text.len().min(80)]);
    text.into_owned()
}

#[cfg(test)]
mod tests;
