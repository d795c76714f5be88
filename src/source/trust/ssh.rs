//! SSH signatures (OpenSSH's PROTOCOL.sshsig), as `ssh-keygen -Y sign -n git` makes them.

use ssh_key::{Error, HashAlg, PublicKey, SshSig, public::KeyData};

use super::{AllowedSigners, Commit, Key, KeyKind, Signer, Unverified};

/// The first line of a signature.
pub(super) const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";

const END: &str = "-----END SSH SIGNATURE-----";

/// What Git signs commits for.
const NAMESPACE: &str = "git";

/// The length of lines that the decoder insists on. Not every signing program writes them so.
const LINE: usize = 70;

/// Checks a signature, whose first line is [`BEGIN`].
pub(super) fn verify(
    allowed: &AllowedSigners,
    commit: &Commit,
    armored: &str,
) -> Result<Signer, Unverified> {
    let signature = decode(armored)?;
    if signature.namespace() != NAMESPACE {
        return Err(Unverified::WrongNamespace { namespace: signature.namespace().to_owned() });
    }
    let data = signature.public_key();
    let key = name(data);
    // Keys of strangers are not calculated with.
    if !allowed.knows(data) {
        return Err(Unverified::NotAllowed { key });
    }
    PublicKey::from(data.clone()).verify(NAMESPACE, &commit.payload, &signature).map_err(
        |error| match error {
            Error::AlgorithmUnsupported { algorithm } => {
                Unverified::Unsupported { what: format!("a signature of type {algorithm}") }
            }
            _ => Unverified::BadSignature { key: key.clone() },
        },
    )?;
    let principal = allowed.principal(data, commit.committed)?.to_owned();
    Ok(Signer { principal, key })
}

/// What people call a key.
pub(super) fn name(key: &KeyData) -> Key {
    Key { kind: KeyKind::Ssh, fingerprint: key.fingerprint(HashAlg::Sha256).to_string() }
}

fn decode(armored: &str) -> Result<SshSig, Unverified> {
    let malformed = |why: &str| Unverified::malformed(why.to_owned());
    let (body, after) = armored
        .trim_start()
        .strip_prefix(BEGIN)
        .and_then(|text| text.split_once(END))
        .ok_or_else(|| malformed("its armor has no end"))?;
    if !after.trim().is_empty() {
        return Err(malformed("something follows its armor"));
    }
    let body: String = body.split_ascii_whitespace().collect();
    if !body.is_ascii() {
        return Err(malformed("its armor is not base64"));
    }
    let mut text = format!("{BEGIN}\n");
    for start in (0..body.len()).step_by(LINE) {
        text += &body[start..body.len().min(start + LINE)];
        text.push('\n');
    }
    text += END;
    text.push('\n');
    SshSig::from_pem(&text).map_err(|error| match error {
        _ if is_by_certificate(&text) => {
            Unverified::Unsupported { what: "a signature by an SSH certificate".to_owned() }
        }
        Error::AlgorithmUnknown | Error::AlgorithmUnsupported { .. } => {
            Unverified::Unsupported { what: "a signature by an SSH key of unknown type".to_owned() }
        }
        Error::Version { number } => {
            Unverified::Unsupported { what: format!("an SSH signature of version {number}") }
        }
        error => Unverified::malformed(error.to_string()),
    })
}

/// Whether the public key in a signature is a certificate, which the decoder only calls malformed.
fn is_by_certificate(armored: &str) -> bool {
    // The magic word, a version, the length of the key; then the length of its type and the type.
    const TYPE_AT: usize = 6 + 4 + 4 + 4;
    let Ok(block) = pem::parse(armored) else { return false };
    let kind = block.contents().get(TYPE_AT..).unwrap_or_default();
    memchr::memmem::find(&kind[..kind.len().min(64)], b"-cert-v01@openssh.com").is_some()
}
