//! Certificates: stores, transactions and crt-lists. The order that makes a new host name live is
//! `new`, `set`, `commit`, then `add ssl crt-list`; for new content of a known one, `set`, `commit`.

use super::{Command, CommandError, Payload, argument::Line, verdict::Expect};

impl Command {
    /// Makes an empty store.
    pub fn new_ssl_cert(name: &str) -> Result<Self, CommandError> {
        let done = "New empty certificate store '";
        Self::new(Line::new("new ssl cert").value(name), quoted(done, "'!"))
    }

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

    /// Throws away a transaction. Unchanged where none is open.
    pub fn abort_ssl_cert(name: &str) -> Result<Self, CommandError> {
        let expect = Expect::Last {
            starts: "Transaction aborted for certificate '",
            ends: "'!",
            unchanged: Some("No ongoing transaction!"),
        };
        Self::new(Line::new("abort ssl cert").value(name), expect)
    }

    /// Deletes a store that nothing uses.
    pub fn del_ssl_cert(name: &str) -> Result<Self, CommandError> {
        Self::new(Line::new("del ssl cert").value(name), quoted("Certificate '", "' deleted!"))
    }

    /// Adds a certificate to a crt-list, and with it to every bind that uses the list. Twice makes
    /// two lines: look before.
    pub fn add_ssl_crt_list(list: &str, cert: &str) -> Result<Self, CommandError> {
        let line = Line::new("add ssl crt-list").value(list).value(cert);
        Self::new(line, Expect::last("Success!"))
    }

    /// Adds a line with options in brackets or SNI filters to a crt-list.
    pub fn add_ssl_crt_list_line(list: &str, text: &str) -> Result<Self, CommandError> {
        if text.trim() != text || text.is_empty() {
            return Err(CommandError::Value(text.to_owned()));
        }
        if text.contains(char::is_control) {
            return Err(CommandError::Control(text.to_owned()));
        }
        let payload = Payload { lines: format!("{text}\n"), secret: false };
        let line = Line::new("add ssl crt-list").value(list);
        Self::with_payload(line, payload, Expect::last("Success!"))
    }

    /// Takes a certificate out of a crt-list. `line` (from `show ssl crt-list -n`) is needed where
    /// the list names it more than once.
    pub fn del_ssl_crt_list(
        list: &str,
        cert: &str,
        line: Option<u32>,
    ) -> Result<Self, CommandError> {
        let cert = line.map_or_else(|| cert.to_owned(), |line| format!("{cert}:{line}"));
        let command = Line::new("del ssl crt-list").value(list).value(&cert);
        Self::new(command, quoted("Entry '", "'!"))
    }
}

/// A last line around a name.
const fn quoted(starts: &'static str, ends: &'static str) -> Expect {
    Expect::Last { starts, ends, unchanged: None }
}
