//! Where the intent and the running process differ. Pure. What it takes to make them equal is the
//! planner's question.

mod keyed;
mod notes;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Backend, BackendName, Certificate, Desired, Entry, Holds, Live, LiveEntry, LiveServer, MapName,
    Note, ServerName,
};

pub use self::{
    keyed::{Change, merge_join},
    notes::NoteChange,
    server::{Field, Held, HeldState, ServerChange, ServerDifference},
};

/// All differences, each group in order of name.
#[derive(Debug, Default)]
pub struct Differences<'a> {
    /// Whether the process runs another structure: `Some((live, desired))`.
    pub structure: Option<(Option<&'a str>, &'a str)>,
    /// Backends that are missing, surplus, or have another profile.
    pub backends: Vec<(BackendName, BackendChange<'a>)>,
    /// Servers of backends that exist on both sides.
    pub servers: Vec<ServerDifference<'a>>,
    /// Entries of the routing maps.
    pub entries: Vec<(MapName, &'a str, Change<&'a Entry, &'a LiveEntry>)>,
    /// Certificates with other content, by file name.
    pub certificates: Vec<(&'a str, &'a Certificate)>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<Held>,
    /// Notes that say something else than what is so, and what each should say.
    pub notes: Vec<NoteChange>,
}

/// How a backend differs.
#[derive(Debug)]
pub enum BackendChange<'a> {
    /// It is missing in the process.
    Add(&'a Backend),
    /// It is in the process, but not wanted. Its servers there.
    Remove(&'a BTreeMap<String, LiveServer>),
    /// It is as wanted, but requests can't reach it yet.
    Publish(&'a Backend),
    /// Its settings differ: the name of the profile that it runs on.
    Profile {
        /// What is wanted.
        to: &'a Backend,
        /// The profile that the process notes, which is empty where it notes none.
        from: &'a str,
    },
}

impl Differences<'_> {
    /// Leaves only what has to do with holds, of this server.
    pub fn keep_holds_of(&mut self, backend: &BackendName, server: &ServerName) {
        self.structure = None;
        self.backends.clear();
        self.entries.clear();
        self.certificates.clear();
        self.notes.clear();
        self.servers.retain_mut(|difference| {
            let is_it = difference.backend == *backend && difference.server == *server;
            is_it && difference.change.keep_holds()
        });
    }
}

/// Which part of the estate was read and is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Only these backends; all of them where `None`.
    pub backends: Option<BTreeSet<BackendName>>,
    /// What of their servers takes a dear command to read: `maxconn` and `backup`. Where it is not
    /// read, it counts as absent.
    pub limits: bool,
    /// The routing maps and the certificates.
    pub routing: bool,
}

impl Scope {
    /// All of it.
    pub const WHOLE: Self = Self { backends: None, limits: true, routing: true };
}

/// Compares the intent with the process, where nobody holds anything.
pub fn diff<'a>(
    desired: &'a Desired,
    structure: &'a str,
    live: &'a Live,
    scope: &Scope,
) -> Differences<'a> {
    diff_held(desired, structure, live, scope, &Holds::default())
}

/// Compares the intent with the process, where what operators hold goes before the intent.
pub fn diff_held<'a>(
    desired: &'a Desired,
    structure: &'a str,
    live: &'a Live,
    scope: &Scope,
    holds: &Holds,
) -> Differences<'a> {
    let mut differences = Differences::default();
    if live.structure.as_deref() != Some(structure) {
        differences.structure = Some((live.structure.as_deref(), structure));
    }
    match &scope.backends {
        None => {
            for (name, pair) in backend_pairs(desired, live) {
                compare_backend(&mut differences, &name, pair, live, holds);
            }
            differences.notes.extend(notes::of_nothing(desired, live));
        }
        Some(names) => {
            for name in names {
                let wanted = desired.backends.get(name).map(|backend| &**backend);
                let pair = (wanted, live.backends.get(name.as_str()));
                compare_backend(&mut differences, name, pair, live, holds);
            }
        }
    }
    if scope.routing {
        compare_entries(&mut differences, desired, live);
        compare_certificates(&mut differences, desired, live);
    }
    differences
}

type BackendPair<'a> = (Option<&'a Backend>, Option<&'a BTreeMap<String, LiveServer>>);

/// All backends of either side.
fn backend_pairs<'a>(desired: &'a Desired, live: &'a Live) -> Vec<(BackendName, BackendPair<'a>)> {
    let wanted = desired.backends.iter().map(|(name, backend)| (name.as_str(), &**backend));
    let running = live.backends.iter().map(|(name, servers)| (name.as_str(), servers));
    merge_join(wanted, running)
        .filter_map(|(name, a, b)| Some((BackendName::from_haproxy(name)?, (a, b))))
        .collect()
}

fn compare_backend<'a>(
    differences: &mut Differences<'a>,
    name: &BackendName,
    pair: BackendPair<'a>,
    live: &'a Live,
    holds: &Holds,
) {
    let change = match pair {
        (None, None) => return,
        (Some(backend), None) => BackendChange::Add(backend),
        (None, Some(servers)) => BackendChange::Remove(servers),
        (Some(backend), Some(servers)) => {
            // Also where the settings differ: what operators hold must survive the reload.
            compare_servers(differences, name, (backend, servers), live, holds);
            let from = live.notes.get(&Note::backend(name)).map_or("", String::as_str);
            if from == backend.profile.name() {
                if !live.unpublished.contains(name.as_str()) {
                    return;
                }
                differences.backends.push((name.clone(), BackendChange::Publish(backend)));
                return;
            }
            BackendChange::Profile { to: backend, from }
        }
    };
    differences.backends.push((name.clone(), change));
}

fn compare_servers<'a>(
    differences: &mut Differences<'a>,
    name: &BackendName,
    (backend, running): (&'a Backend, &'a BTreeMap<String, LiveServer>),
    live: &'a Live,
    holds: &Holds,
) {
    let wanted = backend.servers.iter().map(|(name, server)| (name.as_str(), server));
    let running = running.iter().map(|(name, server)| (name.as_str(), server));
    for (server, wanted, running) in merge_join(wanted, running) {
        let Some(server) = ServerName::from_haproxy(server) else { continue };
        let change =
            match (wanted, running) {
                (Some(wanted), None) => ServerChange::Add(wanted),
                (None, Some(running)) => ServerChange::Remove(running),
                (Some(wanted), Some(running)) => {
                    let notes = server::Notes::of(live, name, &server);
                    let hold = holds.get(name, &server);
                    let balance = &backend.profile.balance;
                    let comparison = server::compare(wanted, running, notes, hold, balance);
                    let outdated = notes::of_server(name, &server, wanted, running, notes);
                    differences.notes.extend(outdated);
                    differences.held.extend(comparison.held.into_iter().map(|(state, hold)| {
                        Held { backend: name.clone(), server: server.clone(), state, hold }
                    }));
                    match comparison.change {
                        Some(change) => change,
                        None => continue,
                    }
                }
                (None, None) => continue,
            };
        differences.servers.push(ServerDifference {
            backend: name.clone(),
            server,
            profile: &backend.profile,
            change,
        });
    }
}

fn compare_entries<'a>(differences: &mut Differences<'a>, desired: &'a Desired, live: &'a Live) {
    for map in MapName::ALL {
        let wanted = desired.routing.table(map).iter().map(|(key, entry)| (key.as_str(), entry));
        let running = live.map(map).iter().map(|(key, entry)| (key.as_str(), entry));
        for (key, wanted, running) in merge_join(wanted, running) {
            let change = match (wanted, running) {
                (Some(wanted), None) => Change::Add(wanted),
                (None, Some(running)) => Change::Remove(running),
                (Some(wanted), Some(running))
                    if wanted.value != running.value || !running.duplicates.is_empty() =>
                {
                    Change::Modify { to: wanted, from: running }
                }
                (Some(_), Some(_)) | (None, None) => continue,
            };
            differences.entries.push((map, key, change));
        }
    }
}

/// Certificates that the process has, with other content. One that it hasn't is served by a
/// frontend that it hasn't, so that is a matter of the structure.
fn compare_certificates<'a>(
    differences: &mut Differences<'a>,
    desired: &'a Desired,
    live: &'a Live,
) {
    for (file, certificate) in &desired.certificates {
        let Some(fingerprint) = live.certificates.get(file) else { continue };
        // The fingerprint is the leaf's alone; the note knows the chain and the key.
        let noted = live.notes.get(&Note::Certificate(file.clone()));
        let same_leaf = fingerprint.eq_ignore_ascii_case(&certificate.fingerprint);
        if !same_leaf || noted != Some(&certificate.digest().short()) {
            differences.certificates.push((file, certificate));
        }
    }
}
