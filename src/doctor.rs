//! What is wrong with a set-up, and how to mend it: `gw doctor`.
//!
//! A file per topic. In each, facts are gathered where they are, and a function without IO judges
//! them. Nothing is changed: no lock is taken, no file of gw's is written, HAProxy is only asked, and
//! the Git server tells what it has without being fetched from. A check that fails keeps no other
//! from being made, unless there is nothing left to look at.

mod capabilities;
mod configuration;
mod credentials;
mod git;
mod listener;
mod manifests;
mod master;
mod people;
mod runtime;
mod settings;
mod state;
mod trust;
mod webhook;

use std::path::{Path, PathBuf};

use crate::{
    haproxy::Endpoint,
    report::doctor::{Check, Diagnosis},
    service::Service,
    settings::{Settings, SettingsError},
    source::Source,
    store::Store,
};

use self::runtime::Runtime;

/// What all but the settings depends on.
const UNKNOWN: &str = "the settings have to be mended first";

/// Everything that depends on the settings.
const REST: [&str; 6] =
    ["state-directory", "socket", "master", "configuration", "manifests", "http"];

/// Looks at everything. `config` is the file that the settings are from, `source` the manifests, each
/// where there is one. Takes as long as HAProxy's check of the configuration and the Git server do.
pub async fn examine(
    config: Option<&Path>,
    settings: Result<&Settings, &SettingsError>,
    source: Option<&Source>,
) -> Diagnosis {
    let mut checks = self::settings::checks(config, settings);
    let Ok(settings) = settings else {
        checks.extend(REST.map(|id| Check::not_checked(id, UNKNOWN)));
        return Diagnosis { checks };
    };
    let store = Store::new(&settings.state);
    checks.extend(state::checks(&store));
    let runtime = Runtime::look(settings).await;
    let service = Service::find(
        settings,
        // Only asked what it is called, which nobody asks where there is none.
        runtime.socket.clone().unwrap_or_else(|| Endpoint::Unix(PathBuf::new())),
        &store.current_link(),
        runtime.worker.as_ref().map(|worker| worker.info.pid),
    );
    let start = Start::of(settings, &store);
    checks.extend(runtime::checks(&runtime, &service, &store, &start));
    checks.extend(master::checks(settings, &runtime, &service, &start).await);
    checks.extend(configuration::checks(&runtime, &service).await);
    checks.extend(match source {
        None => vec![Check::not_checked("manifests", "none are named here or in gw.yaml")],
        Some(Source::Git(repository)) => git::checks(repository, &store),
        Some(source @ Source::Paths(_)) => manifests::checks(source, &store),
    });
    checks.extend(listener::checks(settings).await);
    checks.extend(webhook::checks(settings));
    Diagnosis { checks }
}

/// How HAProxy is to be started.
struct Start {
    master: String,
    base: PathBuf,
    current: PathBuf,
    is_debian: bool,
}

impl Start {
    /// Where nobody names something, it is called as Debian's service calls it.
    fn of(settings: &Settings, store: &Store) -> Self {
        let master = settings.master.as_ref().map(ToString::to_string);
        let base = settings.base.clone().unwrap_or_else(|| crate::settings::DEBIAN_BASE.into());
        Self {
            master: master.unwrap_or_else(|| crate::settings::DEBIAN_MASTER.to_owned()),
            is_debian: base == Path::new(crate::settings::DEBIAN_BASE),
            base,
            current: store.current_link(),
        }
    }

    /// What makes HAProxy load gw's files and have a master socket.
    fn mend(&self) -> String {
        let (master, current) = (&self.master, self.current.display());
        if self.is_debian {
            format!(
                "echo 'EXTRAOPTS=\"-S {master} -f {current}\"' | sudo tee -a /etc/default/haproxy \
                 && sudo systemctl restart haproxy"
            )
        } else {
            format!("start HAProxy as: {}", self.command("haproxy"))
        }
    }

    /// What starts it.
    fn start(&self, binary: &Path) -> String {
        if self.is_debian {
            "sudo systemctl start haproxy".to_owned()
        } else {
            self.command(&binary.display().to_string())
        }
    }

    fn command(&self, binary: &str) -> String {
        let (base, current) = (self.base.display(), self.current.display());
        format!("{binary} -W -S {} -f {base} -f {current}", self.master)
    }
}

/// A text that says what an error is, its causes included.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
