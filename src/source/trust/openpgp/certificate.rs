//! Certificates: a primary key, names, subkeys, and the signatures that hold them together.

use pgp::{
    packet::{
        Packet, PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType, SubpacketData,
        UserId,
    },
    types::{Duration, Fingerprint, KeyDetails, KeyId, Tag},
};

use crate::source::trust::{Key, KeyKind, Moment, Unverified};

use super::{
    KeyringError,
    facts::{Binding, Facts, NotGood, Revocation},
    strength,
};

/// A primary key, or a subkey.
#[derive(Clone, Debug)]
enum Material {
    Primary(PublicKey),
    Sub(PublicSubkey),
}

/// A key of a certificate, and what its self-signatures say.
#[derive(Clone, Debug)]
pub(super) struct SigningKey {
    material: Material,
    fingerprint: Fingerprint,
    id: KeyId,
    facts: Facts,
    /// Why it can't count, whatever they say.
    weak: Option<String>,
}

/// One person or machine that may sign.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    principal: String,
    primary: SigningKey,
    subkeys: Vec<SigningKey>,
}

impl SigningKey {
    /// By what signatures call it.
    pub(super) fn identity(&self) -> (&Fingerprint, &KeyId) {
        (&self.fingerprint, &self.id)
    }

    /// What people call it.
    pub(super) fn name(&self) -> Key {
        Key { kind: KeyKind::OpenPgp, fingerprint: format!("{:X}", self.fingerprint) }
    }

    /// Whether the key made `signature` over `payload`.
    pub(super) fn made(&self, signature: &Signature, payload: &[u8]) -> bool {
        match &self.material {
            Material::Primary(key) => signature.verify(key, payload),
            Material::Sub(key) => signature.verify(key, payload),
        }
        .is_ok()
    }
}

impl Certificate {
    /// What its owner is called.
    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// The primary key, then the subkeys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.primary).chain(&self.subkeys)
    }

    /// Why `key`, or the primary key that vouches for it, can't count: a noun with its article.
    pub(super) fn weakness(&self, key: &SigningKey) -> Option<String> {
        self.primary.weak.as_ref().or(key.weak.as_ref()).map(|key| format!("a signature by {key}"))
    }

    /// Whether `key`, one of ours, could sign at `at`.
    pub(super) fn allows(&self, key: &SigningKey, at: Moment) -> Result<(), Unverified> {
        let refused = |of: &SigningKey, reason: NotGood| {
            let (key, principal) = (of.name(), self.principal.clone());
            match reason {
                NotGood::Young(from) => Unverified::NotYetValid { key, principal, from, at },
                NotGood::Old(until) => Unverified::Expired { key, principal, until, at },
                NotGood::Revoked => Unverified::Revoked { key, principal },
                NotGood::Unbound => {
                    let why = "no valid self-signature binds it to its certificate".to_owned();
                    Unverified::NotForThis { key, principal, why }
                }
            }
        };
        self.primary.facts.at(at).map_err(|reason| refused(&self.primary, reason))?;
        let binding = key.facts.at(at).map_err(|reason| refused(key, reason))?;
        if binding.signs {
            return Ok(());
        }
        let why = "its certificate does not give it this purpose".to_owned();
        Err(Unverified::NotForThis { key: key.name(), principal: self.principal.clone(), why })
    }
}

/// A packet with the signatures that follow it.
struct Signed<T> {
    packet: T,
    signatures: Vec<Signature>,
}

/// What a certificate is made of.
struct Parts {
    primary: Signed<PublicKey>,
    users: Vec<Signed<UserId>>,
    subkeys: Vec<Signed<PublicSubkey>>,
}

/// Puts packets together: a primary key with its signatures, names with theirs, subkeys with theirs.
/// Where a file has a certificate twice, as after another export into it, they are one: a revocation
/// in either counts.
pub(super) fn group(packets: Vec<(usize, Packet)>) -> Result<Vec<Certificate>, KeyringError> {
    let mut all: Vec<Parts> = Vec::new();
    let mut current = None;
    let mut after = After::Primary;
    for (number, packet) in packets {
        let wrong = |why: &str| KeyringError::Packet { number, why: why.to_owned() };
        if let Packet::PublicKey(packet) = packet {
            let fingerprint = packet.fingerprint();
            let known =
                all.iter().position(|parts| parts.primary.packet.fingerprint() == fingerprint);
            current = Some(known.unwrap_or(all.len()));
            if known.is_none() {
                let primary = Signed { packet, signatures: Vec::new() };
                all.push(Parts { primary, users: Vec::new(), subkeys: Vec::new() });
            }
            after = After::Primary;
            continue;
        }
        let parts = current.and_then(|current| all.get_mut(current));
        let parts = parts.ok_or_else(|| wrong("belongs to no public key"))?;
        match packet {
            Packet::UserId(packet) => {
                let is_it = |known: &UserId| known.id() == packet.id();
                after = After::User(place(&mut parts.users, is_it, packet.clone()));
            }
            Packet::PublicSubkey(packet) => {
                let fingerprint = packet.fingerprint();
                let is_it = |known: &PublicSubkey| known.fingerprint() == fingerprint;
                after = After::Subkey(place(&mut parts.subkeys, is_it, packet));
            }
            Packet::UserAttribute(_) => after = After::Attribute,
            Packet::Signature(signature) => match after {
                After::Primary => parts.primary.signatures.push(signature),
                After::User(at) => parts.users[at].signatures.push(signature),
                After::Subkey(at) => parts.subkeys[at].signatures.push(signature),
                After::Attribute => {}
            },
            _ => return Err(wrong("has no place in a keyring")),
        }
    }
    Ok(all.iter().map(certificate).collect())
}

/// What signatures are about that follow.
#[derive(Clone, Copy)]
enum After {
    Primary,
    User(usize),
    Subkey(usize),
    /// A picture, which is of no interest.
    Attribute,
}

/// Where `packet` is in `list`, to which it is added if it is new.
fn place<T>(list: &mut Vec<Signed<T>>, is_it: impl Fn(&T) -> bool, packet: T) -> usize {
    list.iter().position(|known| is_it(&known.packet)).unwrap_or_else(|| {
        list.push(Signed { packet, signatures: Vec::new() });
        list.len() - 1
    })
}

/// Verifies what holds a certificate together.
fn certificate(parts: &Parts) -> Certificate {
    let key = &parts.primary.packet;
    let mut bindings = Bindings::default();
    let mut revocations = Vec::new();
    for signature in &parts.primary.signatures {
        match signature.typ() {
            Some(SignatureType::Key) if signature.verify_key(key).is_ok() => {
                bindings.add(of_primary(signature, key));
            }
            Some(SignatureType::KeyRevocation) if signature.verify_key(key).is_ok() => {
                revocations.push(revocation(signature));
            }
            _ => {}
        }
    }
    let mut names = Vec::new();
    for user in &parts.users {
        let (ends, certifications): (Vec<&Signature>, Vec<&Signature>) = user
            .signatures
            .iter()
            .filter(|found| found.verify_certification(key, Tag::UserId, &user.packet).is_ok())
            .partition(|found| found.typ() == Some(SignatureType::CertRevocation));
        for signature in certifications {
            let mut binding = of_primary(signature, key);
            if let Ok(binding) = &mut binding {
                let ended = ends.iter().filter_map(|end| end.created().map(Moment::from));
                let ended = ended.filter(|end| *end >= binding.from).min();
                binding.until = [binding.until, ended].into_iter().flatten().min();
                names.push((ended.is_none(), signature.is_primary(), binding.from, &user.packet));
            }
            bindings.add(binding);
        }
    }
    let principal = names
        .into_iter()
        .max_by_key(|(is_there, is_primary, from, _)| (*is_there, *is_primary, *from))
        .map_or_else(|| format!("{:X}", key.fingerprint()), |(.., user)| shown(user));
    let primary = bindings.into_key(Material::Primary(key.clone()), revocations);
    let subkeys = parts.subkeys.iter().map(|sub| subkey(key, sub)).collect();
    Certificate { principal, primary, subkeys }
}

fn subkey(primary: &PublicKey, sub: &Signed<PublicSubkey>) -> SigningKey {
    let key = &sub.packet;
    let mut bindings = Bindings::default();
    let mut revocations = Vec::new();
    for signature in &sub.signatures {
        if signature.verify_subkey_binding(primary, key).is_err() {
            continue;
        }
        if signature.typ() == Some(SignatureType::SubkeyRevocation) {
            revocations.push(revocation(signature));
            continue;
        }
        // Without the subkey's consent, anybody could claim its signatures as theirs.
        let consents = || {
            signature.embedded_signature().is_some_and(|back| {
                strength::of_signature(back).is_ok()
                    && back.verify_primary_key_binding(key, primary).is_ok()
            })
        };
        let signs = signature.key_flags().sign() && consents();
        bindings.add(binding(signature, key, signs));
    }
    bindings.into_key(Material::Sub(key.clone()), revocations)
}

/// The bindings of a key that count, and why another does not.
#[derive(Default)]
struct Bindings {
    good: Vec<Binding>,
    weak: Option<String>,
}

impl Bindings {
    fn add(&mut self, binding: Result<Binding, String>) {
        match binding {
            Ok(binding) => self.good.push(binding),
            Err(why) => self.weak = Some(why),
        }
    }

    fn into_key(self, material: Material, revocations: Vec<Revocation>) -> SigningKey {
        let details: &dyn KeyDetails = match &material {
            Material::Primary(key) => key,
            Material::Sub(key) => key,
        };
        let created = details.created_at().into();
        let weak = strength::of_key(details).err();
        // A weak self-signature matters only where there is no better one.
        let weak = weak.or_else(|| self.weak.filter(|_| self.good.is_empty()));
        let facts = Facts { created, bindings: self.good, revocations };
        let (fingerprint, id) = (details.fingerprint(), details.legacy_key_id());
        SigningKey { material, fingerprint, id, facts, weak }
    }
}

/// A self-signature over the primary key or a name, which verifies.
fn of_primary(signature: &Signature, key: &PublicKey) -> Result<Binding, String> {
    let says = signature.config().is_some_and(|config| {
        config.hashed_subpackets().any(|part| matches!(part.data, SubpacketData::KeyFlags(_)))
    });
    // Without a word about it, a primary key may sign, as ever.
    binding(signature, key, !says || signature.key_flags().sign())
}

/// What a self-signature, which verifies, says about `key`; or why it does not count.
fn binding(signature: &Signature, key: &impl KeyDetails, signs: bool) -> Result<Binding, String> {
    let from = strength::of_signature(signature)
        .map_err(|why| format!("a key whose self-signature has {why}"))?;
    let created = Moment::from(key.created_at());
    let after = |start: Moment, duration: Option<Duration>| {
        duration.filter(|time| time.as_secs() != 0).map(|time| start.after(time.as_secs()))
    };
    Ok(Binding {
        from,
        until: after(from, signature.signature_expiration_time()),
        key_until: after(created, signature.key_expiration_time()),
        signs,
    })
}

/// A revocation, which verifies. However weak, it counts, and without a time from the beginning.
fn revocation(signature: &Signature) -> Revocation {
    let is_soft = matches!(
        signature.revocation_reason_code(),
        Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired)
    );
    Revocation { from: signature.created().map_or(Moment(0), Moment::from), is_soft }
}

/// A name fit for logs and terminals.
fn shown(user: &UserId) -> String {
    String::from_utf8_lossy(user.id()).chars().filter(|c| !c.is_control()).collect()
}
