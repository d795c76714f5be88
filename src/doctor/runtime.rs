//! The runtime socket, and the HAProxy that answers there.

use std::{fs, os::unix::fs::MetadataExt as _, time::Duration};

use crate::{
    haproxy::{Capabilities, Command, Connection, Endpoint, SocketError, reply},
    observe,
    report::doctor::Check,
    service::{self, Service},
    settings::{Settings, SettingsError},
    store::Store,
};

use super::{Start, capabilities, in_full, people};

/// How long HAProxy may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The level that gw needs.
const LEVEL: &str = "admin";
/// What is told of a process that nobody can ask.
const STOPPED: &str = "HAProxy does not answer";

/// What the sockets tell.
pub(super) struct Runtime {
    /// The runtime socket, where the settings name one.
    pub(super) socket: Option<Endpoint>,
    /// Its level, or why nobody can talk there.
    level: Result<String, Trouble>,
    /// Whether it is the master's, which leads to the worker.
    is_masters: bool,
    /// The worker, asked through the master where the runtime socket is dead.
    pub(super) worker: Option<Worker>,
}

/// Why nobody answers.
enum Trouble {
    /// The settings name no socket.
    Unnamed(SettingsError),
    Socket(SocketError),
}

/// Who answered.
pub(super) struct Worker {
    pub(super) info: reply::info::Info,
    capabilities: Capabilities,
    /// The structure that it loaded, if it is one of gw's; an error where it may not be asked.
    structure: Result<Option<String>, SocketError>,
}

impl Runtime {
    /// Asks whoever can be asked.
    pub(super) async fn look(settings: &Settings) -> Self {
        let socket = match settings.socket() {
            Ok(socket) => socket,
            Err(error) => {
                let level = Err(Trouble::Unnamed(error));
                return Self { socket: None, level, is_masters: false, worker: None };
            }
        };
        let (level, connection) = match Connection::open(socket, PATIENCE).await {
            Ok(connection) => (Ok(connection.level().to_owned()), Some(connection)),
            Err(error) => {
                let through = match &settings.master {
                    Some(master) => Connection::open(master, PATIENCE).await.ok(),
                    None => None,
                };
                (Err(Trouble::Socket(error)), through)
            }
        };
        let is_masters =
            level.is_ok() && connection.as_ref().is_some_and(Connection::is_through_master);
        let worker = match connection {
            Some(connection) => Worker::ask(connection).await.ok(),
            None => None,
        };
        Self { socket: Some(socket.clone()), level, is_masters, worker }
    }
}

impl Worker {
    async fn ask(mut connection: Connection) -> Result<Self, SocketError> {
        let info = connection.run_one(&Command::show_info()).await?;
        let info = reply::info::parse(&info.text)
            .map_err(|error| SocketError::Protocol(error.to_string()))?;
        let capabilities = Capabilities::probe(&mut connection).await?;
        let structure = observe::identity(&mut connection).await.map(|live| live.structure);
        Ok(Self { info, capabilities, structure })
    }
}

/// All checks of the socket and of who answers there.
pub(super) fn checks(
    runtime: &Runtime,
    service: &Service,
    store: &Store,
    start: &Start,
) -> Vec<Check> {
    let mut checks = socket(runtime, service, start);
    let Some(worker) = &runtime.worker else {
        let ids = ["haproxy-version", "capabilities", "loads-state"];
        checks.extend(ids.map(|id| Check::not_checked(id, STOPPED)));
        return checks;
    };
    let (version, pid) = (&worker.info.version_text, worker.info.pid);
    checks.push(Check::ok("haproxy-version", format!("{version}, process {pid}")));
    checks.push(capabilities::check(&worker.capabilities));
    checks.push(loads(worker, service, store, start));
    checks
}

/// Whether the socket answers, and with which level.
fn socket(runtime: &Runtime, service: &Service, start: &Start) -> Vec<Check> {
    let (id, level_id) = ("socket", "socket-level");
    let unknown = || Check::not_checked(level_id, "the socket does not answer");
    let named = runtime.socket.as_ref().map(ToString::to_string).unwrap_or_default();
    let line = |named: &str| format!("stats socket {named} mode 660 level {LEVEL}");
    match &runtime.level {
        Ok(level) => {
            let socket = if runtime.is_masters {
                let mend = "name HAProxy's `stats socket` by --socket, and this one by --master";
                Check::warning(id, format!("{named} is the master's socket"), mend)
            } else {
                Check::ok(id, format!("{named} answers"))
            };
            if level == LEVEL {
                return vec![socket, Check::ok(level_id, LEVEL)];
            }
            let mend = format!(
                "in the `global` section of {}: {}; then reload HAProxy",
                start.base.display(),
                line(&named)
            );
            let found = format!("{level}: gw may only look");
            vec![socket, Check::failed(level_id, found, mend)]
        }
        Err(Trouble::Unnamed(error)) => {
            let mend = error.hint().unwrap_or_default();
            vec![Check::failed(id, error.to_string(), mend), unknown()]
        }
        Err(Trouble::Socket(error)) => {
            let elsewhere = service::running_with(service.current());
            let mend = match (error, elsewhere) {
                (SocketError::Permission(endpoint), _) => permission(endpoint, start),
                (SocketError::Missing(_) | SocketError::Refused(_), None) => {
                    start.start(service.binary())
                }
                (SocketError::Missing(_) | SocketError::Refused(_), Some(pid)) => format!(
                    "HAProxy runs (process {pid}): name its `stats socket` by --socket, or write into \
                     the `global` section of {}: {}; then reload it",
                    start.base.display(),
                    line(&named)
                ),
                _ => "see HAProxy's log: journalctl -u haproxy".to_owned(),
            };
            vec![Check::failed(id, in_full(error), mend), unknown()]
        }
    }
}

/// How whoever runs gw gets at a socket.
fn permission(endpoint: &Endpoint, start: &Start) -> String {
    let (user, group) = people::ourselves();
    let owner = endpoint.path().and_then(|path| fs::metadata(path).ok());
    let owner = owner.map_or_else(|| "root".to_owned(), |about| people::user(about.uid()));
    format!(
        "run gw as {owner}: sudo -u {owner} gw doctor; or, for {user}, in the `global` section of {}: \
         stats socket {endpoint} mode 660 group {group} level {LEVEL}; then reload HAProxy",
        start.base.display()
    )
}

/// Whether what runs was loaded from this state directory.
fn loads(worker: &Worker, service: &Service, store: &Store, start: &Start) -> Check {
    const ID: &str = "loads-state";
    let current = store.current_link();
    let current = current.display();
    let Ok(structure) = &worker.structure else {
        return Check::not_checked(ID, format!("only a socket of `level {LEVEL}` tells"));
    };
    let (Some(structure), None | Some(true)) = (structure, service.loads_current()) else {
        return Check::failed(ID, format!("HAProxy does not load {current}"), start.mend());
    };
    let on_disk = store.current().ok().flatten();
    if on_disk.is_some_and(|on_disk| on_disk.metadata.structure == *structure) {
        return Check::ok(ID, format!("HAProxy loaded {current}"));
    }
    match (store.with_structure(structure), service.loads_current()) {
        (Ok(Some(loaded)), _) => {
            let found =
                format!("it runs generation {}, which is not the current one", loaded.number);
            Check::warning(ID, found, "sudo systemctl reload haproxy; or: gw apply")
        }
        (Ok(None) | Err(_), Some(true)) => {
            let found = format!("it was started with {current}, but runs none of its generations");
            Check::warning(ID, found, "sudo systemctl reload haproxy")
        }
        (Ok(None) | Err(_), _) => {
            let found = format!("what it runs is of no generation in {}", store.root().display());
            Check::failed(
                ID,
                found,
                format!("name the directory that it loads by --state, or: {}", start.mend()),
            )
        }
    }
}
