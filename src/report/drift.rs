//! What differs from what gw left, and from what it would do. Plain data, filled by the reconciler.

use crate::{diff::Held, model::Suspension, plan::Step};

use super::status::{Generation, Pending, Worker};

/// How a process differs, by whose doing.
#[derive(Clone, Debug)]
pub struct Drift {
    /// The revision that the process runs, by its notebook.
    pub revision: Option<String>,
    /// The generation on disk; `None` where there is none yet.
    pub generation: Option<Generation>,
    /// The process.
    pub haproxy: Worker,
    /// What differs between the generation and the process, as the steps that would repair it.
    pub drift: Vec<Step>,
    /// What the manifests ask for beyond the generation; `None` where nobody named manifests.
    pub pending_commit: Option<PendingCommit>,
    /// What an earlier pass began and a later one will finish.
    pub under_way: Vec<Pending>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<Held>,
    /// Why the manifests are not followed at present; `None` where they are.
    pub suspended: Option<Suspension>,
    /// What is not gw's.
    pub unmanaged: Vec<Unmanaged>,
}

/// What waits for an apply.
#[derive(Clone, Debug)]
pub struct PendingCommit {
    /// The revision of the manifests.
    pub revision: String,
    /// The changes, but for those that only repair drift.
    pub steps: Vec<Step>,
    /// Whether they need a reload.
    pub reload: bool,
}

/// A section of the process that is not gw's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmanaged {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Proxy,
    /// How many servers it has.
    pub servers: usize,
}

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// It takes requests.
    Frontend,
    /// It has servers.
    Backend,
    /// Both.
    Listen,
}

impl Proxy {
    /// The word for it, as in HAProxy's files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
        }
    }
}
