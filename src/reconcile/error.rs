//! Why a pass could not be made.

use std::error::Error;

use crate::{
    apply::ReloadError,
    guard::Refusal,
    haproxy::SocketError,
    model::Suspension,
    report::{pass::Obstacle, text},
    settings::SettingsError,
    store::StoreError,
};

use super::holds::HoldError;

/// Why a pass could not be made. Refusals of single steps are no errors here.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The manifests have errors.
    #[error("the manifests are invalid")]
    Invalid,
    /// Guards refuse the plan.
    #[error("guards refuse this plan: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Guarded(Vec<Refusal>),
    /// The manifests are not followed at present.
    #[error("{}", text::suspended(.0))]
    Suspended(Suspension),
    /// A server can't be held or released.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// A setting is missing.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// HAProxy could not be talked to.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The state directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A reload could not be tried.
    #[error(transparent)]
    Reload(#[from] ReloadError),
    /// HAProxy does not run.
    #[error("HAProxy does not answer at {socket}")]
    NotRunning {
        /// Where it was looked for.
        socket: String,
    },
    /// HAProxy runs, but not with gw's files.
    #[error("HAProxy was not started with `-f {current}`, so it would never load what gw writes")]
    NotLoaded {
        /// The link that it must load.
        current: String,
    },
    /// HAProxy runs with files that gw wrote, but elsewhere.
    #[error("what HAProxy runs is of no generation in {state}")]
    OtherState {
        /// Our state directory.
        state: String,
    },
    /// The plan needs a reload, and there is no way to it.
    #[error(
        "HAProxy can't be reloaded: there is no master socket, and no master process is seen here"
    )]
    NoReload,
    /// HAProxy runs with gw's files, but does not answer where it should.
    #[error("HAProxy runs (process {pid}), but does not answer at {socket}")]
    OtherSocket {
        /// The process that loaded gw's files.
        pid: u32,
        /// Where it was looked for.
        socket: String,
    },
    /// The files could not be checked.
    #[error("the configuration can't be checked: {0}")]
    Check(String),
    /// HAProxy went away between plan and apply.
    #[error("HAProxy went away after the plan was made")]
    Gone,
    /// HAProxy would not say in what state its servers are.
    #[error("HAProxy does not tell the state of its servers: {0}")]
    States(String),
    /// There is no such generation.
    #[error("{}; there are {}", missing(*number), list(known))]
    NoGeneration {
        /// The one that somebody wants; `None` for the one before the current one.
        number: Option<u64>,
        /// Those that there are.
        known: Vec<u64>,
    },
    /// Something else changed HAProxy or the state directory since the plan was made.
    #[error("HAProxy or its files were changed by somebody else since the plan was made")]
    Stale,
}

impl ReconcileError {
    /// The message with those of all causes.
    pub fn in_full(&self) -> String {
        let causes = std::iter::successors(Some(self as &dyn Error), |&error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// What kept the pass from being made, as far as that is counted.
    pub fn obstacle(&self) -> Option<Obstacle> {
        match self {
            Self::Store(StoreError::Locked { .. })
            | Self::Reload(ReloadError::Store(StoreError::Locked { .. })) => Some(Obstacle::Lock),
            Self::Socket(_) | Self::OtherSocket { .. } | Self::Gone | Self::States(_) => {
                Some(Obstacle::Socket)
            }
            _ => None,
        }
    }

    /// Whether it is over by itself after a while: another try may find it so.
    pub fn is_passing(&self) -> bool {
        self.obstacle().is_some() || matches!(self, Self::Stale | Self::Suspended(_))
    }

    /// What to do about it, where the message does not say it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) | Self::Reload(ReloadError::Store(error)) => error.hint(),
            Self::Stale => Some("plan again; nothing was changed".to_owned()),
            Self::Settings(error) => error.hint(),
            Self::Hold(error) => error.hint(),
            Self::NotLoaded { .. } => Some(
                "name the state directory that it loads by --state; or run `gw init`, add the line \
                 that it prints to HAProxy's service, and restart HAProxy once; nothing was changed"
                    .to_owned(),
            ),
            Self::OtherState { .. } => Some(
                "name the state directory that it loads by --state; if it is this one, reload \
                 HAProxy once by hand; nothing was changed"
                    .to_owned(),
            ),
            Self::NoReload => Some(
                "start it in master-worker mode with `-W -S <socket>`, and name that socket by \
                 --master; nothing was changed"
                    .to_owned(),
            ),
            Self::OtherSocket { .. } => Some(
                "name its `stats socket` by --socket, or its master socket by --master; nothing \
                 was changed"
                    .to_owned(),
            ),
            Self::Suspended(_) => Some(
                "`gw resume` ends that; --even-if-suspended applies this one time; nothing was changed"
                    .to_owned(),
            ),
            Self::NotRunning { .. } => {
                Some("start it, or name its `stats socket` by --socket".to_owned())
            }
            Self::Gone => Some("nothing was changed; look at HAProxy's log".to_owned()),
            Self::Check(_) => {
                Some("name the binary with --haproxy; nothing was changed".to_owned())
            }
            Self::Guarded(refusals) => {
                let flags: Vec<String> = refusals.iter().map(Refusal::flag).collect();
                // Commands tell their own flag; whoever follows manifests has none.
                Some(format!(
                    "if that is meant, `gw apply … {}` lets it pass once; `guards:` and `reload:` in \
                     gw.yaml set what always may",
                    flags.join(" ")
                ))
            }
            Self::NoGeneration { .. } => {
                Some("`gw history` tells which generation was made when, and of what".to_owned())
            }
            Self::Invalid | Self::Socket(_) | Self::States(_) => None,
        }
    }
}

fn missing(number: Option<u64>) -> String {
    match number {
        Some(number) => format!("there is no generation {number}"),
        None => "there is no earlier generation to go back to".to_owned(),
    }
}

fn list(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") }
}
