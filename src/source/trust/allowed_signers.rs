//! The SSH keys that may sign: a file in the format that ssh-keygen(1) describes under ALLOWED
//! SIGNERS, one key per line.
//!
//! As in Git (`gpg.ssh.allowedSignersFile`) it is the key that counts: any line with it makes the
//! signature good, whatever its principals, which are what the signer is called by. A line that
//! can't be understood makes the whole file invalid, as in `ssh-keygen`; one that is well formed and
//! asks for what gw can't do allows nobody, with a warning.

mod line;
mod options;

use ssh_key::public::KeyData;

use crate::model::{Location, Problem, Problems, SourceFile};

use super::{Key, Moment, Unverified, ssh};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// Its first field, as written.
    principals: String,
    key: KeyData,
    /// Whether it may be used in the namespace `git`.
    is_for_git: bool,
    valid_after: Option<Moment>,
    valid_before: Option<Moment>,
}

/// All keys of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners(Vec<Entry>);

impl AllowedSigners {
    /// Understands a file. The keys are to be used only if no problem is an error.
    pub fn parse(file: &SourceFile) -> (Self, Problems) {
        let mut entries = Vec::new();
        let mut problems = Problems::default();
        for (text, number) in file.text.lines().zip(1..) {
            let mut found = Vec::new();
            entries.extend(line::parse(text, &mut found));
            problems.extend(found.into_iter().map(|found| {
                let at = Location { file: file.path.clone(), span: found.span(text, number) };
                if found.is_fatal {
                    Problem::error(at, found.message)
                } else {
                    Problem::warning(at, found.message)
                }
            }));
        }
        (Self(entries), problems)
    }

    /// Whether nobody may sign.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each line: whose it is, its key, and whether it may sign at `at`.
    pub(super) fn keys(
        &self,
        at: Moment,
    ) -> impl Iterator<Item = (&str, Key, Result<(), Unverified>)> {
        self.0
            .iter()
            .map(move |entry| (entry.principals.as_str(), ssh::name(&entry.key), entry.allows(at)))
    }

    /// The principals by whose line `key` was good at `at`, or why it was not. Where several lines
    /// have the key, the first that allows it counts.
    pub(super) fn principal(&self, key: &KeyData, at: Moment) -> Result<&str, Unverified> {
        let mut refusal = None;
        for entry in self.0.iter().filter(|entry| entry.key == *key) {
            match entry.allows(at) {
                Ok(()) => return Ok(&entry.principals),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        Err(refusal.unwrap_or_else(|| Unverified::NotAllowed { key: ssh::name(key) }))
    }

    /// Whether any line has the key.
    pub(super) fn knows(&self, key: &KeyData) -> bool {
        self.0.iter().any(|entry| entry.key == *key)
    }
}

impl Entry {
    fn allows(&self, at: Moment) -> Result<(), Unverified> {
        let key = || -> Key { ssh::name(&self.key) };
        let principal = || self.principals.clone();
        if !self.is_for_git {
            let why = "its line in the allowed signers file leaves out the namespace git";
            let why = why.to_owned();
            return Err(Unverified::NotForThis { key: key(), principal: principal(), why });
        }
        if let Some(from) = self.valid_after.filter(|from| at < *from) {
            return Err(Unverified::NotYetValid { key: key(), principal: principal(), from, at });
        }
        // The last second still counts, as in ssh-keygen.
        if let Some(until) = self.valid_before.filter(|until| at > *until) {
            return Err(Unverified::Expired { key: key(), principal: principal(), until, at });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
