//! Reading the state of a running HAProxy: of all of it, or of what a change touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    diff::Scope,
    haproxy::{
        Capabilities, Command, CommandError, Connection, SocketError, Verdict,
        reply::{
            self, ReplyError,
            servers::{CheckResult, OpState, ServerState},
            stat::{StatKind, StatRow},
        },
    },
    model::{BackendName, Live, LiveEntry, LiveServer, MapName, NOTEBOOK, Note, Process},
};

/// How long HAProxy may stay behind while it is read.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Reads the process. `certificates` are the file names whose fingerprints are wanted.
///
/// A part that is not in `scope` is empty in the result, apart from the notebook, which is always
/// read: it is what tells gw's backends from others.
pub async fn observe(
    connection: &mut Connection,
    capabilities: &Capabilities,
    scope: &Scope,
    certificates: impl IntoIterator<Item = &String>,
) -> Result<Live, SocketError> {
    let mut live = identity(connection).await?;
    if live.structure.is_none() {
        return Ok(live);
    }
    live.notes = notes(connection).await?;
    let ours: BTreeSet<BackendName> = live
        .notes
        .keys()
        .filter_map(|note| match note {
            Note::Backend(name) => BackendName::from_haproxy(name),
            Note::Revision
            | Note::Profile(_)
            | Note::Certificate(_)
            | Note::Server(..)
            | Note::Weight(..) => None,
        })
        .filter(|name| scope.backends.as_ref().is_none_or(|names| names.contains(name)))
        .collect();
    // The notebook may be ahead of the process: a backend counts only if both know it.
    let names = connection.run_one(&Command::show_backend()).await?;
    let present: BTreeSet<String> =
        understood(reply::backend::parse(&names.text))?.into_iter().collect();
    let ours: Vec<BackendName> =
        ours.into_iter().filter(|name| present.contains(name.as_str())).collect();
    let found = backends(connection, capabilities, &ours, scope).await?;
    (live.backends, live.unpublished) = (found.servers, found.unpublished);
    let is_foreign = |name: &String| match BackendName::from_haproxy(name) {
        Some(name) => !live.notes.contains_key(&Note::backend(&name)),
        None => false,
    };
    live.foreign = present.into_iter().filter(is_foreign).collect();
    if scope.routing {
        for map in MapName::ALL {
            let entries = entries(connection, map.file()).await?;
            live.maps.insert(map, entries);
        }
        live.certificates = fingerprints(connection, certificates).await?;
    }
    Ok(live)
}

/// Who answers, and which structure it loaded.
pub async fn identity(connection: &mut Connection) -> Result<Live, SocketError> {
    let commands = [Command::show_info(), made(Command::get_var("proc.gw_structure"))?];
    let replies = connection.run(&commands).await?;
    let [info, structure] = replies.as_slice() else {
        return Err(SocketError::Closed { answered: replies.len() });
    };
    let info = understood(reply::info::parse(&info.text))?;
    let structure = understood(reply::var::parse(&structure.text))?;
    let process = Process { pid: info.pid, started: info.start_time, version: info.version_text };
    Ok(Live { process, structure, ..Live::default() })
}

async fn notes(connection: &mut Connection) -> Result<BTreeMap<Note, String>, SocketError> {
    let entries = entries(connection, NOTEBOOK).await?;
    Ok(entries
        .into_iter()
        .filter_map(|(key, entry)| Some((key.parse().ok()?, entry.value)))
        .collect())
}

async fn entries(
    connection: &mut Connection,
    map: &str,
) -> Result<BTreeMap<String, LiveEntry>, SocketError> {
    let mut entries: BTreeMap<String, LiveEntry> = BTreeMap::new();
    let mut bad = None;
    let command = made(Command::show_map(map, None))?;
    let verdict = connection
        .run_lines(&command, |line| match reply::map::parse_entry(line) {
            Ok(Some(entry)) => match entries.get_mut(&entry.key) {
                Some(first) => first.duplicates.push(entry.reference),
                None => {
                    let live = LiveEntry { value: entry.value, duplicates: Vec::new() };
                    entries.insert(entry.key, live);
                }
            },
            Ok(None) => {}
            Err(error) => bad = Some(error),
        })
        .await?;
    accept(&verdict)?;
    bad.map_or(Ok(entries), |error| Err(not_understood(&error)))
}

/// What was found about gw's backends.
#[derive(Default)]
struct Found {
    servers: BTreeMap<String, BTreeMap<String, LiveServer>>,
    unpublished: BTreeSet<String>,
}

/// The servers of gw's backends. `show servers state` has all but two columns, for which the dear
/// `show stat` is needed.
async fn backends(
    connection: &mut Connection,
    capabilities: &Capabilities,
    ours: &[BackendName],
    scope: &Scope,
) -> Result<Found, SocketError> {
    let servers = ours.iter().map(|name| (name.to_string(), BTreeMap::new())).collect();
    let mut found = Found { servers, unpublished: BTreeSet::new() };
    if ours.is_empty() {
        return Ok(found);
    }
    if scope.backends.is_none() && capabilities.cheap_full_dump {
        dump(connection, &mut found).await?;
    } else {
        read_each(connection, ours, &mut found).await?;
    }
    Ok(found)
}

/// Reads all backends in two dumps.
async fn dump(connection: &mut Connection, found: &mut Found) -> Result<(), SocketError> {
    let mut reader = reply::servers::ServersReader::new();
    let mut bad = None;
    let verdict = connection
        .run_lines(&Command::show_servers_state(), |line| match reader.line(line) {
            Ok(row) => row.into_iter().for_each(|row| add_server(found, row)),
            Err(error) => bad = Some(error),
        })
        .await?;
    accept(&verdict)?;
    if let Some(error) = bad {
        return Err(not_understood(&error));
    }
    let stat = connection.run_one(&Command::show_stat_all()).await?;
    let rows = understood(reply::stat::parse(&stat.text))?;
    for row in &rows {
        add_stat(found, row);
    }
    Ok(())
}

/// Reads each backend by itself: many small replies, between which HAProxy serves requests.
async fn read_each(
    connection: &mut Connection,
    ours: &[BackendName],
    found: &mut Found,
) -> Result<(), SocketError> {
    let mut commands = Vec::with_capacity(ours.len() * 2);
    for name in ours {
        commands.push(made(Command::show_servers_state_of(name.as_str()))?);
        commands.push(made(Command::show_stat_of(name.as_str()))?);
    }
    let mut bad = None;
    connection
        .run_each(&commands, |index, reply| {
            let result = if index % 2 == 0 {
                reply::servers::parse(&reply.text)
                    .map(|rows| rows.into_iter().for_each(|row| add_server(found, row)))
            } else {
                reply::stat::parse(&reply.text)
                    .map(|rows| rows.iter().for_each(|row| add_stat(found, row)))
            };
            bad = bad.take().or(result.err());
        })
        .await?;
    bad.map_or(Ok(()), |error| Err(not_understood(&error)))
}

fn add_server(found: &mut Found, row: ServerState) {
    let Some(servers) = found.servers.get_mut(&row.backend) else { return };
    let server = LiveServer {
        address: row.address,
        port: row.port,
        weight: row.weight,
        initial_weight: row.initial_weight,
        maxconn: None,
        backup: false,
        maintenance: row.admin.in_maint(),
        disabled_in_file: row.admin.config_maint(),
        draining: row.admin.forced_drain(),
        up: row.op_state != OpState::Stopped,
        check_passed: passed(&row),
        checked: row.check_configured,
    };
    servers.insert(row.name, server);
}

/// Whether the last check of a server was good.
pub fn passed(row: &ServerState) -> bool {
    matches!(row.check_result, CheckResult::Passed | CheckResult::PassedConditionally)
}

fn add_stat(found: &mut Found, row: &StatRow) {
    let Some(servers) = found.servers.get_mut(&row.proxy) else { return };
    if row.kind == StatKind::Backend && row.is_unpublished() {
        found.unpublished.insert(row.proxy.clone());
    }
    let server = servers.get_mut(&row.name);
    if let (Some(server), StatKind::Server) = (server, row.kind) {
        // 0 is what `set maxconn server` leaves of a limit that was taken away.
        server.maxconn = row.limit.filter(|limit| *limit > 0);
        server.backup = row.backup;
    }
}

/// The fingerprints of those certificates that the process has.
async fn fingerprints(
    connection: &mut Connection,
    files: impl IntoIterator<Item = &String>,
) -> Result<BTreeMap<String, String>, SocketError> {
    let files: Vec<&String> = files.into_iter().collect();
    if files.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = connection.run_one(&Command::show_ssl_certs()).await?;
    let present: BTreeSet<String> = reply::cert::parse_list(&list.text).into_iter().collect();
    let mut found = BTreeMap::new();
    for file in files.into_iter().filter(|file| present.contains(*file)) {
        let reply = connection.run_one(&made(Command::show_ssl_cert(file))?).await?;
        let certificate = understood(reply::cert::parse(&reply.text))?;
        found.insert(file.clone(), certificate.fingerprint.unwrap_or_default());
    }
    Ok(found)
}

/// A command from names that were validated, or read from HAProxy, before.
fn made(command: Result<Command, CommandError>) -> Result<Command, SocketError> {
    command.map_err(|error| SocketError::Protocol(error.to_string()))
}

fn understood<T>(parsed: Result<T, ReplyError>) -> Result<T, SocketError> {
    parsed.map_err(|error| not_understood(&error))
}

fn not_understood(error: &ReplyError) -> SocketError {
    SocketError::Protocol(error.to_string())
}

fn accept(verdict: &Verdict) -> Result<(), SocketError> {
    match verdict {
        Verdict::Done | Verdict::Unchanged => Ok(()),
        Verdict::Refused(words) => Err(SocketError::Protocol(words.clone())),
    }
}
