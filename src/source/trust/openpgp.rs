//! OpenPGP signatures, and the keyring of those who may sign.
//!
//! A signature is good if a primary key or a subkey of the keyring made it over these very bytes, and
//! that key was good at the time of the commit and at the time of the signature, both of which the
//! signer states: bound to its certificate by a self-signature that lets it sign (a subkey must
//! have signed the binding, too), neither expired nor revoked, and so its primary key. A revocation
//! because the key is superseded or retired counts from its time on; any other, for ever. Where the
//! keyring has only newer self-signatures (a cleaned export after a renewal), the oldest counts.
//!
//! SHA-1 and weaker count nowhere, nor do RSA keys of fewer than 2048 bits, and DSA. What the parser
//! (the crate `pgp`) would pass over because it looks broken is an error here.

mod armor;
mod certificate;
mod facts;
mod strength;

use pgp::{
    packet::{Packet, PacketParser, Signature, SignatureType},
    types::{Fingerprint, KeyId},
};

use self::certificate::{Certificate, group};
use super::{Commit, Key, KeyKind, Moment, Signer, Unverified};

/// The first line of a signature.
pub(super) const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";

const END: &str = "-----END PGP SIGNATURE-----";

/// The certificates of those who may sign.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Vec<Certificate>);

/// Why a file is no keyring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It is GnuPG's own database.
    #[error("it is a keybox of GnuPG, not an export")]
    Keybox,
    /// It has secret keys in it.
    #[error("it holds a secret key")]
    Secret,
    /// Armor that is broken, or not around public keys.
    #[error("the armor that begins in line {line} {why}")]
    Armor {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A packet that can't be understood.
    #[error("its packet {number} {why}")]
    Packet {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl KeyringError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let export = "write it with `gpg --armor --export-options export-minimal --export FINGERPRINT… > FILE`, which leaves out what others say of the keys";
        match self {
            Self::Keybox | Self::Armor { .. } | Self::Packet { .. } => Some(export.to_owned()),
            Self::Secret => Some(format!("{export}; a secret key has no place on this machine")),
        }
    }
}

impl Keyring {
    /// Understands the bytes of a file: certificates in binary or in armor, any number of either.
    /// Their self-signatures are verified here, once.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringError> {
        // The header of a keybox: length, type and version, flags, then its magic.
        if bytes.get(8..12) == Some(b"KBXf") {
            return Err(KeyringError::Keybox);
        }
        let binary = armor::remove(bytes)?;
        let mut packets = Vec::new();
        for (packet, number) in PacketParser::new(binary.as_slice()).zip(1..) {
            let wrong = |why: String| KeyringError::Packet { number, why };
            match packet {
                Ok(Packet::SecretKey(_) | Packet::SecretSubkey(_)) => {
                    return Err(KeyringError::Secret);
                }
                // What GnuPG thinks of a key, and what means nothing.
                Ok(Packet::Trust(_) | Packet::Marker(_) | Packet::Padding(_)) => {}
                Ok(packet) => packets.push((number, packet)),
                // Versions and algorithms to come: such a key can't sign, and harms nobody else.
                Err(error) if is_unsupported(&error) => {}
                Err(error) => return Err(wrong(format!("is broken: {error}"))),
            }
        }
        group(packets).map(Self)
    }

    /// Whether nobody may sign.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each certificate: whose it is, its primary key, and whether any of its keys may sign at `at`.
    pub(super) fn keys(
        &self,
        at: Moment,
    ) -> impl Iterator<Item = (&str, Key, Result<(), Unverified>)> {
        self.0.iter().filter_map(move |certificate| {
            let mut allowed = certificate.keys().map(|key| certificate.allows(key, at));
            let first = allowed.next()?;
            let allowed = if allowed.any(|one| one.is_ok()) { Ok(()) } else { first };
            Some((certificate.principal(), certificate.keys().next()?.name(), allowed))
        })
    }

    /// Checks a signature, whose first line is [`BEGIN`].
    pub(super) fn verify(&self, commit: &Commit, armored: &str) -> Result<Signer, Unverified> {
        let signature = decode(armored)?;
        let created = strength::of_signature(&signature).map_err(|has| {
            Unverified::Unsupported { what: format!("an OpenPGP signature with {has}") }
        })?;
        // Text signatures are blind to ends of lines. Git makes none.
        if signature.typ() != Some(SignatureType::Binary) {
            let what = "an OpenPGP signature of another type than binary".to_owned();
            return Err(Unverified::Unsupported { what });
        }
        let named = Issuer::of(&signature)?;
        let mut refusal = None;
        for certificate in &self.0 {
            for key in certificate.keys().filter(|key| named.is(key)) {
                let name = key.name();
                if let Some(weak) = certificate.weakness(key) {
                    refusal = Some(Unverified::Unsupported { what: weak });
                    continue;
                }
                if !key.made(&signature, &commit.payload) {
                    refusal = refusal.or(Some(Unverified::BadSignature { key: name }));
                    continue;
                }
                certificate.allows(key, created)?;
                certificate.allows(key, commit.committed)?;
                if let Some(until) = signature.signature_expiration_time()
                    && until.as_secs() != 0
                    && commit.committed >= created.after(until.as_secs())
                {
                    return Err(Unverified::Expired {
                        key: name,
                        principal: certificate.principal().to_owned(),
                        until: created.after(until.as_secs()),
                        at: commit.committed,
                    });
                }
                let principal = certificate.principal().to_owned();
                return Ok(Signer { principal, key: name });
            }
        }
        Err(refusal.unwrap_or(Unverified::NotAllowed { key: named.name() }))
    }
}

/// Which key a signature names.
struct Issuer<'a> {
    fingerprints: Vec<&'a Fingerprint>,
    ids: Vec<&'a KeyId>,
}

impl<'a> Issuer<'a> {
    fn of(signature: &'a Signature) -> Result<Self, Unverified> {
        let issuer =
            Self { fingerprints: signature.issuer_fingerprint(), ids: signature.issuer_key_id() };
        if issuer.fingerprints.is_empty() && issuer.ids.is_empty() {
            return Err(Unverified::malformed("it names no key".to_owned()));
        }
        Ok(issuer)
    }

    fn is(&self, key: &certificate::SigningKey) -> bool {
        let (fingerprint, id) = key.identity();
        self.fingerprints.contains(&fingerprint) || self.ids.contains(&id)
    }

    fn name(&self) -> Key {
        let fingerprint = match (self.fingerprints.first(), self.ids.first()) {
            (Some(fingerprint), _) => format!("{fingerprint:X}"),
            (None, id) => id.map(|id| id.to_string().to_uppercase()).unwrap_or_default(),
        };
        Key { kind: KeyKind::OpenPgp, fingerprint }
    }
}

/// The one signature in an armor.
fn decode(armored: &str) -> Result<Signature, Unverified> {
    let malformed = |why: &str| Unverified::malformed(why.to_owned());
    let (_, after) = armored.split_once(END).ok_or_else(|| malformed("its armor has no end"))?;
    if !after.trim().is_empty() {
        return Err(malformed("something follows its armor"));
    }
    let binary = armor::block(armored.as_bytes()).map_err(Unverified::malformed)?;
    let mut packets = PacketParser::new(binary.as_slice());
    let signature = match packets.next() {
        Some(Ok(Packet::Signature(signature))) => signature,
        Some(Ok(_)) => return Err(malformed("its armor holds something else")),
        Some(Err(error)) if is_unsupported(&error) => {
            return Err(Unverified::Unsupported {
                what: format!("an OpenPGP signature ({error})"),
            });
        }
        Some(Err(error)) => return Err(Unverified::malformed(error.to_string())),
        None => return Err(malformed("its armor is empty")),
    };
    // With two, which one counts would be anybody's guess.
    match packets.next() {
        None => Ok(signature),
        Some(_) => Err(malformed("it is more than one signature")),
    }
}

/// Whether a packet makes sense, but is of a version or algorithm that is not known.
fn is_unsupported(error: &pgp::errors::Error) -> bool {
    match error {
        pgp::errors::Error::Unsupported { .. } => true,
        pgp::errors::Error::InvalidPacketContent { source } => is_unsupported(source),
        _ => false,
    }
}

impl From<pgp::types::Timestamp> for Moment {
    fn from(time: pgp::types::Timestamp) -> Self {
        Self::from(time.as_secs())
    }
}
