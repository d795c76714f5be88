//! Which algorithms are strong enough to vouch for anything.

use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureVersion, SubpacketData},
    ser::Serialize,
    types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams},
};

use crate::source::trust::Moment;

/// RSA keys of fewer bits are within reach.
const RSA_BITS_MIN: u16 = 2048;

/// The time of a signature, or what it has for which it can't count.
pub(super) fn of_signature(signature: &Signature) -> Result<Moment, String> {
    let config = match (signature.config(), signature.version()) {
        (Some(config), SignatureVersion::V4 | SignatureVersion::V6) => config,
        (_, version) => return Err(format!("version {version:?}")),
    };
    let hash = config.hash_alg;
    let is_strong = matches!(
        hash,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    );
    if !is_strong {
        return Err(format!("the hash {hash}"));
    }
    // Who marks a thing as critical wants no one to go on who does not know it.
    let strange = config.hashed_subpackets().find(|packet| {
        let is_known = !matches!(
            packet.data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        );
        packet.is_critical && !is_known
    });
    if strange.is_some() {
        return Err("a critical condition that is unknown".to_owned());
    }
    match config.created() {
        Some(created) => Ok(created.into()),
        None => Err("no time".to_owned()),
    }
}

/// Why a key can't count: the key, with its article.
pub(super) fn of_key(key: &dyn KeyDetails) -> Result<(), String> {
    match key.public_params() {
        PublicParams::RSA(params) => {
            // The first number is the modulus, and it begins with its length in bits.
            let mut bytes = Vec::new();
            let written = params.to_writer(&mut bytes);
            let bits = match (written, bytes.as_slice()) {
                (Ok(()), [high, low, ..]) => u16::from_be_bytes([*high, *low]),
                _ => 0,
            };
            if bits < RSA_BITS_MIN {
                return Err(format!("an RSA key of {bits} bits"));
            }
            Ok(())
        }
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. })
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_)
        | PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. }
            | EcdsaPublicParams::P384 { .. }
            | EcdsaPublicParams::P521 { .. },
        ) => Ok(()),
        _ => Err(format!("a key of type {:?}", key.algorithm())),
    }
}
