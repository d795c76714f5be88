//! gw's own settings. Each comes from its flag, else its environment variable, else `gw.yaml`, else
//! a default.
//!
//! `gw.yaml` is the machine's own file: the one that `--config` or GW_CONFIG names, else
//! `/etc/gw/gw.yaml`. It is never looked for beside the manifests: a repository must not choose
//! which binary runs on the machine that checks it, nor which socket is written to.

mod duration;
mod file;
mod guards;
mod health;
mod intervals;
mod listen;
mod notify;
mod policies;
mod source;
mod structure;
mod webhook;

use std::{
    env, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    guard::{Policy, Stance},
    haproxy::Endpoint,
    health::Limits,
    model::{Problems, SourceFile},
    source::git,
};

pub use self::{
    duration::{DurationError, SpanError, parse_patience, parse_span},
    guards::GivenGuards,
    health::GivenHealth,
    intervals::Intervals,
    listen::{HTTP, Listen, ListenError},
    notify::Target,
    policies::{BadManifests, DriftPolicy},
    webhook::Webhook,
};

/// Where settings are looked for when nobody names a file.
pub const CONFIG: &str = "/etc/gw/gw.yaml";

/// Where the state is by default, but for `gw up`.
pub const STATE: &str = "/var/lib/gw";

/// The runtime socket of Debian's service (`/etc/haproxy/haproxy.cfg`).
const DEBIAN_SOCKET: &str = "/run/haproxy/admin.sock";
/// The master socket of Debian's service (`EXTRAOPTS` of its unit).
pub const DEBIAN_MASTER: &str = "/run/haproxy-master.sock";
/// The configuration of Debian's service (`CONFIG` of its unit).
pub const DEBIAN_BASE: &str = "/etc/haproxy/haproxy.cfg";

/// A checked server that is added waits this long for its first good check, unless told otherwise:
/// three checks at the default interval of 2 seconds, and time to start.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that is removed waits this long for its last request, unless told otherwise. What takes
/// longer is finished by the next pass.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Changes that follow each other are merged into so few reloads, unless told otherwise: each leaves
/// a worker behind for as long as its connections last.
const RELOAD_INTERVAL: Duration = Duration::from_secs(5);

/// Everything that gw needs to know besides manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// HAProxy's runtime socket; `None` where nobody named one and Debian's service is not here.
    pub socket: Option<Endpoint>,
    /// The master's socket, for reloads.
    pub master: Option<Endpoint>,
    /// The operator's own configuration, which HAProxy loads before ours.
    pub base: Option<PathBuf>,
    /// The state directory, absolute.
    pub state: PathBuf,
    /// The binary that checks configurations, where somebody named one.
    pub haproxy: Option<PathBuf>,
    /// How long a new server may take until its first good check.
    pub ready_timeout: Duration,
    /// How long a server may take until nothing uses it any more.
    pub removal_timeout: Duration,
    /// Where HTTP is answered while gw follows; `None` where it is not.
    pub http: Option<SocketAddr>,
    /// Who is told how passes end.
    pub notify: Vec<Target>,
    /// Whose webhooks hasten a fetch; `None` where nobody's do.
    pub webhook: Option<Webhook>,
    /// The repository whose manifests are meant where a command names none.
    pub source: git::Given,
    /// How often a gw that follows looks by itself.
    pub watch: Intervals,
    /// How strict the guards are.
    pub guards: Policy,
    /// When a change that is followed is taken back; `None` where none is.
    pub health: Option<Limits>,
    /// The least time between two reloads where manifests are followed.
    pub reload_interval: Duration,
    /// What becomes of drift.
    pub drift: DriftPolicy,
    /// What becomes of manifests with errors, where they are followed.
    pub bad_manifests: BadManifests,
}

/// What somebody said about the settings: the command line with its environment, or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Settings")]
pub struct Given {
    pub socket: Option<Endpoint>,
    pub master: Option<Endpoint>,
    pub base: Option<PathBuf>,
    pub state: Option<PathBuf>,
    pub haproxy: Option<PathBuf>,
    pub ready_timeout: Option<Duration>,
    pub removal_timeout: Option<Duration>,
    pub http: Option<Listen>,
    pub notify: Option<Vec<Target>>,
    pub webhook: Option<Webhook>,
    pub source: git::Given,
    pub watch: Option<Intervals>,
    pub reload: Option<Stance>,
    pub drift: Option<DriftPolicy>,
    pub bad_manifests: Option<BadManifests>,
    pub guards: GivenGuards,
    pub health: GivenHealth,
    pub reload_interval: Option<Duration>,
}

/// Whose HAProxy it is, which decides what is assumed where nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs<'a> {
    /// A service of the machine runs it.
    Service,
    /// `gw up` runs it, with its state beside these manifests.
    Ourselves(&'a Path),
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than settings can be.
    #[error("{} is larger than {} KiB", path.display(), file::SIZE_MAX / 1024)]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// The file says something that is no setting.
    #[error("{} is not valid", file.path)]
    Invalid {
        /// The file.
        file: Arc<SourceFile>,
        /// What is wrong with it.
        problems: Problems,
    },
    /// A relative path can't be made absolute.
    #[error("cannot tell what {} is relative to", path.display())]
    WorkingDirectory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody named a socket, and there is no usual one.
    #[error("nobody said where HAProxy's runtime socket is")]
    NoSocket,
}

impl SettingsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSocket => Some(format!(
                "pass --socket PATH, set GW_SOCKET, or write `socket: PATH` into {CONFIG}; the path is on the `stats socket` line of HAProxy's configuration"
            )),
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::Invalid { .. }
            | Self::WorkingDirectory { .. } => None,
        }
    }
}

impl Settings {
    /// Puts the settings together. `config` is the file that was named on the command line.
    pub fn load(
        config: Option<&Path>,
        given: Given,
        runs: Runs<'_>,
    ) -> Result<Self, SettingsError> {
        let file = match config {
            Some(path) => file::read(path)?,
            None if Path::new(CONFIG).exists() => file::read(Path::new(CONFIG))?,
            None => Given::default(),
        };
        let file = match runs {
            Runs::Service => file,
            Runs::Ourselves(_) => file.without_service(),
        };
        let settings = Self::fill(given.or(file), runs, is_debian_service());
        Ok(Self {
            base: settings.base.as_deref().map(absolute).transpose()?,
            state: absolute(&settings.state)?,
            haproxy: settings.haproxy.map(find_binary),
            ..settings
        })
    }

    /// Puts defaults where nothing was said. `debian` tells whether Debian's service is here: its
    /// usual paths are taken together or not at all, because the master socket of one HAProxy and
    /// the runtime socket of another would make gw reload what it doesn't look at.
    fn fill(given: Given, runs: Runs<'_>, debian: bool) -> Self {
        let debian = debian && runs == Runs::Service && given.socket.is_none();
        let usual_manifests = match runs {
            Runs::Service => BadManifests::Object,
            // Whoever writes manifests wants to hear of each mistake, and no half of a change.
            Runs::Ourselves(_) => BadManifests::Revision,
        };
        let (usual_guards, usual_health, usual_interval) = match runs {
            Runs::Service => (Policy::default(), Some(Limits::default()), RELOAD_INTERVAL),
            Runs::Ourselves(_) => (Policy::lenient(), None, Duration::ZERO),
        };
        let usual = |path: &str| debian.then(|| PathBuf::from(path));
        Self {
            socket: given.socket.or_else(|| usual(DEBIAN_SOCKET).map(Endpoint::Unix)),
            master: given.master.or_else(|| usual(DEBIAN_MASTER).map(Endpoint::Unix)),
            base: given.base.or_else(|| usual(DEBIAN_BASE)),
            state: given.state.unwrap_or_else(|| match runs {
                Runs::Service => STATE.into(),
                Runs::Ourselves(manifests) => beside(manifests),
            }),
            haproxy: given.haproxy,
            ready_timeout: given.ready_timeout.unwrap_or(READY_TIMEOUT),
            removal_timeout: given.removal_timeout.unwrap_or(REMOVAL_TIMEOUT),
            http: match (given.http, runs) {
                (Some(listen), _) => listen.address(),
                (None, Runs::Service) => Some(HTTP),
                // Somebody may try out several at a time.
                (None, Runs::Ourselves(_)) => None,
            },
            notify: given.notify.unwrap_or_default(),
            webhook: given.webhook,
            source: given.source,
            watch: given.watch.unwrap_or_default(),
            guards: given.guards.fill(given.reload, &usual_guards),
            health: given.health.fill(usual_health),
            reload_interval: given.reload_interval.unwrap_or(usual_interval),
            drift: given.drift.unwrap_or_default(),
            bad_manifests: given.bad_manifests.unwrap_or(usual_manifests),
        }
    }

    /// The binary, where no running process tells a better one.
    pub fn binary(&self) -> PathBuf {
        self.haproxy.clone().unwrap_or_else(|| find_binary("haproxy".into()))
    }

    /// The runtime socket, for what can't do without.
    pub fn socket(&self) -> Result<&Endpoint, SettingsError> {
        self.socket.as_ref().ok_or(SettingsError::NoSocket)
    }
}

impl Given {
    /// Without what names a certain HAProxy: what is said about one that a service runs must not
    /// lead another one to its sockets, its listeners or its state.
    fn without_service(self) -> Self {
        Self { socket: None, master: None, base: None, state: None, ..self }
    }

    /// What `self` says, else what `other` says.
    fn or(self, other: Self) -> Self {
        Self {
            socket: self.socket.or(other.socket),
            master: self.master.or(other.master),
            base: self.base.or(other.base),
            state: self.state.or(other.state),
            haproxy: self.haproxy.or(other.haproxy),
            ready_timeout: self.ready_timeout.or(other.ready_timeout),
            removal_timeout: self.removal_timeout.or(other.removal_timeout),
            http: self.http.or(other.http),
            notify: self.notify.or(other.notify),
            webhook: self.webhook.or(other.webhook),
            source: self.source.or(other.source),
            watch: self.watch.or(other.watch),
            reload: self.reload.or(other.reload),
            drift: self.drift.or(other.drift),
            bad_manifests: self.bad_manifests.or(other.bad_manifests),
            guards: self.guards.or(other.guards),
            health: self.health.or(other.health),
            reload_interval: self.reload_interval.or(other.reload_interval),
        }
    }
}

/// The JSON Schema of `gw.yaml`.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(file::Document).to_value()
}

/// Whether Debian's package is installed: its socket is there, or its configuration while the
/// service is stopped. What can't be looked at counts as there, so that the error is about rights.
fn is_debian_service() -> bool {
    let is_there = |path| Path::new(path).try_exists().unwrap_or(true);
    is_there(DEBIAN_SOCKET) || is_there(DEBIAN_BASE)
}

/// `.gw` in the folder that holds `manifests`.
fn beside(manifests: &Path) -> PathBuf {
    let absolute = std::path::absolute(manifests).unwrap_or_else(|_| manifests.to_owned());
    absolute.parent().unwrap_or(&absolute).join(".gw")
}

fn absolute(path: &Path) -> Result<PathBuf, SettingsError> {
    std::path::absolute(path)
        .map_err(|source| SettingsError::WorkingDirectory { path: path.to_owned(), source })
}

/// The path of a binary that was given by its name. Debian leaves the `sbin` folders, where HAProxy
/// is, out of the PATH of users.
fn find_binary(name: PathBuf) -> PathBuf {
    if name.components().count() != 1 {
        return name;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let further = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path)
        .chain(further)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file());
    found.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "settings have an optional socket")]
    fn unix(path: &str) -> Option<Endpoint> {
        Some(Endpoint::Unix(path.into()))
    }

    #[test]
    fn what_is_said_first_counts() {
        let flags = Given { socket: unix("/a"), ..Given::default() };
        let file = Given { socket: unix("/b"), state: Some("/s".into()), ..Given::default() };
        let both = flags.or(file);
        assert_eq!(both.socket, unix("/a"));
        assert_eq!(both.state, Some("/s".into()));
    }

    #[test]
    fn the_paths_of_debian_are_taken_together_or_not_at_all() {
        let fill = |given, runs, debian| {
            let Settings { socket, master, base, .. } = Settings::fill(given, runs, debian);
            (socket, master, base)
        };
        let all = (unix(DEBIAN_SOCKET), unix(DEBIAN_MASTER), Some(DEBIAN_BASE.into()));
        assert_eq!(fill(Given::default(), Runs::Service, true), all);
        let named = Given { socket: unix("/other"), ..Given::default() };
        assert_eq!(fill(named, Runs::Service, true), (unix("/other"), None, None));
        assert_eq!(fill(Given::default(), Runs::Service, false), (None, None, None));
        let own = Runs::Ourselves(Path::new("/srv/manifests"));
        assert_eq!(fill(Given::default(), own, true), (None, None, None));
    }

    #[test]
    fn what_a_file_says_about_a_service_is_not_for_gw_up() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gw.yaml");
        let text = "socket: /s\nmaster: /m\nbase: /b\nstate: /var/s\nhaproxy: /opt/haproxy\n";
        std::fs::write(&file, text).unwrap();
        let load = |given, runs| Settings::load(Some(&file), given, runs).unwrap();
        let service = load(Given::default(), Runs::Service);
        assert_eq!((service.socket, service.base), (unix("/s"), Some("/b".into())));
        let own = Runs::Ourselves(Path::new("/srv/manifests"));
        let Settings { socket, master, base, state, haproxy, .. } = load(Given::default(), own);
        assert_eq!((socket, master, base), (None, None, None));
        assert_eq!((state, haproxy), ("/srv/.gw".into(), Some("/opt/haproxy".into())));
        let said = Given { base: Some("/mine".into()), ..Given::default() };
        assert_eq!(load(said, own).base, Some("/mine".into()));
    }

    #[test]
    fn the_state_of_gw_up_is_beside_the_manifests() {
        let state = |runs| Settings::fill(Given::default(), runs, true).state;
        assert_eq!(state(Runs::Ourselves(Path::new("/srv/shop/"))), Path::new("/srv/.gw"));
        assert_eq!(state(Runs::Service), Path::new(STATE));
    }
}
