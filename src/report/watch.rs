//! What `gw up` and `gw watch` tell while it runs.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    model::{Commit, Kept, Problems, SourceFile},
    plan::{Plan, Report},
};

use super::{
    PlanView,
    pass::{PassCause, PassRecord},
};

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum WatchEvent<'a> {
    /// HAProxy runs.
    Started {
        /// Its version.
        version: &'a str,
        /// Its process id.
        pid: u32,
        /// The state directory.
        state: &'a Path,
    },
    /// A pass begins.
    PassBegun {
        /// Its number, from 1 for each run of gw.
        number: u64,
        /// Why it is made.
        causes: &'a [PassCause],
    },
    /// A pass ended.
    PassEnded(&'a PassRecord),
    /// The source was asked for its newest revision.
    SourceFetched(SourceFetch<'a>),
    /// The source answers again.
    SourceAnswers,
    /// HAProxy does not run any more, or runs again.
    Haproxy {
        /// Whether it runs.
        is_running: bool,
    },
    /// Another gw, or a person by it, applied something.
    Others {
        /// The generation that is current now.
        generation: u64,
        /// The revision that it was made of.
        revision: &'a str,
    },
    /// What a person should know, and which keeps nothing from being done.
    Remark(&'a str),
    /// A change is worse, and is taken back by the next pass.
    Worse {
        /// The revision.
        revision: &'a str,
        /// In what way.
        message: &'a str,
        /// The generation that is gone back to.
        back_to: Option<u64>,
    },
    /// A change that went wrong after its pass was undone, or could not be.
    RolledBack {
        /// The revision that was taken back.
        revision: Option<&'a str>,
        /// Why.
        message: &'a str,
        /// Whether the last good state serves again.
        is_good: bool,
    },
    /// The health gate is done with a change, which is not taken back by it.
    Judged {
        /// The generation that it made.
        generation: u64,
        /// Whether HAProxy serves as well as before with it; else the look was ended:
        /// another generation took its place, or following is suspended.
        is_proven: bool,
    },
    /// The manifests are not followed for now.
    Suspended {
        /// Why, in the words of whoever did it.
        reason: &'a str,
        /// Who did it.
        by: &'a str,
        /// Since when, in seconds since the epoch.
        since: u64,
        /// When it ends by itself, in seconds since the epoch; `None` where it does not.
        until: Option<u64>,
    },
    /// The manifests are followed again.
    Resumed,
    /// The manifests have problems. With errors among them nothing is changed.
    Problems {
        /// What is wrong.
        problems: &'a Problems,
        /// The sources, for snippets.
        files: &'a [Arc<SourceFile>],
    },
    /// The errors among the problems are about single objects: these stay what they were, and the
    /// rest goes on.
    Kept {
        /// Which were good before. Others are left out.
        objects: &'a [Kept],
    },
    /// The repository has another commit.
    Fetched {
        /// Which.
        commit: &'a Commit,
        /// Who signed it, where that was verified.
        signer: Option<&'a str>,
        /// How long the server took.
        took: Duration,
    },
    /// The repository can't be read since gw began, and HAProxy is held at what was applied last.
    Staying {
        /// The generation.
        generation: u64,
        /// The revision that it was made of.
        revision: &'a str,
        /// Whether that is the last good commit, signed as commits must be.
        is_good: bool,
    },
    /// A plan is about to be carried out.
    Planned(PlanView<'a>),
    /// A plan was carried out, as far as it could be.
    Applied {
        /// The revision of the manifests.
        revision: &'a str,
        /// The plan.
        plan: &'a Plan,
        /// What became of it.
        report: &'a Report,
    },
    /// Files changed, but nothing that HAProxy would notice.
    Unchanged {
        /// The revision of the manifests.
        revision: &'a str,
    },
    /// A pass failed; the next change or retry may succeed.
    Failed {
        /// Why, with all causes.
        message: &'a str,
        /// What to do about it.
        hint: Option<&'a str>,
    },
    /// The manifests are watched for changes from now on.
    Watching,
    /// gw is about to end; and HAProxy, where gw runs it.
    Stopping,
}

/// What asking a repository yielded.
#[derive(Clone, Copy, Debug)]
pub struct SourceFetch<'a> {
    /// How long the server took.
    pub took: Duration,
    /// What it said.
    pub answer: SourceAnswer<'a>,
}

/// What a repository said about its newest revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceAnswer<'a> {
    /// It may be followed.
    Revision {
        /// Its name.
        name: &'a str,
        /// Whether it was seen to be signed as it must be; not so where nobody asks for that.
        is_verified: bool,
    },
    /// It came by rewriting history, which is refused: in what way.
    Rewritten(&'a str),
    /// It is not signed as it must be: why.
    Unverified(&'a str),
    /// Nothing of use, or nothing at all: why.
    Nothing(&'a str),
}

impl<'a> SourceAnswer<'a> {
    /// The word for it, in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revision { .. } => "done",
            Self::Rewritten(_) => "refused",
            Self::Unverified(_) => "untrusted",
            Self::Nothing(_) => "failed",
        }
    }

    /// Why the newest revision is not followed.
    pub fn failure(self) -> Option<&'a str> {
        match self {
            Self::Revision { .. } => None,
            Self::Rewritten(why) | Self::Unverified(why) | Self::Nothing(why) => Some(why),
        }
    }
}
