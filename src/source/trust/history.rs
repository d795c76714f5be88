//! Which commits must verify before one may be run.

use std::collections::HashSet;

use git2::{ErrorCode, Oid, Repository};

use super::{
    Mode, Policy, Signer, Unverified,
    commit::{Commit, MESSAGE_SEAL, ReadError},
};

/// The greatest number of commits that are verified in one go.
pub const COMMITS_MAX: usize = 100_000;

/// Why a commit may not be run.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A commit does not verify: the wanted one, or in mode `strict` one that it builds on.
    #[error("commit {commit} is not trusted")]
    Unverified {
        /// Which.
        commit: Oid,
        /// Why.
        #[source]
        reason: Unverified,
    },
    /// A commit that must be verified is not in the repository.
    #[error("commit {commit} must be verified, and is not here")]
    Missing {
        /// Which.
        commit: Oid,
    },
    /// More than [`COMMITS_MAX`] commits must be verified.
    #[error("more than {COMMITS_MAX} commits must be verified")]
    TooMany,
    /// The repository can't be read.
    #[error("cannot read the repository")]
    Git(#[from] git2::Error),
}

impl Refusal {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unverified { reason, .. } => Some(reason.hint()),
            Self::Missing { .. } => Some(
                "mode strict needs the whole history: fetch without a depth, or use mode head"
                    .to_owned(),
            ),
            Self::TooMany => Some(format!(
                "put a signed commit with the trailer `{MESSAGE_SEAL}: REASON` on top, which vouches for all before it"
            )),
            Self::Git(_) => None,
        }
    }
}

/// Verifies what the mode asks for, and tells who signed `wanted`; `None` in mode `none`.
///
/// Mode `head` verifies `wanted` alone: its signer vouches for all that it builds on. Mode `strict`
/// verifies each commit that `wanted` brings beyond `last_good`, along all parents of merges, so
/// nothing that anybody slipped in between two signed commits is run. Where there is no last good
/// revision, or it is not in the repository, that is the whole history: else a machine without a
/// state would run what the others refuse, and a lost state would be a way around. History from
/// before the signing began is vouched for by a **seal**: a verified commit with the trailer
/// `Gw-Seal: REASON`, behind which nothing is looked at (Argo CD knows the same).
pub fn verify(
    repository: &Repository,
    wanted: Oid,
    last_good: Option<Oid>,
    policy: &Policy,
) -> Result<Option<Signer>, Refusal> {
    match policy.mode {
        Mode::None => Ok(None),
        Mode::Head => verified(repository, wanted, policy).map(|(_, signer)| Some(signer)),
        Mode::Strict => strictly(repository, wanted, last_good, policy).map(Some),
    }
}

fn strictly(
    repository: &Repository,
    wanted: Oid,
    last_good: Option<Oid>,
    policy: &Policy,
) -> Result<Signer, Refusal> {
    let (commit, signer) = verified(repository, wanted, policy)?;
    let last_good = last_good.filter(|last| repository.find_commit(*last).is_ok());
    if commit.seals || last_good == Some(wanted) {
        return Ok(signer);
    }
    // Without a last good one all is new.
    let known = match last_good {
        Some(last) => Some((last, beyond(repository, wanted, last)?)),
        None => None,
    };
    let mut seen = HashSet::from([wanted]);
    let mut open = commit.parents;
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some((last, new)) = &known
            && !new.contains(&id)
            && (id == *last || repository.graph_descendant_of(*last, id).is_ok_and(|is| is))
        {
            continue;
        }
        if seen.len() > COMMITS_MAX {
            return Err(Refusal::TooMany);
        }
        // The parents are those that were signed: where a shallow clone ends, they are missing.
        let (commit, _) = verified(repository, id, policy)?;
        if !commit.seals {
            open.extend(commit.parents);
        }
    }
    Ok(signer)
}

/// The commits that `wanted` stands on and `last_good` does not, so that one need not ask of each.
fn beyond(repository: &Repository, wanted: Oid, last: Oid) -> Result<HashSet<Oid>, Refusal> {
    let mut walk = repository.revwalk()?;
    walk.push(wanted)?;
    walk.hide(last)?;
    let mut new = HashSet::new();
    for id in walk {
        match id {
            Ok(id) => new.insert(id),
            // Which one is missing shows when its child is verified.
            Err(error) if error.code() == ErrorCode::NotFound => break,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(new)
}

fn verified(
    repository: &Repository,
    id: Oid,
    policy: &Policy,
) -> Result<(Commit, Signer), Refusal> {
    let commit = Commit::read(repository, id).map_err(|error| match error {
        ReadError::Missing => Refusal::Missing { commit: id },
        ReadError::Malformed(reason) => Refusal::Unverified { commit: id, reason },
        ReadError::Git(error) => Refusal::Git(error),
    })?;
    let signer =
        policy.signer(&commit).map_err(|reason| Refusal::Unverified { commit: id, reason })?;
    Ok((commit, signer))
}
