//! Whether a commit is one of those that this machine may run: its signature, checked against keys
//! that the machine's administrator named. Knows nothing of how commits are fetched.
//!
//! # What is promised
//!
//! A commit that verifies was signed, as it is, by a key of the allowed signers file (SSH) or of the
//! keyring (OpenPGP), and that key was good at the time that the commit states. What is signed is
//! what is read: tree, parents and times are taken from the signed bytes themselves, so grafts and
//! the borders of shallow clones change nothing about what must be verified.
//!
//! # What is not promised
//!
//! - **The key decides, names do not.** Author and committer are text that anybody writes, so they
//!   are not compared with the principal, as Git does not either. Whoever holds an allowed key signs
//!   in whatever name. The key of a forge, which signs what its web pages merge, vouches for all who
//!   may press that button.
//! - **The time of a commit is its signer's word.** Who holds an expired key can date a commit back.
//!   A key that fell into wrong hands must be taken out of the file, or be revoked as compromised.
//! - **A signature is not an order.** A signed commit of another branch or repository is as valid;
//!   what protects from old commits is the rule for forced pushes.
//! - Not checked: SSH certificates and revocation lists (KRL), a FIDO key's touch (as `ssh-keygen`
//!   does not), X.509, OpenPGP's web of trust, designated revokers, key servers, and signatures of
//!   tags.

mod allowed_signers;
mod commit;
mod history;
mod moment;
mod openpgp;
mod settings;
mod ssh;
mod unverified;

use std::fmt;

pub use commit::{Commit, MESSAGE_SEAL, SIZE_MAX as COMMIT_SIZE_MAX};
pub use history::{COMMITS_MAX, Refusal, verify};
pub use moment::Moment;
pub use openpgp::{Keyring, KeyringError};
pub use settings::{Mode, ModeError, PolicyError, Settings};
pub use unverified::Unverified;

pub use allowed_signers::AllowedSigners;

use crate::model::Problems;

/// The greatest size of a signature, in bytes. One by an RSA key of 16384 bits has 6 KiB.
pub const SIGNATURE_MAX: usize = 64 * 1024;

/// Which of the two ways to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `gpg.format = ssh`.
    Ssh,
    /// `gpg.format = openpgp`, Git's default.
    OpenPgp,
}

/// A key, as people compare it: `SSH key SHA256:…`, `OpenPGP key 1234…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of which kind.
    pub kind: KeyKind,
    /// `SHA256:` and base64 without padding for SSH; for OpenPGP the fingerprint in upper-case
    /// hexadecimal, or the 16 digits of a key ID where that is all that a signature tells.
    pub fingerprint: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            KeyKind::Ssh => "SSH",
            KeyKind::OpenPgp => "OpenPGP",
        };
        write!(f, "{kind} key {}", self.fingerprint)
    }
}

/// Who signed a commit that verifies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signer {
    /// The principals of the key's line as written, or the primary user ID of its certificate.
    pub principal: String,
    /// The key that signed: with OpenPGP often a subkey.
    pub key: Key,
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.principal, self.key)
    }
}

/// Which commits are trusted: a mode, and whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// How much must be signed.
    pub mode: Mode,
    /// Those who sign with SSH keys.
    pub signers: AllowedSigners,
    /// Those who sign with OpenPGP.
    pub keyring: Keyring,
    /// What is odd about the allowed signers file, but does no harm.
    pub warnings: Problems,
}

impl Policy {
    /// All who are named: who, by which key, and whether that may sign at `at`.
    pub fn keys(&self, at: Moment) -> impl Iterator<Item = (&str, Key, Result<(), Unverified>)> {
        self.signers.keys(at).chain(self.keyring.keys(at))
    }

    /// Checks the signature of one commit, whatever the mode.
    pub fn signer(&self, commit: &Commit) -> Result<Signer, Unverified> {
        let Some(signature) = &commit.signature else { return Err(Unverified::NotSigned) };
        if signature.len() > SIGNATURE_MAX {
            return Err(Unverified::malformed(format!(
                "it is larger than {} KiB",
                SIGNATURE_MAX / 1024
            )));
        }
        let signature = str::from_utf8(signature)
            .map_err(|_| Unverified::malformed("it is not text".to_owned()))?;
        // As in Git, the first line tells which way it was signed.
        let first = signature.lines().next().unwrap_or_default().trim_end();
        match first {
            ssh::BEGIN => ssh::verify(&self.signers, commit, signature),
            openpgp::BEGIN => self.keyring.verify(commit, signature),
            "-----BEGIN SIGNED MESSAGE-----" => {
                Err(Unverified::Unsupported { what: "an X.509 signature".to_owned() })
            }
            _ => Err(Unverified::malformed("it is neither of SSH nor of OpenPGP".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
