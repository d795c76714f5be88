//! What became of a plan. Filled by `apply`, shown by `report`.

use super::step::Action;

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, and was seen to be done.
    Done,
    /// It is begun and will be finished by a later pass: why it is not done yet.
    Pending(String),
    /// It was not begun: why.
    Skipped(String),
    /// It failed: HAProxy's words.
    Failed(String),
}

/// How the configuration came into the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loading {
    /// The process runs on, changed by commands at most.
    Running,
    /// A new worker took over.
    Reloaded {
        /// Its process id.
        pid: u32,
    },
    /// HAProxy is not running; the files are checked and in place for its start.
    AtStart,
    /// HAProxy refused the new configuration, and the old worker serves on, on the old files.
    Refused {
        /// HAProxy's words.
        message: String,
        /// Where the refused generation stays for reading.
        generation: String,
    },
    /// The new configuration failed, and so did the way back: somebody has to act now.
    Broken {
        /// What happened.
        message: String,
    },
}

impl Loading {
    /// Whether the process has the files, or will have them at its start.
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Running | Self::Reloaded { .. } | Self::AtStart => true,
            Self::Refused { .. } | Self::Broken { .. } => false,
        }
    }
}

/// The report of one apply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a report that nobody reads hides what failed"]
pub struct Report {
    /// One outcome per step of the plan, in its order.
    pub outcomes: Vec<Outcome>,
    /// How many commands changed something on the runtime socket.
    pub commands_sent: usize,
    /// How many bytes were written below the state directory.
    pub bytes_written: u64,
    /// How many times HAProxy was reloaded.
    pub reloads: usize,
    /// How many times it was told to, whether or not it took the files.
    pub reloads_tried: usize,
    /// The generation on disk after it; `None` where there is none yet.
    pub generation: Option<u64>,
    /// How the configuration came into the process.
    pub loading: Loading,
    /// What an operator should know besides, such as the remark of a check.
    pub remarks: Vec<String>,
}

impl Report {
    /// The report of a plan without steps.
    pub fn nothing(generation: Option<u64>) -> Self {
        Self {
            outcomes: Vec::new(),
            commands_sent: 0,
            bytes_written: 0,
            reloads: 0,
            reloads_tried: 0,
            generation,
            loading: Loading::Running,
            remarks: Vec::new(),
        }
    }

    /// Whether everything was done.
    pub fn is_complete(&self) -> bool {
        self.loading.is_taken() && self.outcomes.iter().all(|outcome| *outcome == Outcome::Done)
    }

    /// Whether something failed, rather than being left to a later pass.
    pub fn has_failed(&self) -> bool {
        self.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_)))
    }
}

/// Whether a step of this kind may go on while one that it needs still waits for servers.
pub(crate) fn tolerates_waiting(action: Action) -> bool {
    match action {
        Action::Add => true,
        Action::Change | Action::Remove => false,
    }
}
