//! Conditions: what is so, why, and since when, in the conventions of Kubernetes.

use std::time::Duration;

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// HAProxy is as the manifests say.
    Ready,
    /// gw works on it, or will try again.
    Reconciling,
    /// Trying again is of no use: a person has to act.
    Stalled,
    /// The revision is signed as it must be.
    SourceVerified,
    /// Somebody else changed what the manifests say.
    Drifted,
    /// Operators hold fields by hand.
    Held,
    /// The manifests are not followed for now.
    Suspended,
    /// A change was taken back.
    RolledBack,
}

impl About {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::SourceVerified,
        Self::Drifted,
        Self::Held,
        Self::Suspended,
        Self::RolledBack,
    ];
}

/// Whether it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It is.
    True,
    /// It is not.
    False,
    /// Nobody knows yet, or it is not asked for.
    Unknown,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub about: About,
    /// Whether it is so.
    pub truth: Truth,
    /// Why, as a word in CamelCase.
    pub reason: &'static str,
    /// Why, in words.
    pub message: String,
    /// Since when it is so or not, as time since the epoch.
    pub since: Duration,
}

/// All conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions([Condition; 8]);

impl Conditions {
    /// Before the first pass.
    pub(super) fn new(now: Duration, is_verifying: bool) -> Self {
        Self(About::ALL.map(|about| {
            let (truth, reason, message) = match about {
                About::Ready | About::Drifted | About::Held => {
                    (Truth::Unknown, "Starting", "there was no pass yet")
                }
                About::SourceVerified if is_verifying => {
                    (Truth::Unknown, "Starting", "no commit was verified yet")
                }
                About::SourceVerified => {
                    (Truth::Unknown, "NotConfigured", "signatures are not asked for")
                }
                About::Reconciling => (Truth::True, "Starting", "the first pass is to come"),
                About::Stalled => (Truth::False, "Progressing", ""),
                About::Suspended => (Truth::False, "Following", ""),
                About::RolledBack => (Truth::False, "NothingTakenBack", ""),
            };
            Condition { about, truth, reason, message: message.to_owned(), since: now }
        }))
    }

    /// One of them.
    pub fn get(&self, about: About) -> &Condition {
        &self.0[about as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }

    /// Says how one of them is now. It keeps its time where it is as before.
    pub(super) fn set(
        &mut self,
        about: About,
        truth: Truth,
        (reason, message): (&'static str, impl Into<String>),
        now: Duration,
    ) {
        let condition = &mut self.0[about as usize];
        if condition.truth != truth {
            condition.since = now;
        }
        condition.truth = truth;
        condition.reason = reason;
        condition.message = message.into();
    }

    /// Says since when one of them is as it is, where that is known better than by the events.
    pub(super) fn date(&mut self, about: About, since: Duration) {
        self.0[about as usize].since = since;
    }
}
