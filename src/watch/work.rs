//! What the next pass has to look at. Causes that come while a pass is under way add up to one.

use std::{collections::BTreeSet, mem};

use crate::{
    model::{Commit, Process},
    report::pass::PassCause,
};

use super::{files::Changed, repository::Fetch};

/// Why a pass is made.
#[derive(Debug)]
pub(super) enum Cause {
    /// The first one.
    Start,
    /// Manifests, or files that they refer to, changed.
    Files(Changed),
    /// The repository was asked for its newest commit.
    Fetched(Box<Fetch>),
    /// Somebody asks for a new try (SIGHUP).
    Asked,
    /// Somebody held or released a server, suspended following or resumed it, or the time of that is
    /// over.
    Operator,
    /// HAProxy was restarted or reloaded, perhaps by somebody else: this one answers now, or none.
    Process(Option<Process>),
    /// It is time to compare everything, whether or not something changed.
    Resync,
    /// The last pass left something to do.
    Retry,
    /// It is time to look how HAProxy serves since the last change.
    Health,
}

impl Cause {
    /// The word for it; `None` where it is none by itself.
    fn word(&self) -> Option<PassCause> {
        match self {
            Self::Start => Some(PassCause::Start),
            Self::Files(_) => Some(PassCause::Files),
            Self::Asked => Some(PassCause::Asked),
            Self::Operator => Some(PassCause::Operator),
            Self::Process(_) => Some(PassCause::Haproxy),
            Self::Resync => Some(PassCause::Resync),
            Self::Retry => Some(PassCause::Retry),
            // Most find the commit that is known, or nothing that is worse.
            Self::Fetched(_) | Self::Health => None,
        }
    }

    /// Whether it means that something else is wanted than at `commit`: then waiting for what was
    /// wanted before is of no use. Somebody else's reload is no such reason.
    pub(super) fn is_newer_than(&self, commit: Option<&Commit>) -> bool {
        match self {
            Self::Files(_) | Self::Asked => true,
            Self::Fetched(fetch) => {
                fetch.result.as_ref().is_ok_and(|found| Some(&found.fetched.commit) != commit)
            }
            Self::Start
            | Self::Operator
            | Self::Process(_)
            | Self::Resync
            | Self::Retry
            | Self::Health => false,
        }
    }
}

/// What the next pass has to look at.
#[derive(Debug, Default)]
pub(super) struct Work {
    files: Option<Changed>,
    fetched: Vec<Fetch>,
    everything: bool,
    health: bool,
    causes: BTreeSet<PassCause>,
}

impl Work {
    /// Adds what a cause is about.
    pub(super) fn add(&mut self, cause: Cause) {
        self.causes.extend(cause.word());
        match cause {
            Cause::Files(changed) => {
                self.files = Some(match self.files.take() {
                    Some(before) => before.and(changed),
                    None => changed,
                });
            }
            // What was found counts although a later fetch failed.
            Cause::Fetched(fetch) => self.fetched.push(*fetch),
            Cause::Asked
            | Cause::Start
            | Cause::Operator
            | Cause::Process(_)
            | Cause::Resync
            | Cause::Retry => {
                self.everything = true;
            }
            Cause::Health => self.health = true,
        }
    }

    /// Why it is to be looked at.
    pub(super) fn causes(&self) -> Vec<PassCause> {
        self.causes.iter().copied().collect()
    }

    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_none() && self.fetched.is_empty() && !self.everything && !self.health
    }

    /// What the repository answered since the last pass, in order.
    pub(super) fn take_fetched(&mut self) -> Vec<Fetch> {
        mem::take(&mut self.fetched)
    }

    /// The commit that was fetched last since the last pass.
    pub(super) fn commit(&self) -> Option<Commit> {
        let found = self.fetched.iter().rev().find_map(|fetch| fetch.result.as_ref().ok())?;
        Some(found.fetched.commit.clone())
    }

    /// The files that changed.
    pub(super) fn files(&self) -> Option<&Changed> {
        self.files.as_ref()
    }

    /// Whether all of HAProxy is to be looked at, rather than what changed in the manifests.
    pub(super) fn is_whole(&self) -> bool {
        self.everything
    }

    /// Whether it is time to look how HAProxy serves.
    pub(super) fn is_health_due(&self) -> bool {
        self.health
    }

    /// Has a look at everything made, for a reason that no trigger told.
    pub(super) fn look_at_everything(&mut self) {
        self.everything = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::source::git::{Fetched, GitError};

    use super::{super::repository::Found, *};

    fn files(name: &str) -> Cause {
        Cause::Files(Changed::Paths(vec![name.into()]))
    }

    fn fetch(result: Result<&str, GitError>) -> Cause {
        let found = result.map(|id| {
            let commit = Commit { id: id.to_owned(), ..Commit::default() };
            let fetched = Fetched {
                commit,
                previous: None,
                newer: None,
                forced: false,
                signer: None,
                warnings: Vec::new(),
            };
            Found { fetched, remarks: Vec::new() }
        });
        let (begun, duration) = (Instant::now(), Duration::ZERO);
        Cause::Fetched(Box::new(Fetch { result: found, begun, duration }))
    }

    #[test]
    fn a_commit_that_was_found_outlives_a_fetch_that_fails() {
        let mut work = Work::default();
        work.add(fetch(Ok("a")));
        work.add(fetch(Ok("b")));
        work.add(fetch(Err(GitError::Busy("clone".into()))));
        assert_eq!(work.commit().map(|commit| commit.id).as_deref(), Some("b"));
        assert_eq!(work.take_fetched().len(), 3);
        assert!(work.is_empty());
    }

    #[test]
    fn causes_add_up() {
        let mut work = Work::default();
        assert!(work.is_empty());
        work.add(files("a"));
        work.add(files("b"));
        let both = Changed::Paths(vec!["a".into(), "b".into()]);
        assert_eq!(work.files(), Some(&both));
        assert!(!work.is_whole() && !work.is_empty());
        work.add(Cause::Retry);
        assert_eq!(work.files(), Some(&both));
        assert!(work.is_whole());
    }
}
