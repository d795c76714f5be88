//! What was found about a set-up, and how to mend it. Plain data, filled by the doctor.

/// All that was looked at, in the order in which things depend on each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The checks.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, in words with hyphens: `state-directory`. They never change their meaning.
    pub id: &'static str,
    /// How it is.
    pub state: State,
    /// What was found; of what was not checked, why not.
    pub found: String,
    /// What to do about it: a line to be pasted, as a rule. Always there where something is wrong.
    pub mend: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// It could not be looked at, or there is nothing to look at.
    NotChecked,
    /// It works, but should be otherwise.
    Warning,
    /// It has to be mended.
    Failed,
}

impl State {
    /// All of them, in the order of a summary.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Failed, Self::NotChecked];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotChecked => "not checked",
        }
    }
}

impl Check {
    /// All is well.
    pub fn ok(id: &'static str, found: impl Into<String>) -> Self {
        Self { id, state: State::Ok, found: found.into(), mend: None }
    }

    /// It works, but should be otherwise.
    pub fn warning(id: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let mend = Some(mend.into());
        Self { id, state: State::Warning, found: found.into(), mend }
    }

    /// It has to be mended.
    pub fn failed(id: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        let mend = Some(mend.into());
        Self { id, state: State::Failed, found: found.into(), mend }
    }

    /// It could not be looked at, or there is nothing to look at.
    pub fn not_checked(id: &'static str, why: impl Into<String>) -> Self {
        Self { id, state: State::NotChecked, found: why.into(), mend: None }
    }

    /// Its name for people.
    pub fn title(&self) -> String {
        self.id.replace('-', " ")
    }
}

impl Diagnosis {
    /// How many checks are in a state.
    pub fn count(&self, state: State) -> usize {
        self.checks.iter().filter(|check| check.state == state).count()
    }

    /// Whether nothing has to be mended.
    pub fn is_healthy(&self) -> bool {
        self.count(State::Failed) == 0
    }
}
