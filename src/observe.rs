//! Reading the state of a running HAProxy: of all of it, or of what a change touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    diff::Scope,
    haproxy::{
        Capabilities, Command, CommandError, Connection, Reply, SocketError,
        reply::{self, servers::ServerRow},
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
    live.backends = backends(connection, capabilities, &ours, scope).await?;
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
    let process =
        Process { pid: info.pid, started: info.start_time, version: info.version };
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
        .run_lines(&command, |line| match reply::map::entry(line) {
            Ok(Some(entry)) => match entries.get_mut(entry.key) {
                Some(first) => first.duplicates.push(entry.reference),
                None => {
                    let value = entry.value.to_owned();
                    entries.insert(entry.key.to_owned(), LiveEntry { value, duplicates: Vec::new() });
                }
            },
            Ok(None) => {}
            Err(error) => bad = Some(error),
        })
        .await?;
    match (verdict.refusal(), bad) {
        (Some(words), _) => Err(SocketError::Protocol(words.to_owned())),
        (None, Some(error)) => Err(SocketError::Protocol(error.to_string())),
        (None, None) => Ok(entries),
    }
}
