//! Codecs of HAProxy's replies: text in, typed rows out. Columns are found by the names in the
//! header, never by position, so that columns that HAProxy adds change nothing. What can't be
//! understood is an error that carries the offending line; nothing that comes over a socket panics.

pub mod backend;
pub mod cert;
pub mod connections;
pub mod info;
pub mod map;
pub mod proc;
pub mod servers;
pub mod stat;
pub mod var;

#[cfg(test)]
mod recorded;
mod table;

/// A reply that is not what the manual says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("can't read HAProxy's reply to `{command}`: {what} in {line:?}")]
pub struct ReplyError {
    /// What was asked.
    pub command: &'static str,
    /// What is wrong.
    pub what: String,
    /// The offending line, shortened.
    pub line: String,
}

impl ReplyError {
    fn new(command: &'static str, what: impl Into<String>, line: &str) -> Self {
        Self { command, what: what.into(), line: line.chars().take(200).collect() }
    }
}
