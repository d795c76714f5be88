//! Why a commit is not trusted.

use super::{Key, Moment, commit::MESSAGE_SEAL};

/// Why a commit is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// There is no signature.
    #[error("it is not signed")]
    NotSigned,
    /// The key is neither in the allowed signers file nor in the keyring.
    #[error("it is signed by {key}, which is not allowed")]
    NotAllowed {
        /// As far as the signature tells.
        key: Key,
    },
    /// The key was too old.
    #[error("{key} of {principal} is good until {until} only, and was used at {at}")]
    Expired {
        /// Which.
        key: Key,
        /// Whose.
        principal: String,
        /// The first moment at which it is not good any more.
        until: Moment,
        /// When the commit was made, by its own words.
        at: Moment,
    },
    /// The key was too young.
    #[error("{key} of {principal} is good from {from} on, and was used at {at}")]
    NotYetValid {
        /// Which.
        key: Key,
        /// Whose.
        principal: String,
        /// The first moment at which it is good.
        from: Moment,
        /// When the commit was made, by its own words.
        at: Moment,
    },
    /// The key, or the certificate that it belongs to, was revoked.
    #[error("{key} of {principal} is revoked")]
    Revoked {
        /// Which.
        key: Key,
        /// Whose.
        principal: String,
    },
    /// The key is there, but may not sign commits.
    #[error("{key} of {principal} may not sign commits: {why}")]
    NotForThis {
        /// Which.
        key: Key,
        /// Whose.
        principal: String,
        /// What it lacks.
        why: String,
    },
    /// The signature was made for another purpose than Git.
    #[error("its signature is for {namespace:?}, not for \"git\"")]
    WrongNamespace {
        /// For which.
        namespace: String,
    },
    /// The signature is by an allowed key, and of something else.
    #[error("its signature by {key} does not match what it holds")]
    BadSignature {
        /// The key that it names.
        key: Key,
    },
    /// The signature or the commit can't be understood.
    #[error("its {part} is malformed: {why}")]
    Malformed {
        /// `signature` or `content`.
        part: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The signature is of a kind that gw does not know or trust.
    #[error("it has {what}, which is not supported")]
    Unsupported {
        /// What it has: a noun with its article.
        what: String,
    },
}

impl Unverified {
    /// A signature that can't be understood.
    pub(super) fn malformed(why: String) -> Self {
        Self::Malformed { part: "signature", why }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotSigned => "sign with `git commit -S`, or always with `git config commit.gpgSign true`; history that can't be signed any more is vouched for by a signed commit on top with the trailer `".to_owned()
                + MESSAGE_SEAL
                + ": REASON` (mode strict)",
            Self::NotAllowed { key } => format!(
                "if you know whose {key} is, add it to the allowed signers file or the keyring"
            ),
            Self::Expired { .. } | Self::NotYetValid { .. } => {
                "sign the change again with a key that is good, or correct the times of the key in the allowed signers file, or export its renewed certificate into the keyring".to_owned()
            }
            Self::Revoked { .. } => "sign the change again with another key".to_owned(),
            Self::NotForThis { .. } => {
                "sign with another key, or correct what the allowed signers file or the certificate says of this one".to_owned()
            }
            Self::WrongNamespace { .. } => {
                "sign with `git commit -S` and `gpg.format = ssh`, which uses the namespace `git`".to_owned()
            }
            Self::BadSignature { .. } => {
                "the commit was changed after it was signed: find out by whom, and do not run it".to_owned()
            }
            Self::Malformed { .. } => "make the commit again with git".to_owned(),
            Self::Unsupported { .. } => {
                "sign with an Ed25519, ECDSA or RSA key of at least 2048 bits, by SSH or OpenPGP, with SHA-256 or better".to_owned()
            }
        }
    }
}
