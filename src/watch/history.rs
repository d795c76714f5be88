//! Which commit of a repository is wanted: the newest one that was fetched.

use std::{path::Path, time::Duration};

use tokio::task::spawn_blocking;

use crate::{
    model::{Commit, PARTIAL},
    report::{SourceAnswer, SourceFetch, WatchEvent},
    source::git::{BareClone, GitError, Settings},
};

use super::{follower::chain, repository::Fetch};

pub(super) struct History {
    clone: BareClone,
    commit: Option<Commit>,
    /// Why the last fetch failed, which is not told again while it stays the same.
    failure: Option<String>,
}

impl History {
    pub(super) fn new(repository: &Settings, state: &Path) -> Self {
        Self { clone: BareClone::new(repository, state), commit: None, failure: None }
    }

    /// The commit that is wanted.
    pub(super) fn commit(&self) -> Option<&Commit> {
        self.commit.as_ref()
    }

    /// Takes over what a fetch found. Returns whether another commit is wanted now.
    pub(super) fn take_over(
        &mut self,
        fetch: Fetch,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> bool {
        let took = fetch.duration;
        let found = match fetch.result {
            Ok(found) => {
                let name = found.fetched.commit.short();
                let is_verified = found.fetched.signer.is_some();
                let answer = SourceAnswer::Revision { name, is_verified };
                on_event(WatchEvent::SourceFetched(SourceFetch { took, answer }));
                found
            }
            Err(error) => {
                let message = chain(&error);
                let answer = answer(&error, &message);
                on_event(WatchEvent::SourceFetched(SourceFetch { took, answer }));
                if self.failure.as_ref() != Some(&message) {
                    let hint = error.hint();
                    on_event(WatchEvent::Failed { message: &message, hint: hint.as_deref() });
                }
                self.failure = Some(message);
                return false;
            }
        };
        if self.failure.take().is_some() {
            on_event(WatchEvent::SourceAnswers);
        }
        if self.commit.as_ref().is_some_and(|commit| commit.id == found.fetched.commit.id) {
            return false;
        }
        let commit = self.commit.insert(found.fetched.commit);
        let signer = found.fetched.signer.map(|signer| signer.to_string());
        on_event(WatchEvent::Fetched { commit, signer: signer.as_deref(), took });
        for remark in &found.remarks {
            on_event(WatchEvent::Remark(remark));
        }
        true
    }

    /// Why the last fetch failed, if it did.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Why no commit is known, where the repository was asked for one in vain since gw began.
    pub(super) fn lost(&self) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.commit.is_none())
    }

    /// Whether this is a revision of the repository that was read last, or was good last.
    pub(super) fn knows(&self, revision: &str) -> bool {
        let name = revision.strip_suffix(PARTIAL).unwrap_or(revision);
        let known = [self.clone.last_read().ok(), self.last_good()];
        known.into_iter().flatten().any(|commit| commit.short() == name)
    }

    /// The last good commit, if there is one that is to be believed.
    pub(super) fn last_good(&self) -> Option<Commit> {
        self.clone.last_good().unwrap_or_else(|error| {
            tracing::warn!(why = chain(&error), "the last good commit is of no use");
            None
        })
    }

    /// Wants the last good commit where that is of this revision, and another one than is wanted now:
    /// another gw found it. Returns whether that is so.
    pub(super) fn adopt(
        &mut self,
        revision: &str,
        on_event: &mut dyn FnMut(WatchEvent<'_>),
    ) -> bool {
        if self.commit.as_ref().is_some_and(|commit| commit.short() == revision) {
            return false;
        }
        let Some(good) = self.last_good().filter(|good| good.short() == revision) else {
            return false;
        };
        let commit = self.commit.insert(good);
        on_event(WatchEvent::Fetched { commit, signer: None, took: Duration::ZERO });
        true
    }

    /// Remembers the commit as good: it is what HAProxy runs.
    pub(super) async fn keep(&self) {
        let Some(commit) = self.commit.clone() else { return };
        let clone = self.clone.clone();
        if let Ok(Err(error)) = spawn_blocking(move || clone.keep(&commit)).await {
            tracing::warn!(%error, "can't remember the commit as good");
        }
    }
}

/// What a server said where its newest commit is not followed.
fn answer<'a>(error: &GitError, message: &'a str) -> SourceAnswer<'a> {
    match error {
        GitError::Rewritten { .. } => SourceAnswer::Rewritten(message),
        // Without a list of who may sign, nobody may.
        GitError::Untrusted(_) | GitError::Policy(_) => SourceAnswer::Unverified(message),
        _ => SourceAnswer::Nothing(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_refused_is_an_answer() {
        let (what, previous) = ("history was rewritten".to_owned(), "3f2a9c01".to_owned());
        let rewritten = GitError::Rewritten { what, previous };
        assert_eq!(answer(&rewritten, "m"), SourceAnswer::Rewritten("m"));
        let (address, why) = ("https://git.example.org/r".to_owned(), "no route".to_owned());
        let unreachable = GitError::Unreachable { address, why };
        assert_eq!(answer(&unreachable, "m"), SourceAnswer::Nothing("m"));
    }
}
