//! Servers: `set server`, `add server`, `del server` and their kin.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{Command, CommandError, argument::Line, verdict::Expect};

/// HAProxy's largest weight; it refuses more.
const WEIGHT_MAX: u16 = 256;

/// What `set server … state` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminState {
    /// In service: ends maintenance and drain.
    Ready,
    /// No new sessions but those that stick to it.
    Drain,
    /// Out of service, not checked.
    Maint,
}

impl AdminState {
    const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

impl fmt::Display for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Command {
    /// Moves a server to another address. Asynchronous on 3.0+: reads may see the old one for a
    /// millisecond, and so does a second move: send one per server and batch. The family may
    /// change, but not from or to a unix socket or an unresolved name.
    pub fn set_server_addr(
        backend: &str,
        server: &str,
        address: IpAddr,
        port: u16,
    ) -> Result<Self, CommandError> {
        if port == 0 {
            return Err(CommandError::Range { what: "port", value: 0 });
        }
        let line = Line::new("set server").server(backend, server).word("addr");
        let line = line.value(&address.to_string()).word("port").number(port);
        Self::new(line, Expect::Address)
    }

    /// Sets the weight, 0 to 256.
    pub fn set_server_weight(
        backend: &str,
        server: &str,
        weight: u16,
    ) -> Result<Self, CommandError> {
        if weight > WEIGHT_MAX {
            return Err(CommandError::Range { what: "weight", value: weight.into() });
        }
        let line = Line::new("set server").server(backend, server).word("weight").number(weight);
        Self::new(line, Expect::Silence)
    }

    /// Sets the maximum of connections; 0 is none.
    pub fn set_server_maxconn(
        backend: &str,
        server: &str,
        maxconn: u32,
    ) -> Result<Self, CommandError> {
        // Stored in a C int; -1 becomes four billion.
        if maxconn > i32::MAX.cast_unsigned() {
            return Err(CommandError::Range { what: "maxconn", value: maxconn.into() });
        }
        let line = Line::new("set maxconn server").server(backend, server).number(maxconn);
        Self::new(line, Expect::Silence)
    }

    /// Sets the administrative state. [`AdminState::Ready`] ends maintenance and drain.
    pub fn set_server_state(
        backend: &str,
        server: &str,
        state: AdminState,
    ) -> Result<Self, CommandError> {
        let line = Line::new("set server").server(backend, server).word("state");
        Self::new(line.word(state.word()), Expect::Silence)
    }

    /// Ends maintenance. Sets a checked server UP even where its checks just failed, up to 3.0.
    pub fn enable_server(backend: &str, server: &str) -> Result<Self, CommandError> {
        Self::new(Line::new("enable server").server(backend, server), Expect::Silence)
    }

    /// Begins maintenance.
    pub fn disable_server(backend: &str, server: &str) -> Result<Self, CommandError> {
        Self::new(Line::new("disable server").server(backend, server), Expect::Silence)
    }

    /// Begins health checks; needs the keyword `check` of the server. Without this a server added
    /// at runtime is never checked.
    pub fn enable_health(backend: &str, server: &str) -> Result<Self, CommandError> {
        Self::new(Line::new("enable health").server(backend, server), Expect::Silence)
    }

    /// Adds a server, born in maintenance. `default-server` does not reach it: every setting must
    /// stand in `keywords`, one word each. `address` is an IP address with port or a unix socket;
    /// HAProxy would take a host name and never resolve it.
    pub fn add_server(
        backend: &str,
        server: &str,
        address: &str,
        keywords: &[&str],
    ) -> Result<Self, CommandError> {
        let unix = address.strip_prefix("unix@").unwrap_or(address).starts_with('/');
        let inet = address.parse::<SocketAddr>().is_ok_and(|address| address.port() > 0);
        if !unix && !inet {
            return Err(CommandError::Address(address.to_owned()));
        }
        let line = Line::new("add server").server(backend, server).value(address);
        let line = keywords.iter().fold(line, |line, keyword| line.value(keyword));
        Self::new(line, Expect::last("New server registered."))
    }

    /// Deletes a server, which must be in maintenance and without connections, idle ones included.
    pub fn del_server(backend: &str, server: &str) -> Result<Self, CommandError> {
        let line = Line::new("del server").server(backend, server);
        let unchanged = Some("No such server.");
        Self::new(line, Expect::Last { starts: "Server deleted.", ends: "", unchanged })
    }

    /// Waits until a server can be deleted (3.0+). Blocks the connection for up to `limit`.
    pub fn wait_srv_removable(
        backend: &str,
        server: &str,
        limit: Duration,
    ) -> Result<Self, CommandError> {
        let line = Line::new("wait").number(millis(limit)).word("srv-removable");
        let line = line.server(backend, server);
        Ok(Self::new(line, Expect::last("Done."))?.patient(limit))
    }
}

/// A delay as HAProxy takes it: whole milliseconds, at least one.
pub(super) fn millis(limit: Duration) -> u32 {
    u32::try_from(limit.as_millis()).unwrap_or(u32::MAX).clamp(1, i32::MAX.cast_unsigned())
}
