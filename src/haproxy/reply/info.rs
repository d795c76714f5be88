//! `show info`: process-wide facts, one `Name: value` a line.

use super::ReplyError;
use crate::haproxy::Version;

const COMMAND: &str = "show info";

/// What gw wants to know of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The version, with patch level and packaging, as HAProxy shows it.
    pub version_text: String,
    /// The version that decides.
    pub version: Version,
    /// The worker's process id.
    pub pid: u32,
    /// When it started, in seconds since 1970. With the pid it names a worker for good.
    pub start_time: u64,
    /// For how many seconds it has been running.
    pub uptime: u64,
    /// Its threads.
    pub threads: u32,
    /// Connections of clients now.
    pub connections: u64,
    /// Whether it is an old worker that finishes what it has.
    pub stopping: bool,
    /// `Tainted`: whether somebody used experimental or expert commands, and more.
    pub tainted: u64,
    /// `node` of the configuration, or the host name.
    pub node: String,
}

/// Reads a reply.
pub fn parse(text: &str) -> Result<Info, ReplyError> {
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim_end());
        found.ok_or_else(|| ReplyError::new(COMMAND, format!("no line {name}"), text))
    };
    let number = |name: &str| -> Result<u64, ReplyError> {
        let text = value(name)?;
        text.parse().map_err(|_| ReplyError::new(COMMAND, format!("{name} is no number"), text))
    };
    let small = |name: &str| -> Result<u32, ReplyError> {
        let wide = number(name)?;
        let error = |_| ReplyError::new(COMMAND, format!("{name} is too large"), text);
        u32::try_from(wide).map_err(error)
    };
    let version = value("Version")?;
    Ok(Info {
        version_text: version.to_owned(),
        version: Version::parse(version)
            .ok_or_else(|| ReplyError::new(COMMAND, "no version", version))?,
        pid: small("Pid")?,
        start_time: number("Start_time_sec")?,
        uptime: number("Uptime_sec")?,
        threads: small("Nbthread")?,
        connections: number("CurrConns")?,
        stopping: number("Stopping")? != 0,
        tainted: tainted(value("Tainted")?)?,
        node: value("node")?.to_owned(),
    })
}

/// Hexadecimal with `0x`, or `0`.
fn tainted(text: &str) -> Result<u64, ReplyError> {
    let digits = text.trim_start_matches("0x");
    let parsed = if digits.is_empty() { Ok(0) } else { u64::from_str_radix(digits, 16) };
    parsed.map_err(|_| ReplyError::new(COMMAND, "Tainted is no number", text))
}
