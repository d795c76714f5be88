//! Certificates: `set`, then `commit`, makes new content of a known one live.

use super::{Command, CommandError, Payload, argument::Line, verdict::Expect};

impl Command {
    /// Puts a PEM text (certificate, chain and key) into a transaction. Empty lines are left out:
    /// one would end the payload, and what follows would be run as commands. Up to 3.2 the
    /// whole must stay below 15 KB.
    pub fn set_ssl_cert(name: &str, pem: &str) -> Result<Self, CommandError> {
        let mut lines = String::with_capacity(pem.len());
        for line in pem.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.contains(char::is_control) {
                return Err(CommandError::NoPem);
            }
            lines.extend([line, "\n"]);
        }
        if !lines.contains("-----BEGIN ") {
            return Err(CommandError::NoPem);
        }
        let line = Line::new("set ssl cert").value(name);
        let payload = Payload { lines, secret: true };
        // "Transaction created for certificate X!", or "updated" where one is open.
        Self::with_payload(line, payload, quoted("Transaction ", "!"))
    }

    /// Makes the content of a transaction live.
    pub fn commit_ssl_cert(name: &str) -> Result<Self, CommandError> {
        Self::new(Line::new("commit ssl cert").value(name), Expect::last("Success!"))
    }
}

/// A last line around a name.
const fn quoted(starts: &'static str, ends: &'static str) -> Expect {
    Expect::Last { starts, ends, unchanged: None }
}
