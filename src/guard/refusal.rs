//! Why a plan is refused, in numbers, and what overrides that.

use std::fmt;

use crate::model::BackendName;

/// How many names a message lists.
const NAMES_MAX: usize = 5;

/// A guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// A great share of the objects of a kind is deleted.
    MassDelete,
    /// A backend loses its last server, or a route its backend.
    EmptyBackend,
    /// The source lost much of what it held.
    ShrunkSource,
    /// HAProxy would be reloaded, which somebody forbade.
    Reload,
    /// Many workers of earlier configurations still live.
    OldWorkers,
}

impl Guard {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::MassDelete, Self::EmptyBackend, Self::ShrunkSource, Self::Reload, Self::OldWorkers];

    /// Its name, in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::MassDelete => "mass-delete",
            Self::EmptyBackend => "empty-backend",
            Self::ShrunkSource => "shrunk-source",
            Self::Reload => "reload",
            Self::OldWorkers => "old-workers",
        }
    }
}

/// How many objects of a kind a plan deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// `server`, `backend` or `route`.
    pub kind: &'static str,
    /// So many.
    pub deleted: usize,
    /// Of so many.
    pub of: usize,
}

/// Why a guard refuses a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "numbers that the message says")]
pub enum Refusal {
    /// See [`Guard::MassDelete`].
    MassDelete { deletions: Vec<Deletion>, percent: usize },
    /// See [`Guard::EmptyBackend`].
    EmptyBackend { backends: Vec<BackendName>, routes: Vec<String> },
    /// See [`Guard::ShrunkSource`].
    ShrunkSource { what: &'static str, before: usize, now: usize },
    /// See [`Guard::Reload`].
    Reload { reasons: Vec<String> },
    /// See [`Guard::OldWorkers`].
    OldWorkers { alive: usize, max: usize },
}

impl Refusal {
    /// The guard that refuses.
    pub fn guard(&self) -> Guard {
        match self {
            Self::MassDelete { .. } => Guard::MassDelete,
            Self::EmptyBackend { .. } => Guard::EmptyBackend,
            Self::ShrunkSource { .. } => Guard::ShrunkSource,
            Self::Reload { .. } => Guard::Reload,
            Self::OldWorkers { .. } => Guard::OldWorkers,
        }
    }

    /// The flag that overrides this refusal, and nothing else.
    pub fn flag(&self) -> String {
        let flag = format!("--allow-{}", self.guard().name());
        match self {
            Self::MassDelete { deletions, .. } => {
                let most = deletions.iter().map(|one| one.deleted).max().unwrap_or_default();
                format!("{flag}={most}")
            }
            Self::EmptyBackend { .. }
            | Self::ShrunkSource { .. }
            | Self::Reload { .. }
            | Self::OldWorkers { .. } => flag,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MassDelete { deletions, percent } => {
                let all: Vec<String> = deletions.iter().map(ToString::to_string).collect();
                write!(f, "it deletes {}, more than the {percent} % allowed", all.join(" and "))
            }
            Self::EmptyBackend { backends, routes } => {
                let backends: Vec<&str> = backends.iter().map(BackendName::as_str).collect();
                let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
                let backends = named("backend ", "backends ", &backends, "without a server");
                // Each says that it is a route.
                let routes = named("", "", &routes, "without a backend");
                let all: Vec<String> = [backends, routes].into_iter().flatten().collect();
                write!(f, "it leaves {}", all.join(", and "))
            }
            Self::ShrunkSource { what, before, now: 0 } => {
                write!(f, "the source turned empty: it had {before} {what}s")
            }
            Self::ShrunkSource { what, before, now } => {
                let share = share(before - now, *before);
                write!(f, "the source shrank from {before} to {now} {what}s (by {share})")
            }
            Self::Reload { reasons } => {
                f.write_str("it reloads HAProxy, which is forbidden")?;
                match reasons.as_slice() {
                    [] => Ok(()),
                    [first, others @ ..] => {
                        write!(f, ": {first}")?;
                        if others.is_empty() {
                            Ok(())
                        } else {
                            write!(f, " (and {} more above)", others.len())
                        }
                    }
                }
            }
            Self::OldWorkers { alive, max } => write!(
                f,
                "it reloads HAProxy while old workers live: {alive}, more than the {max} allowed; \
                 long connections keep them, and each costs memory"
            ),
        }
    }
}

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, deleted, of } = self;
        write!(f, "{deleted} of {of} {kind}s ({})", share(*deleted, *of))
    }
}

/// A share in percent, with a tenth where it is none of a whole number, rounded up so that what is
/// more than a limit never looks like it.
fn share(part: usize, of: usize) -> String {
    let tenths = (part * 1000).div_ceil(of.max(1));
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        tenth => format!("{}.{tenth} %", tenths / 10),
    }
}

/// The first names and how many more there are, of one or of several, and what is so of them; `None`
/// where there are none.
fn named(one: &str, several: &str, names: &[&str], what: &str) -> Option<String> {
    let shown = names.len().min(NAMES_MAX);
    let noun = if names.len() == 1 { one } else { several };
    let rest = match names.len() - shown {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    let shown = names[..shown].join(", ");
    (!names.is_empty()).then(|| format!("{noun}{shown}{rest} {what}"))
}
