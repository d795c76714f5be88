//! Reading the state of a running HAProxy: of all of it, or of what a change touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    diff::Scope,
    haproxy::{
        Command, CommandError, Connection, Reply, SocketError, Verdict, Version,
        reply::{
            self, ReplyError,
            map::MapEntry,
            servers::{self, CheckResult, OpState, ServerState, ServersReader},
            stat::{self, Answers, StatKind, StatReader, StatRow},
        },
    },
    model::{
        BackendName, Desired, Live, LiveEntry, LiveServer, MapName, NOTEBOOK, Note, Process,
        REVISION,
    },
};

/// How long HAProxy may stay behind while it is read.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Where gw's certificates are, as HAProxy names them.
const CERTIFICATES: &str = "certs/";

/// Reads the process. What is not in `scope` is not in the result. Where only a part is read, it is
/// asked for by the names in `desired`.
pub async fn observe(
    connection: &mut Connection,
    scope: &Scope,
    desired: &Desired,
) -> Result<Live, SocketError> {
    let mut live = match &scope.backends {
        None => everything(connection).await?,
        Some(names) => some(connection, names, scope, desired).await?,
    };
    if scope.routing && live.structure.is_some() {
        for map in MapName::ALL {
            let entries = entries(connection, map.file()).await?;
            live.maps.insert(map, entries);
        }
        live.certificates = fingerprints(connection).await?;
    }
    Ok(live)
}

/// Who answers, and which structure it loaded.
pub async fn identity(connection: &mut Connection) -> Result<Live, SocketError> {
    let replies = connection.run(&identity_commands()?).await?;
    identity_of(&replies)
}

fn identity_commands() -> Result<[Command; 2], SocketError> {
    Ok([Command::show_info(), made(Command::get_var("proc.gw_structure"))?])
}

fn identity_of(replies: &[Reply]) -> Result<Live, SocketError> {
    let [info, structure] = replies else {
        return Err(SocketError::Closed { answered: replies.len() });
    };
    let info = understood(reply::info::parse(&info.text))?;
    let structure = understood(reply::var::parse(&structure.text))?;
    let process = Process { pid: info.pid, started: info.start_time, version: info.version_text };
    Ok(Live { process, structure, ..Live::default() })
}

/// Who answers, and how requests to each backend were answered so far.
pub async fn answers(
    connection: &mut Connection,
) -> Result<(Process, BTreeMap<String, Answers>), SocketError> {
    let process = identity(connection).await?.process;
    let reply = connection.run_one(&Command::show_stat_backends()).await?;
    accept(&reply.verdict)?;
    Ok((process, understood(stat::answers(&reply.text))?))
}

/// Who answers, all backends and the whole notebook.
async fn everything(connection: &mut Connection) -> Result<Live, SocketError> {
    let mut live = identity(connection).await?;
    if live.structure.is_none() {
        return Ok(live);
    }
    live.notes = notes(connection).await?;
    // The notebook may be ahead of the process: a backend counts only if both know it.
    let names = connection.run_one(&Command::show_backend()).await?;
    for name in understood(reply::backend::parse(&names.text))? {
        if live.notes.contains_key(&Note::Backend(name.clone())) {
            live.backends.insert(name, BTreeMap::new());
        } else {
            live.foreign.insert(name);
        }
    }
    if !live.backends.is_empty() {
        servers_of_all(connection, &mut live).await?;
    }
    Ok(live)
}

/// Who answers, some backends, and what the notebook says about them. All is asked at once, and by
/// name, so that the cost does not follow the estate.
async fn some(
    connection: &mut Connection,
    names: &BTreeSet<BackendName>,
    scope: &Scope,
    desired: &Desired,
) -> Result<Live, SocketError> {
    let states = names.iter().map(|name| Command::show_servers_state_of(name.as_str()));
    let limits = names.iter().filter(|_| scope.limits);
    let limits = limits.map(|name| Command::show_stat_of(name.as_str()));
    let notes = notes_about(names, scope, desired);
    let mut commands = identity_commands()?.to_vec();
    for command in states.chain(limits).chain(notes.iter().map(look_up)) {
        commands.push(made(command)?);
    }
    let replies = connection.run(&commands).await?;
    let (who, replies) = replies.split_at(2);
    let (states, replies) = replies.split_at(names.len());
    let (limits, lookups) = replies.split_at(replies.len() - notes.len());
    let mut live = identity_of(who)?;
    if live.structure.is_none() {
        return Ok(live);
    }
    live.notes = found(notes, lookups)?;
    for (name, reply) in names.iter().zip(states) {
        if reply.verdict == Verdict::Refused(servers::NO_BACKEND.to_owned()) {
            continue;
        }
        accept(&reply.verdict)?;
        if live.notes.contains_key(&Note::backend(name)) {
            live.backends.insert(name.to_string(), BTreeMap::new());
            for row in &understood(servers::parse(&reply.text))? {
                add_server(&mut live.backends, row);
            }
        } else {
            live.foreign.insert(name.to_string());
        }
    }
    for reply in limits.iter().filter(|reply| reply.verdict.is_success()) {
        let mut reader = StatReader::new();
        for line in reply.text.split('\n') {
            if let Some(row) = understood(reader.line(line))? {
                add_limits(&mut live.backends, &row);
            }
        }
    }
    let others = notes_about_others(&live, desired);
    let commands: Vec<Command> = others.iter().map(look_up).map(made).collect::<Result<_, _>>()?;
    let lookups = connection.run(&commands).await?;
    live.notes.extend(found(others, &lookups)?);
    Ok(live)
}

/// The notes that matter for backends as they are wanted.
fn notes_about(names: &BTreeSet<BackendName>, scope: &Scope, desired: &Desired) -> Vec<Note> {
    let mut notes = vec![Note::Revision];
    for name in names {
        notes.push(Note::backend(name));
        if let Some(backend) = desired.backends.get(name) {
            notes.push(Note::Profile(backend.profile.name().to_owned()));
            for server in backend.servers.keys() {
                notes.extend([Note::server(name, server), Note::weight(name, server)]);
            }
        }
    }
    if scope.routing {
        notes.extend(desired.certificates.keys().cloned().map(Note::Certificate));
    }
    notes
}

/// The notes that matter for servers that run and are not wanted.
fn notes_about_others(live: &Live, desired: &Desired) -> Vec<Note> {
    let mut notes = Vec::new();
    for (name, servers) in &live.backends {
        let wanted = desired.backends.get(name.as_str());
        let is_wanted =
            |server: &str| wanted.is_some_and(|backend| backend.servers.contains_key(server));
        for server in servers.keys().filter(|server| !is_wanted(server)) {
            notes.push(Note::Server(name.clone(), server.clone()));
            notes.push(Note::Weight(name.clone(), server.clone()));
        }
    }
    notes
}

fn look_up(note: &Note) -> Result<Command, CommandError> {
    Command::get_map(note.map(), &note.to_string())
}

/// The notes that were found, with what they say.
fn found(notes: Vec<Note>, lookups: &[Reply]) -> Result<BTreeMap<Note, String>, SocketError> {
    let mut found = BTreeMap::new();
    for (note, reply) in notes.into_iter().zip(lookups) {
        accept(&reply.verdict)?;
        if let Some(value) = understood(reply::map::parse_lookup(&reply.text))? {
            found.insert(note, value);
        }
    }
    Ok(found)
}

async fn notes(connection: &mut Connection) -> Result<BTreeMap<Note, String>, SocketError> {
    let revision = entries(connection, REVISION).await?;
    let entries = entries(connection, NOTEBOOK).await?;
    Ok(entries
        .into_iter()
        .chain(revision)
        .filter_map(|(key, entry)| Some((key.parse().ok()?, entry.value)))
        .collect())
}

async fn entries(
    connection: &mut Connection,
    map: &str,
) -> Result<BTreeMap<String, LiveEntry>, SocketError> {
    let mut entries: BTreeMap<String, LiveEntry> = BTreeMap::new();
    read_lines(connection, &made(Command::show_map(map))?, |line| {
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

/// The servers of all backends. `show servers state` has all but two columns, for which the dear
/// `show stat` is needed.
async fn servers_of_all(connection: &mut Connection, live: &mut Live) -> Result<(), SocketError> {
    let mut states = ServersReader::new();
    read_lines(connection, &Command::show_servers_state(), |line| {
        if let Some(row) = states.line(line)? {
            add_server(&mut live.backends, &row);
        }
        Ok(())
    })
    .await?;
    // That a backend is not published yet only 3.4 knows.
    let has_unpublished = connection.version() >= Version::V3_4;
    let command =
        if has_unpublished { Command::show_stat_all() } else { Command::show_stat_servers() };
    let mut stat = StatReader::new();
    read_lines(connection, &command, |line| {
        if let Some(row) = stat.line(line)? {
            add_limits(&mut live.backends, &row);
            if row.unpublished {
                live.unpublished.insert(row.proxy.into_owned());
            }
        }
        Ok(())
    })
    .await
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

/// The fingerprints of gw's certificates.
async fn fingerprints(
    connection: &mut Connection,
) -> Result<BTreeMap<String, String>, SocketError> {
    let list = connection.run_one(&Command::show_ssl_certs()).await?;
    let names = reply::cert::parse_list(&list.text).into_iter();
    let files: Vec<String> = names.filter(|name| name.starts_with(CERTIFICATES)).collect();
    let commands: Vec<Command> = files
        .iter()
        .map(|file| made(Command::show_ssl_cert(file)))
        .collect::<Result<_, SocketError>>()?;
    let mut found = BTreeMap::new();
    for (file, reply) in files.into_iter().zip(connection.run(&commands).await?) {
        let certificate = understood(reply::cert::parse(&reply.text))?;
        found.insert(file, certificate.fingerprint.unwrap_or_default());
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
