//! Webhooks: a forge says that something was pushed, so that a fetch need not wait for the next poll.
//!
//! That is all that a webhook can do. What it says is a [`Hint`]: it may hasten a fetch, and nothing
//! else is ever done with it; what is run is what the fetch finds and the signatures of its commits
//! allow. So a request that is replayed, or that lies, costs a fetch.
//!
//! Anybody may send requests, so nothing of one is looked at before it is known who sent it: first its
//! size, then the signature over its bytes in constant time, and only then the body. A secret is
//! mandatory: without one there is no [`Receiver`]. The caller caps the body while reading
//! ([`BODY_MAX`]), asks about one request at a time, so that a flood is the work of one thread, and lets
//! a [`Bucket`] decide how many of the authentic ones count and how many of the others are told.
//!
//! | Provider | Header | What it holds |
//! |---|---|---|
//! | GitHub | `X-Hub-Signature-256` | `sha256=` and the HMAC-SHA256 of the body, hexadecimal |
//! | Gitea, Forgejo | `X-Gitea-Signature`, `X-Forgejo-Signature` | the same without `sha256=` |
//! | GitLab | `webhook-signature` | `v1,` and the HMAC-SHA256 of id, time and body, base64 (Standard Webhooks) |
//! | GitLab | `X-Gitlab-Token` | the secret itself |
//! | any other | `X-Signature` | as GitHub's |

mod bucket;
mod payload;
mod scheme;

use std::fmt;

pub use bucket::Bucket;
use scheme::Scheme;

/// The greatest size of a body, in bytes. A push of hundreds of commits has some 100 KiB.
pub const BODY_MAX: usize = 1024 * 1024;

/// The least size of a secret, in bytes: 128 bits, if it is random.
pub const SECRET_MIN: usize = 16;

/// Who sends webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// GitHub, and what does as it does.
    GitHub,
    /// Gitea and Forgejo.
    Gitea,
    /// GitLab.
    GitLab,
    /// A script, which signs as GitHub does.
    Generic,
}

impl Provider {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::GitHub, Self::Gitea, Self::GitLab, Self::Generic];
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "github",
            Self::Gitea => "gitea",
            Self::GitLab => "gitlab",
            Self::Generic => "generic",
        })
    }
}

/// What happened, by the words of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The webhook was set up, and is tried out.
    Ping,
    /// A branch or a tag moved, came or went.
    Push,
    /// Something else, such as a comment.
    Other,
}

/// What an authentic request says. Nothing of it is to be trusted, only to be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Who sent it.
    pub provider: Provider,
    /// What happened.
    pub event: Event,
    /// The URLs that it has for the repository. Empty where it names none, or the body is not JSON.
    pub repositories: Vec<String>,
    /// Which branch or tag: `refs/heads/main`.
    pub reference: Option<String>,
    /// The commit that it is at now, in hexadecimal; zeros where it was deleted.
    pub after: Option<String>,
}

/// Why a request counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The body is larger than [`BODY_MAX`].
    #[error("the body is larger than {} KiB", BODY_MAX / 1024)]
    TooLarge,
    /// No header is a signature.
    #[error("the request is not signed")]
    Unsigned,
    /// The provider is not one of those that are allowed.
    #[error("requests of {0} are not allowed")]
    NotAllowed(Provider),
    /// A header that matters is missing, there twice, or not of its form.
    #[error("the header {0} is missing or malformed")]
    Malformed(&'static str),
    /// The time of a signature is too far from now.
    #[error("the signature was made at another time")]
    Stale,
    /// The signature is by another secret or of another body.
    #[error("the signature does not match")]
    Mismatch,
}

impl Refused {
    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Malformed(_) => 400,
            Self::Unsigned | Self::Stale | Self::Mismatch => 401,
            Self::NotAllowed(_) => 403,
        }
    }

    /// What to do about it, for the log of whoever set the webhook up.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge => "let the forge send push events only",
            Self::Unsigned => "set the secret of the webhook in the forge",
            Self::NotAllowed(_) => "add it to the providers that may send webhooks",
            Self::Malformed(_) => {
                "let the forge itself send the request, through no proxy that changes it"
            }
            Self::Stale => "set the clock of this machine",
            Self::Mismatch => "set the same secret in the forge and here",
        }
    }
}

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is guessed too easily.
    #[error("a secret of webhooks has at least {SECRET_MIN} characters")]
    TooShort,
    /// It is called a signing token of GitLab, and is none.
    #[error("a secret that begins with whsec_ must go on in base64")]
    NotBase64,
}

/// A secret that is shared with a forge. Nothing prints it.
#[derive(Clone)]
pub struct Secret {
    /// As it was given.
    text: Vec<u8>,
    /// The key in a signing token (`whsec_…`) of Standard Webhooks.
    signing: Option<Vec<u8>>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Takes a secret. Blanks around it, as at the end of a file, are not part of it.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let signing = scheme::signing_key(text)?;
        let least = signing.as_ref().map_or(text.len(), Vec::len);
        if least < SECRET_MIN {
            return Err(SecretError::TooShort);
        }
        Ok(Self { text: text.as_bytes().to_vec(), signing })
    }
}

/// Tells authentic requests from others.
#[derive(Clone, Debug)]
pub struct Receiver {
    secrets: Vec<Secret>,
    providers: Vec<Provider>,
}

/// The headers of a request: names in any case, and values.
pub type Headers<'a> = [(&'a str, &'a [u8])];

impl Receiver {
    /// Accepts requests of these providers that know `first`, or one of `others`: while a secret is
    /// changed, both the old and the new one are good.
    pub fn new(first: Secret, others: Vec<Secret>, providers: Vec<Provider>) -> Self {
        let secrets = std::iter::once(first).chain(others).collect();
        Self { secrets, providers }
    }

    /// What a request hints at, if it is authentic. `now` is in seconds since 1970.
    pub fn receive(&self, headers: &Headers<'_>, body: &[u8], now: i64) -> Result<Hint, Refused> {
        if body.len() > BODY_MAX {
            return Err(Refused::TooLarge);
        }
        let can_sign = self.secrets.iter().any(|secret| secret.signing.is_some());
        let scheme = Scheme::of(headers, can_sign)?;
        let provider = scheme.provider();
        if !self.providers.contains(&provider) {
            return Err(Refused::NotAllowed(provider));
        }
        scheme.check_time(now)?;
        // All secrets are tried, so that time does not tell which one it was.
        let matches = self.secrets.iter().map(|secret| scheme.matches(secret, body));
        if !matches.fold(false, |any, one| any | one) {
            return Err(Refused::Mismatch);
        }
        Ok(payload::hint(provider, headers, body))
    }
}

/// The one value of a header; `None` where it is not there.
fn header<'a>(headers: &Headers<'a>, name: &'static str) -> Result<Option<&'a [u8]>, Refused> {
    let mut found = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(Some(value)),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Refused::Malformed(name)),
    }
}

#[cfg(test)]
mod tests;
