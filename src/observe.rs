//! Reading the state of a running HAProxy: of all of it, or of what a change touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    diff::Scope,
    haproxy::{
        Command, CommandError, Connection, SocketError, Verdict, Version,
        reply::{
            self, ReplyError,
            map::MapEntry,
            servers::{self, CheckResult, OpState, ServerState, ServersReader},
            stat::{StatKind, StatReader, StatRow},
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
    scope: &Scope,
    certificates: impl IntoIterator<Item = &String>,
) -> Result<Live, SocketError> {
    let mut live = identity(connection).await?;
    if live.structure.is_none() {
        return Ok(live);
    }
    live.notes = notes(connection).await?;
    let ours = |name: &str| live.notes.contains_key(&Note::Backend(name.to_owned()));
    // The notebook may be ahead of the process: a backend counts only if both know it.
    let names = connection.run_one(&Command::show_backend()).await?;
    let (present, foreign): (BTreeSet<String>, BTreeSet<String>) =
        understood(reply::backend::parse(&names.text))?.into_iter().partition(|name| ours(name));
    (live.backends, live.unpublished) = match &scope.backends {
        None => (backends(connection, present).await?, unpublished(connection).await?),
        Some(names) => {
            let names = names.iter().filter(|name| present.contains(name.as_str())).collect();
            (some_backends(connection, &names, scope.limits).await?, BTreeSet::new())
        }
    };
    live.foreign = foreign;
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
    read_lines(connection, &made(Command::show_map(map, None))?, |line| {
        if let Some(MapEntry { reference, key, value }) = reply::map::parse_entry(line)? {
            match entries.get_mut(&key) {
                Some(first) => first.duplicates.push(reference),
                None => {
                    entries.insert(key, LiveEntry { value, duplicates: Vec::new() });
                }
            }
        }
        Ok(())
    })
    .await?;
    Ok(entries)
}

type Backends = BTreeMap<String, BTreeMap<String, LiveServer>>;

/// The servers of gw's backends. `show servers state` has all but two columns, for which the dear
/// `show stat` is needed.
async fn backends(
    connection: &mut Connection,
    names: BTreeSet<String>,
) -> Result<Backends, SocketError> {
    let mut found: Backends = names.into_iter().map(|name| (name, BTreeMap::new())).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let mut servers = ServersReader::new();
    read_lines(connection, &Command::show_servers_state(), |line| {
        servers.line(line).map(|row| row.into_iter().for_each(|row| add_server(&mut found, &row)))
    })
    .await?;
    let mut stat = StatReader::new();
    read_lines(connection, &Command::show_stat_servers(), |line| {
        stat.line(line).map(|row| row.into_iter().for_each(|row| add_limits(&mut found, &row)))
    })
    .await?;
    Ok(found)
}

/// The backends that requests can't reach yet, which only HAProxy 3.4 knows.
async fn unpublished(connection: &mut Connection) -> Result<BTreeSet<String>, SocketError> {
    let mut found = BTreeSet::new();
    if connection.version() < Version::V3_4 {
        return Ok(found);
    }
    let mut stat = StatReader::new();
    read_lines(connection, &Command::show_stat_backends(), |line| {
        let row = stat.line(line)?.filter(|row| row.unpublished);
        found.extend(row.map(|row| row.proxy.into_owned()));
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The servers of some backends, each read by itself. One that the process does not have is not in
/// the result.
async fn some_backends(
    connection: &mut Connection,
    names: &BTreeSet<&BackendName>,
    limits: bool,
) -> Result<Backends, SocketError> {
    let states = names.iter().map(|name| Command::show_servers_state_of(name.as_str()));
    let stats = names.iter().filter(|_| limits).map(|name| Command::show_stat_of(name.as_str()));
    let commands: Vec<Command> =
        states.chain(stats).map(made).collect::<Result<_, SocketError>>()?;
    let replies = connection.run(&commands).await?;
    let (states, stats) = replies.split_at(names.len());
    let mut found = Backends::new();
    for (name, reply) in names.iter().zip(states) {
        if reply.verdict == Verdict::Refused(servers::NO_BACKEND.to_owned()) {
            continue;
        }
        accept(&reply.verdict)?;
        found.insert(name.to_string(), BTreeMap::new());
        for row in &understood(servers::parse(&reply.text))? {
            add_server(&mut found, row);
        }
    }
    for reply in stats.iter().filter(|reply| reply.verdict.is_success()) {
        let mut reader = StatReader::new();
        for line in reply.text.split('\n') {
            let row = understood(reader.line(line))?;
            if let Some(row) = row {
                add_limits(&mut found, &row);
            }
        }
    }
    Ok(found)
}

/// Reads a large reply line by line.
async fn read_lines(
    connection: &mut Connection,
    command: &Command,
    mut read: impl FnMut(&str) -> Result<(), ReplyError>,
) -> Result<(), SocketError> {
    let mut bad = None;
    let verdict = connection
        .run_lines(command, |line| {
            if bad.is_none() {
                bad = read(line).err();
            }
        })
        .await?;
    accept(&verdict)?;
    bad.map_or(Ok(()), |error| Err(not_understood(&error)))
}

fn add_server(found: &mut Backends, row: &ServerState<'_>) {
    let Some(servers) = found.get_mut(row.backend) else { return };
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
        check_passed: passed(row),
        checked: row.check_configured,
    };
    servers.insert(row.name.to_owned(), server);
}

/// Whether the last check of a server was good.
pub fn passed(row: &ServerState<'_>) -> bool {
    matches!(row.check_result, CheckResult::Passed | CheckResult::PassedConditionally)
}

fn add_limits(found: &mut Backends, row: &StatRow<'_>) {
    // 0 is what `set maxconn server` leaves of a limit that was taken away.
    let maxconn = row.limit.filter(|limit| *limit > 0);
    // What most servers say is what was assumed.
    if row.kind != StatKind::Server || (maxconn.is_none() && !row.backup) {
        return;
    }
    let backend = found.get_mut(&*row.proxy);
    if let Some(server) = backend.and_then(|servers| servers.get_mut(&*row.name)) {
        server.maxconn = maxconn;
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
