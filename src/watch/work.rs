//! What the next pass has to look at. Causes that come while a pass is under way add up to one.

use std::collections::BTreeSet;

use crate::{model::Process, report::pass::PassCause};

use super::files::Changed;

/// Why a pass is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The first one.
    Start,
    /// Manifests, or files that they refer to, changed.
    Files(Changed),
    /// Somebody asks for a new try (SIGHUP).
    Asked,
    /// HAProxy was restarted or reloaded, perhaps by somebody else: this one answers now.
    Process(Process),
    /// It is time to compare everything, whether or not something changed.
    Resync,
    /// The last pass left something to do.
    Retry,
}

impl Cause {
    /// The word for it.
    fn word(&self) -> PassCause {
        match self {
            Self::Start => PassCause::Start,
            Self::Files(_) => PassCause::Files,
            Self::Asked => PassCause::Asked,
            Self::Process(_) => PassCause::Haproxy,
            Self::Resync => PassCause::Resync,
            Self::Retry => PassCause::Retry,
        }
    }
}

/// What the next pass has to look at.
#[derive(Debug, Default)]
pub(super) struct Work {
    files: Option<Changed>,
    everything: bool,
    anew: bool,
    causes: BTreeSet<PassCause>,
}

impl Work {
    /// Adds what a cause is about.
    pub(super) fn add(&mut self, cause: Cause) {
        self.causes.insert(cause.word());
        match cause {
            Cause::Files(changed) => {
                self.files = Some(match self.files.take() {
                    Some(before) => before.and(changed),
                    None => changed,
                });
            }
            Cause::Start | Cause::Asked | Cause::Resync => {
                self.everything = true;
                self.anew = true;
            }
            Cause::Process(_) | Cause::Retry => self.everything = true,
        }
    }

    /// Why it is to be looked at.
    pub(super) fn causes(&self) -> Vec<PassCause> {
        self.causes.iter().copied().collect()
    }

    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_none() && !self.everything
    }

    /// Whether manifests changed: then the plan is news, and worth waiting for servers.
    pub(super) fn has_changes(&self) -> bool {
        self.files.is_some()
    }

    /// The files that changed, where nothing else need be looked at.
    pub(super) fn only_files(&self) -> Option<&Changed> {
        self.files.as_ref().filter(|_| !self.everything)
    }

    /// Whether what was refused before is to be tried again: a port may be free by now.
    pub(super) fn is_anew(&self) -> bool {
        self.anew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str) -> Cause {
        Cause::Files(Changed::Paths(vec![name.into()]))
    }

    #[test]
    fn causes_add_up() {
        let mut work = Work::default();
        assert!(work.is_empty());
        work.add(files("a"));
        work.add(files("b"));
        let both = Changed::Paths(vec!["a".into(), "b".into()]);
        assert_eq!(work.only_files(), Some(&both));
        assert!(work.has_changes() && !work.is_anew() && !work.is_empty());
        work.add(Cause::Retry);
        assert_eq!(work.only_files(), None);
        assert!(work.has_changes() && !work.is_anew());
        work.add(Cause::Asked);
        assert!(work.is_anew());
    }
}
