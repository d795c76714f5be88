//! What `gw up` and `gw watch` tell while it runs.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    model::{Commit, Kept, Problems, SourceFile},
    plan::{Plan, Report},
};

use super::PlanView;

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
        /// How long the server took.
        took: Duration,
    },
    /// The repository can't be reached, and gw starts from the last commit that was good.
    LastGood {
        /// Which.
        commit: &'a Commit,
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
    /// Both gw and HAProxy are about to end.
    Stopping,
}
