//! Commands that only read, and the settings of a connection.

use std::time::Duration;

use super::{Command, CommandError, argument::Line, verdict::Expect};

/// What both forms of `show ssl cert` begin with; a list without transactions has the first alone.
const CERT_LIST: &[&str] = &["# transaction", "# filename"];

/// A command of fixed words.
fn fixed(command: &'static str, expect: Expect) -> Command {
    Command { line: command.to_owned(), payload: None, expect, patience: Duration::ZERO }
}

impl Command {
    /// Process-wide facts.
    pub fn show_info() -> Self {
        fixed("show info", Expect::data(&["Name: "]))
    }

    /// All servers of all backends.
    pub fn show_servers_state() -> Self {
        fixed("show servers state", Expect::data(&["1\n# "]))
    }

    /// The servers of one backend.
    pub fn show_servers_state_of(backend: &str) -> Result<Self, CommandError> {
        let line = Line::new("show servers state").backend(backend);
        Self::new(line, Expect::data(&["1\n# "]))
    }

    /// The connections to the servers of one backend, in use and idle.
    pub fn show_servers_connections_of(backend: &str) -> Result<Self, CommandError> {
        let line = Line::new("show servers conn").backend(backend);
        Self::new(line, Expect::data(&["# bkname/svname"]))
    }

    /// Statistics of one backend and its servers. An unknown backend is refused (`No such proxy.`)
    /// only because types and server are given too: a bare `show stat x` shows a header and no row.
    pub fn show_stat_of(backend: &str) -> Result<Self, CommandError> {
        // Types: 2 backend + 4 server; -1: all servers.
        let line = Line::new("show stat").backend(backend).word("6").word("-1");
        Self::new(line, Expect::data(&["# pxname,"]))
    }

    /// Statistics of all servers. Dear: 4 times `show servers state`.
    pub fn show_stat_servers() -> Self {
        fixed("show stat -1 4 -1", Expect::data(&["# pxname,"]))
    }

    /// Statistics of all servers and backends.
    pub fn show_stat_all() -> Self {
        fixed("show stat -1 6 -1", Expect::data(&["# pxname,"]))
    }

    /// Statistics of all backends as wholes.
    pub fn show_stat_backends() -> Self {
        fixed("show stat -1 2 -1", Expect::data(&["# pxname,"]))
    }

    /// Statistics of all frontends and backends as wholes.
    pub fn show_stat_proxies() -> Self {
        // Types: 1 frontend + 2 backend; -1: all proxies, all servers.
        fixed("show stat -1 3 -1", Expect::data(&["# pxname,"]))
    }

    /// The names of all backends.
    pub fn show_backend() -> Self {
        fixed("show backend", Expect::data(&["# name"]))
    }

    /// The entries of a map.
    pub fn show_map(map: &str) -> Result<Self, CommandError> {
        let line = Line::new("show map").value(map);
        Self::new(line, Expect::Data { starts: &["0x"], or_empty: true })
    }

    /// The entry of a map that a key finds, by the rules of its matching.
    pub fn get_map(map: &str, key: &str) -> Result<Self, CommandError> {
        let line = Line::new("get map").value(map).value(key);
        Self::new(line, Expect::data(&["type="]))
    }

    /// A process-wide variable. `Variable not found.` is an answer too.
    pub fn get_var(name: &str) -> Result<Self, CommandError> {
        let line = Line::new("get var").value(name);
        Self::new(line, Expect::data(&["proc.", "Variable not found."]))
    }

    /// The names of all certificates and open transactions.
    pub fn show_ssl_certs() -> Self {
        fixed("show ssl cert", Expect::Data { starts: CERT_LIST, or_empty: true })
    }

    /// One certificate.
    pub fn show_ssl_cert(name: &str) -> Result<Self, CommandError> {
        Self::new(Line::new("show ssl cert").value(name), Expect::data(&["Filename: "]))
    }

    /// The processes under a master; only on the master socket.
    pub fn show_proc() -> Self {
        fixed("show proc", Expect::data(&["#<PID>"]))
    }

    /// Incomplete commands whose error messages tell whether they exist: `add backend`, `wait`, and
    /// the keywords of `add server` (3.2+). The last has no `/` in it, so it can't make a server,
    /// unlike `add server x/y help`.
    pub(crate) fn probes() -> [Self; 3] {
        [
            fixed("add backend", Expect::data(&["Require backend name."])),
            fixed("wait", Expect::data(&["Expects a duration"])),
            fixed("add server help", Expect::data(&["List of keywords"])),
        ]
    }
}
