//! `show servers state` (manual, section 9.3): the same 25 columns on all versions from 2.6 to 3.4.

use std::net::IpAddr;

use super::{
    ReplyError,
    table::{Columns, Row},
};

const COMMAND: &str = "show servers state";

/// What HAProxy says of a backend that it does not have.
pub const NO_BACKEND: &str = "Can't find backend.";

/// One server as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState<'a> {
    /// The backend.
    pub backend: &'a str,
    /// The server.
    pub name: &'a str,
    /// Its address. None for a unix socket and for a host name that did not resolve.
    pub address: Option<IpAddr>,
    /// Its port, 0 where there is none.
    pub port: u16,
    /// Whether it takes traffic, as its checks see it.
    pub op_state: OpState,
    /// Why it may be out of service.
    pub admin: AdminBits,
    /// The weight in use.
    pub weight: u16,
    /// The weight of the configuration, or of `add server`.
    pub initial_weight: u16,
    /// Whether a health check is configured.
    pub check_configured: bool,
    /// Whether it is made.
    pub check_enabled: bool,
    /// Whether a check is under way right now.
    pub check_running: bool,
    /// What the last check said.
    pub check_result: CheckResult,
}

/// `srv_op_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpState {
    /// Down.
    Stopped,
    /// In its slow start.
    Starting,
    /// Up.
    Running,
    /// Going down softly.
    Stopping,
}

/// `srv_check_result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// None yet, or a check is under way: for the last outcome look at
    /// `check_status` of `show stat`.
    Unknown,
    /// Checks are neutral now.
    Neutral,
    /// The check failed.
    Failed,
    /// The check passed.
    Passed,
    /// It passed, and the server wants no new sessions (`http-check disable-on-404`).
    PassedConditionally,
}

/// `srv_admin_state`. Never compare it with 0: a server that the configuration disabled and an
/// operator enabled keeps [`config_maint`](Self::config_maint) and is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdminBits(pub u32);

impl AdminBits {
    const FORCED_MAINT: u32 = 0x01;
    const INHERITED_MAINT: u32 = 0x02;
    const CONFIG_MAINT: u32 = 0x04;
    const FORCED_DRAIN: u32 = 0x08;
    const INHERITED_DRAIN: u32 = 0x10;
    const RESOLVER_MAINT: u32 = 0x20;

    /// Out of service: by hand, through a tracked server, or for want of an address.
    pub fn in_maint(self) -> bool {
        self.0 & (Self::FORCED_MAINT | Self::INHERITED_MAINT | Self::RESOLVER_MAINT) != 0
    }

    /// Out of service by a command, or by `disabled` in the configuration.
    pub fn forced_maint(self) -> bool {
        self.0 & Self::FORCED_MAINT != 0
    }

    /// The configuration said `disabled`; says nothing about now.
    pub fn config_maint(self) -> bool {
        self.0 & Self::CONFIG_MAINT != 0
    }

    /// Draining, by hand or through a tracked server.
    pub fn drain(self) -> bool {
        self.0 & (Self::FORCED_DRAIN | Self::INHERITED_DRAIN) != 0
    }

    /// Draining by a command.
    pub fn forced_drain(self) -> bool {
        self.0 & Self::FORCED_DRAIN != 0
    }
}

/// Reads the lines of the reply one by one, for dumps that should not stand in memory.
#[derive(Debug, Default)]
pub struct ServersReader {
    columns: Option<Columns<10>>,
}

impl ServersReader {
    /// A reader at the first line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line. None for the format version, the header and empty lines.
    pub fn line<'a>(&mut self, line: &'a str) -> Result<Option<ServerState<'a>>, ReplyError> {
        let line = line.trim_end_matches(['\r', '\0']);
        if line.trim().is_empty() {
            return Ok(None);
        }
        if let Some(names) = line.strip_prefix("# ") {
            self.columns = Some(Columns::find(COMMAND, names.split(' '), NAMES)?);
            return Ok(None);
        }
        let Some(columns) = &self.columns else {
            // The format: 1 since HAProxy 1.6.
            return if line == "1" { Ok(None) } else { Err(error("no header before it", line)) };
        };
        server(&columns.row(line, line.split(' '))?).map(Some)
    }
}

/// Reads a whole reply. An unknown backend is an error here, an empty one has no rows.
pub fn parse(text: &str) -> Result<Vec<ServerState<'_>>, ReplyError> {
    let mut reader = ServersReader::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        rows.extend(reader.line(line)?);
    }
    if reader.columns.is_none() { Err(error("no header", text)) } else { Ok(rows) }
}

fn error(what: &str, line: &str) -> ReplyError {
    ReplyError::new(COMMAND, what, line)
}

/// The columns that are read.
const NAMES: [&str; 10] = [
    "be_name",
    "srv_name",
    "srv_addr",
    "srv_port",
    "srv_op_state",
    "srv_admin_state",
    "srv_uweight",
    "srv_iweight",
    "srv_check_result",
    "srv_check_state",
];

fn server<'a>(row: &Row<'a, &'a str, 10>) -> Result<ServerState<'a>, ReplyError> {
    let [backend, name, address, ..] = row.fields;
    let address = match address {
        "-" => None,
        text => Some(text.parse().map_err(|_| row.error(&format!("address {text:?}")))?),
    };
    // Bits of srv_check_state: 1 in progress, 2 configured, 4 enabled, 8 paused.
    let check: u32 = row.number(9)?;
    Ok(ServerState {
        backend,
        name,
        address,
        port: row.number(3)?,
        op_state: match row.number(4)? {
            0u8 => OpState::Stopped,
            1 => OpState::Starting,
            2 => OpState::Running,
            3 => OpState::Stopping,
            _ => return Err(row.error("unknown srv_op_state")),
        },
        admin: AdminBits(row.number(5)?),
        weight: row.number(6)?,
        initial_weight: row.number(7)?,
        check_result: match row.number(8)? {
            0u8 => CheckResult::Unknown,
            1 => CheckResult::Neutral,
            2 => CheckResult::Failed,
            3 => CheckResult::Passed,
            4 => CheckResult::PassedConditionally,
            _ => return Err(row.error("unknown srv_check_result")),
        },
        check_configured: check & 2 != 0,
        check_enabled: check & 4 != 0,
        check_running: check & 1 != 0,
    })
}
