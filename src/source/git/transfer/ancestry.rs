//! Whether one commit comes from another, in a clone that may lack history.

use std::collections::HashSet;

use git2::{ObjectType, Oid, Repository};

/// How many commits are looked at.
const COMMITS_MAX: usize = 200_000;

/// What is known about the descent of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Descent {
    /// It comes from the other one.
    Yes,
    /// It does not.
    No,
    /// History ends before that can be said.
    Unknown,
}

/// Whether `older` is `newer`, or one of its ancestors.
pub(super) fn descends(repository: &Repository, newer: Oid, older: Oid) -> Descent {
    let mut seen = HashSet::from([newer]);
    let mut open = vec![newer];
    let mut is_cut = false;
    while let Some(id) = open.pop() {
        if id == older {
            return Descent::Yes;
        }
        let Some(parents) = parents(repository, id) else {
            is_cut = true;
            continue;
        };
        if parents.contains(&older) {
            return Descent::Yes;
        }
        open.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
        if seen.len() > COMMITS_MAX {
            return Descent::Unknown;
        }
    }
    if is_cut { Descent::Unknown } else { Descent::No }
}

/// The parents that a commit names: those that a shallow clone lacks, too, which libgit2 hides.
/// `None` where the commit itself is not here.
fn parents(repository: &Repository, id: Oid) -> Option<Vec<Oid>> {
    let odb = repository.odb().ok()?;
    let object = odb.read(id).ok().filter(|object| object.kind() == ObjectType::Commit)?;
    let lines = object.data().split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let parents = lines.filter_map(|line| line.strip_prefix(b"parent "));
    parents.map(|id| Oid::from_str(std::str::from_utf8(id).ok()?).ok()).collect()
}
