//! The ways in which requests are signed.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Headers, Provider, Refused, Secret, SecretError, header};

const GITHUB: &str = "X-Hub-Signature-256";
const FORGEJO: &str = "X-Forgejo-Signature";
const GITEA: &str = "X-Gitea-Signature";
const GITLAB: &str = "X-Gitlab-Token";
const GENERIC: &str = "X-Signature";
const STANDARD: &str = "webhook-signature";
const STANDARD_ID: &str = "webhook-id";
const STANDARD_TIME: &str = "webhook-timestamp";

/// How far the time of a signature may be from now, in seconds, as Standard Webhooks advises.
const TOLERANCE: u64 = 300;

/// With what a signing token begins.
const SIGNING: &str = "whsec_";

/// So many signatures, by old and new keys, a request may have.
const SIGNATURES_MAX: usize = 8;

/// The size of a signature, in bytes.
const TAG: usize = 32;

/// How a request claims to be authentic.
pub(super) enum Scheme<'a> {
    /// The HMAC of the body.
    Body(Provider, Vec<u8>),
    /// The HMACs of id, time and body, by several keys.
    Standard { id: &'a [u8], time: &'a [u8], seconds: i64, tags: Vec<[u8; TAG]> },
    /// The secret itself.
    Token(&'a [u8]),
}

impl<'a> Scheme<'a> {
    /// The one scheme that counts for a request. A bad signature by it is not made good by another
    /// one: Gitea and Forgejo send GitHub's header, too, and GitLab may send both of its own.
    /// `can_sign` tells whether there is a signing token to check GitLab's newer one with.
    pub(super) fn of(headers: &Headers<'a>, can_sign: bool) -> Result<Self, Refused> {
        if can_sign && let Some(tags) = header(headers, STANDARD)? {
            return standard(headers, tags);
        }
        for (name, provider, prefix) in [
            (FORGEJO, Provider::Gitea, ""),
            (GITEA, Provider::Gitea, ""),
            (GITHUB, Provider::GitHub, "sha256="),
            (GENERIC, Provider::Generic, "sha256="),
        ] {
            let Some(value) = header(headers, name)? else { continue };
            let digits = value.strip_prefix(prefix.as_bytes());
            let tag = digits.filter(|digits| digits.len() == 2 * TAG).and_then(|digits| {
                // Lower and upper case: forges write the former, scripts either.
                base16ct::mixed::decode_vec(digits).ok()
            });
            return tag.map(|tag| Self::Body(provider, tag)).ok_or(Refused::Malformed(name));
        }
        match header(headers, GITLAB)? {
            Some(token) => Ok(Self::Token(token)),
            None => Err(Refused::Unsigned),
        }
    }

    /// Who signs so.
    pub(super) fn provider(&self) -> Provider {
        match self {
            Self::Body(provider, _) => *provider,
            Self::Standard { .. } | Self::Token(_) => Provider::GitLab,
        }
    }

    /// Whether the signature is of this time, where it says so. Only after [`Self::matches`] is what
    /// it says true; this comes before, because it is cheap.
    pub(super) fn check_time(&self, now: i64) -> Result<(), Refused> {
        match self {
            Self::Standard { seconds, .. } if seconds.abs_diff(now) > TOLERANCE => {
                Err(Refused::Stale)
            }
            Self::Standard { .. } | Self::Body(..) | Self::Token(_) => Ok(()),
        }
    }

    /// Whether the sender of `body` knows the secret.
    pub(super) fn matches(&self, secret: &Secret, body: &[u8]) -> bool {
        match self {
            Self::Body(_, tag) => mac(&secret.text, &[body]).verify_slice(tag).is_ok(),
            Self::Standard { id, time, tags, .. } => {
                let Some(key) = &secret.signing else { return false };
                let mac = mac(key, &[id, b".", time, b".", body]);
                tags.iter().fold(false, |any, tag| any | mac.clone().verify_slice(tag).is_ok())
            }
            // Compared by their HMACs, so that time does not even tell the length.
            Self::Token(token) => {
                let expected = mac(&secret.text, &[&secret.text]).finalize();
                mac(&secret.text, &[token]).verify(&expected.into_bytes()).is_ok()
            }
        }
    }
}

fn standard<'a>(headers: &Headers<'a>, tags: &[u8]) -> Result<Scheme<'a>, Refused> {
    let needed = |name| header(headers, name)?.ok_or(Refused::Malformed(name));
    let (id, time) = (needed(STANDARD_ID)?, needed(STANDARD_TIME)?);
    let seconds = str::from_utf8(time).ok().and_then(|text| text.parse().ok());
    let seconds = seconds.ok_or(Refused::Malformed(STANDARD_TIME))?;
    let text = str::from_utf8(tags).map_err(|_| Refused::Malformed(STANDARD))?;
    let tags: Vec<[u8; TAG]> = text
        .split(' ')
        .take(SIGNATURES_MAX)
        .filter_map(|part| part.strip_prefix("v1,"))
        .filter_map(|tag| BASE64.decode(tag).ok()?.try_into().ok())
        .collect();
    if tags.is_empty() {
        return Err(Refused::Malformed(STANDARD));
    }
    Ok(Scheme::Standard { id, time, seconds, tags })
}

/// The key in a signing token; `None` where a text is none.
pub(super) fn signing_key(text: &str) -> Result<Option<Vec<u8>>, SecretError> {
    let Some(encoded) = text.strip_prefix(SIGNING) else { return Ok(None) };
    BASE64.decode(encoded).map(Some).map_err(|_| SecretError::NotBase64)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length (RFC 2104)");
    for part in parts {
        mac.update(part);
    }
    mac
}
