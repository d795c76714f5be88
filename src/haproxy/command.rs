//! Commands for HAProxy's runtime socket, validated when they are made: a [`Command`] that exists
//! can be sent. Each knows how to judge its reply. The constructors stand in the files below, by
//! what they are about; nothing else in gw writes a line for the socket.

mod argument;
mod backend;
mod map;
mod server;
mod show;
mod tls;
mod verdict;

use std::{fmt, time::Duration};

pub use server::AdminState;
pub use verdict::Verdict;

use super::Version;
use argument::Line;
use verdict::Expect;

/// The longest command that goes out, payload included, up to 3.2: `tune.bufsize` is 16,384 bytes
/// by default and HAProxy wants some of it (16,296 bytes pass, 16,380 don't). What happens beyond
/// ranges from an error to a silently closed connection (2.6).
pub const SIZE_MAX: usize = 15 * 1024;

/// The longest payload from 3.4 on (`tune.cli.max-payload-size`, 128 KB by default).
pub const PAYLOAD_MAX_3_4: usize = 120 * 1024;

/// One line for the runtime socket, perhaps with a payload, and how to judge its reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The line, escaped, without its newline.
    line: String,
    payload: Option<Payload>,
    expect: Expect,
    /// How long HAProxy may take on purpose before it answers (`wait`).
    patience: Duration,
}

/// Lines that follow a command ending in `<<`, up to an empty line.
#[derive(Clone, PartialEq, Eq)]
struct Payload {
    /// Non-empty lines, each with its newline.
    lines: String,
    /// A private key: never shown.
    secret: bool,
}

/// Why a command can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A newline, NUL or other control character, which has no spelling on the socket.
    #[error("{0:?} holds a control character, which can't be sent to HAProxy")]
    Control(String),
    /// Nothing where HAProxy needs something.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// A name of a backend or server outside HAProxy's alphabet.
    #[error("{0:?} is no name of a backend or server: use A-Z, a-z, 0-9 and -_.:")]
    Name(String),
    /// A key of a map that HAProxy would read as something else.
    #[error("{0:?} can't be a key of a map: a key has no blanks and does not begin with #")]
    Key(String),
    /// A value of a map that would not survive a map file.
    #[error("{0:?} can't be a value of a map: it begins or ends with a blank")]
    Value(String),
    /// An address that `add server` would take for a host name and never resolve.
    #[error("{0:?} is no IP address with a port, nor a unix socket")]
    Address(String),
    /// A number that HAProxy would clip, wrap or refuse.
    #[error("{what} {value} is out of range")]
    Range {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// Longer than any HAProxy takes.
    #[error("the command is {0} bytes long, more than HAProxy takes")]
    TooLong(usize),
    /// More than the 64 words of a command line.
    #[error("the command has {0} words, HAProxy takes 64")]
    TooManyWords(usize),
    /// Not a PEM text.
    #[error("the certificate is no PEM text")]
    NoPem,
}

impl Command {
    /// A command without payload.
    fn new(line: Line, expect: Expect) -> Result<Self, CommandError> {
        let line = line.finish()?;
        Ok(Self { line, payload: None, expect, patience: Duration::ZERO })
    }

    /// A command with payload. `lines` are checked by the caller to be non-empty lines.
    fn with_payload(line: Line, payload: Payload, expect: Expect) -> Result<Self, CommandError> {
        let mut command = Self::new(line, expect)?;
        command.payload = Some(payload);
        let size = command.size();
        if size > PAYLOAD_MAX_3_4 { Err(CommandError::TooLong(size)) } else { Ok(command) }
    }

    /// Allows HAProxy to take its time.
    fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What one command may be long on this version.
    pub fn size_limit(version: Version) -> usize {
        if version >= Version::V3_4 { PAYLOAD_MAX_3_4 } else { SIZE_MAX }
    }

    /// The bytes it takes on the socket, without a prefix for the master.
    pub fn size(&self) -> usize {
        // " <<", newline, lines, empty line.
        self.line.len() + 1 + self.payload.as_ref().map_or(0, |payload| payload.lines.len() + 4)
    }

    /// Appends what is sent. `prefix` routes it through a master socket.
    pub fn encode(&self, prefix: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(self.line.as_bytes());
        if let Some(payload) = &self.payload {
            out.extend_from_slice(b" <<\n");
            out.extend_from_slice(payload.lines.as_bytes());
        }
        out.push(b'\n');
    }

    /// Whether lines of payload follow.
    pub fn has_payload(&self) -> bool {
        self.payload.is_some()
    }

    /// How long HAProxy may take on purpose before it answers.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether the reply quotes texts that HAProxy did not write itself (names, values, subjects of
    /// certificates), so that its end must be marked by more than a prompt.
    pub fn is_dump(&self) -> bool {
        matches!(self.expect, Expect::Data { .. })
    }

    /// Judges a whole reply, without the prompt that ended it.
    pub fn judge(&self, reply: &str) -> Verdict {
        self.expect.judge(reply)
    }

    /// Whether a dump that begins with this line is one, rather than a refusal.
    pub fn opens_dump(&self, first_line: &str) -> bool {
        self.expect.judge(first_line) == Verdict::Done
    }

    /// What HAProxy would be told, without payload.
    pub fn line(&self) -> &str {
        &self.line
    }
}

impl fmt::Display for Command {
    /// What is really sent, private keys apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)?;
        match &self.payload {
            None => Ok(()),
            Some(Payload { lines, secret: true }) => write!(f, " << ({} bytes)", lines.len()),
            Some(Payload { lines, secret: false }) => write!(f, " <<\n{}", lines.trim_end()),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}

#[cfg(test)]
mod tests;
