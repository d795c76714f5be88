//! `show servers state` (manual, section 9.3): the same 25 columns on all versions from 2.6 to 3.4.

use std::net::IpAddr;

use super::{
    ReplyError,
    table::{Header, Row},
};

const COMMAND: &str = "show servers state";

/// One server as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with its name")]
pub struct ServerState {
    /// The backend.
    pub backend: String,
    /// The server.
    pub name: String,
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
    /// Whether the health check is running.
    pub check_enabled: bool,
    /// Whether a check is under way right now.
    pub check_running: bool,
    /// What the last check said.
    pub check_result: CheckResult,
    /// The counter of good and bad checks: up from `rise` on, at most `rise + fall - 1`.
    pub check_health: u32,
    /// Whether it is spoken to in TLS.
    pub use_ssl: bool,
    /// Its host name, where it has one.
    pub fqdn: Option<String>,
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
    /// [`check_status`](super::stat::StatRow::check_status).
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
    columns: Option<Columns>,
    fields: Vec<String>,
}

impl ServersReader {
    /// A reader at the first line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line. None for the format version, the header and empty lines.
    pub fn line(&mut self, line: &str) -> Result<Option<ServerState>, ReplyError> {
        let line = line.trim_end_matches(['\r', '\0']);
        if line.trim().is_empty() {
            return Ok(None);
        }
        if let Some(names) = line.strip_prefix("# ") {
            self.columns = Some(Columns::find(&Header::new(COMMAND, names.split(' ')))?);
            return Ok(None);
        }
        let Some(columns) = &self.columns else {
            // The format: 1 since HAProxy 1.6.
            return if line == "1" { Ok(None) } else { Err(error("no header before it", line)) };
        };
        self.fields.clear();
        self.fields.extend(line.split(' ').map(str::to_owned));
        columns.row(&Row::new(COMMAND, line, &self.fields)).map(Some)
    }
}

/// Reads a whole reply. An unknown backend is an error here, an empty one has no rows.
pub fn parse(text: &str) -> Result<Vec<ServerState>, ReplyError> {
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

#[derive(Clone, Debug)]
struct Columns {
    be_name: usize,
    srv_name: usize,
    srv_addr: usize,
    srv_port: usize,
    op_state: usize,
    admin_state: usize,
    uweight: usize,
    iweight: usize,
    check_result: usize,
    check_health: usize,
    check_state: usize,
    use_ssl: Option<usize>,
    fqdn: Option<usize>,
}

impl Columns {
    fn find(header: &Header) -> Result<Self, ReplyError> {
        Ok(Self {
            be_name: header.column("be_name")?,
            srv_name: header.column("srv_name")?,
            srv_addr: header.column("srv_addr")?,
            srv_port: header.column("srv_port")?,
            op_state: header.column("srv_op_state")?,
            admin_state: header.column("srv_admin_state")?,
            uweight: header.column("srv_uweight")?,
            iweight: header.column("srv_iweight")?,
            check_result: header.column("srv_check_result")?,
            check_health: header.column("srv_check_health")?,
            check_state: header.column("srv_check_state")?,
            use_ssl: header.find("srv_use_ssl"),
            fqdn: header.find("srv_fqdn"),
        })
    }

    fn row(&self, row: &Row<'_>) -> Result<ServerState, ReplyError> {
        // Bits of srv_check_state: 1 in progress, 2 configured, 4 enabled, 8 paused.
        let check: u32 = row.number(self.check_state)?;
        let address = match row.text(self.srv_addr)? {
            "-" => None,
            text => Some(text.parse().map_err(|_| row.error(&format!("address {text:?}")))?),
        };
        let fqdn = self.fqdn.map(|column| row.text(column)).transpose()?;
        Ok(ServerState {
            backend: row.text(self.be_name)?.to_owned(),
            name: row.text(self.srv_name)?.to_owned(),
            address,
            port: row.number(self.srv_port)?,
            op_state: match row.number(self.op_state)? {
                0u8 => OpState::Stopped,
                1 => OpState::Starting,
                2 => OpState::Running,
                3 => OpState::Stopping,
                _ => return Err(row.error("unknown srv_op_state")),
            },
            admin: AdminBits(row.number(self.admin_state)?),
            weight: row.number(self.uweight)?,
            initial_weight: row.number(self.iweight)?,
            check_configured: check & 2 != 0,
            check_enabled: check & 4 != 0,
            check_running: check & 1 != 0,
            check_result: match row.number(self.check_result)? {
                0u8 => CheckResult::Unknown,
                1 => CheckResult::Neutral,
                2 => CheckResult::Failed,
                3 => CheckResult::Passed,
                4 => CheckResult::PassedConditionally,
                _ => return Err(row.error("unknown srv_check_result")),
            },
            check_health: row.number(self.check_health)?,
            use_ssl: row.optional::<u8>(self.use_ssl)? == Some(1),
            fqdn: fqdn.filter(|fqdn| *fqdn != "-").map(str::to_owned),
        })
    }
}
