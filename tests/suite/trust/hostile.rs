//! Input that means harm: a signature that verifies is cut, bent and moved to other bytes.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use git2::Oid;
use gw::model::SourceFile;
use gw::source::trust::{AllowedSigners, Commit, Keyring, Mode, Policy};
use proptest::prelude::*;
use signature::Signer;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey};
use ssh_key::public::{KeyData, SkEd25519};
use ssh_key::sha2::{Digest, Sha256};
use ssh_key::{Algorithm, HashAlg, PublicKey, Signature, SshSig};

use super::forge::{Forge, Signing};

/// What the real programs made.
struct Made {
    policy: Policy,
    keyring: Vec<u8>,
    /// Commit objects that verify: by SSH, by OpenPGP.
    commits: [Vec<u8>; 2],
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    forge.allow("ann@example.com", "ann");
    let bob = forge.gpg_key("Bob <bob@example.com>", "ed25519", "never");
    forge.export(&["bob@example.com"]);
    let commits = [Signing::Ssh("ann"), Signing::Gpg(&bob, "")]
        .map(|key| forge.raw(&forge.commit("a message of some length", key)));
    let keyring = std::fs::read(forge.path("keyring")).unwrap();
    Made { policy: forge.policy(Mode::Head).unwrap(), keyring, commits }
});

fn parse(raw: &[u8]) -> Option<Commit> {
    Commit::parse(Oid::ZERO_SHA1, raw).ok()
}

/// A change of bytes: where, how many go, and what comes.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        Just(b"=".to_vec()),
    ];
    (any::<prop::sample::Index>(), 0_usize..4, bytes)
}

fn changed(bytes: &[u8], change: &(prop::sample::Index, usize, Vec<u8>)) -> Vec<u8> {
    let at = change.0.index(bytes.len());
    let end = (at + change.1).min(bytes.len());
    [&bytes[..at], &change.2, &bytes[end..]].concat()
}

/// A signature in armor of one line, with its bytes changed.
fn armored_again(signature: &[u8], change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let lines: Vec<&str> = std::str::from_utf8(signature).unwrap().lines().collect();
    let is_base64 = |line: &&&str| !line.is_empty() && !line.starts_with(['-', '=']);
    let body: String = lines.iter().filter(is_base64).copied().collect();
    let bytes = BASE64.encode(change(BASE64.decode(&body).unwrap()));
    format!("{}\n\n{bytes}\n{}\n", lines[0], lines[lines.len() - 1]).into_bytes()
}

#[test]
fn what_was_made_verifies_in_any_armor() {
    for raw in &MADE.commits {
        let mut commit = parse(raw).unwrap();
        MADE.policy.signer(&commit).unwrap();
        let signature = commit.signature.take().unwrap();
        commit.signature = Some(armored_again(&signature, |bytes| bytes));
        MADE.policy.signer(&commit).unwrap();
        let with_returns = String::from_utf8(signature).unwrap().replace('\n', "\r\n");
        commit.signature = Some(with_returns.into_bytes());
        MADE.policy.signer(&commit).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is changed anywhere in a commit: if it still verifies, then its content is that
    /// which was signed, and so is what gw takes out of it.
    #[test]
    fn only_what_was_signed_verifies(which in 0_usize..2, change in change()) {
        let raw = &MADE.commits[which];
        let original = parse(raw).unwrap();
        if let Some(commit) = parse(&changed(raw, &change))
            && MADE.policy.signer(&commit).is_ok()
        {
            prop_assert_eq!(&commit.payload, &original.payload);
            prop_assert_eq!((commit.tree, &commit.parents), (original.tree, &original.parents));
        }
    }

    #[test]
    fn no_flipped_bit_of_the_content_verifies(which in 0_usize..2, at: prop::sample::Index, bit in 0..8) {
        let mut commit = parse(&MADE.commits[which]).unwrap();
        let at = at.index(commit.payload.len());
        commit.payload[at] ^= 1_u8 << bit;
        prop_assert!(MADE.policy.signer(&commit).is_err());
    }

    /// Signatures are swapped and bent, but never carry over.
    #[test]
    fn a_signature_of_another_commit_does_not_verify(which in 0_usize..2, change in change()) {
        let mut commit = parse(&MADE.commits[which]).unwrap();
        commit.payload.push(b'!');
        let signature = commit.signature.take().unwrap();
        commit.signature = Some(changed(&signature, &change));
        prop_assert!(MADE.policy.signer(&commit).is_err());
    }

    /// The same inside of the armor, where no checksum is in the way: the bytes of the signature
    /// itself are bent, and the armor is whole.
    #[test]
    fn a_bent_signature_never_lets_other_content_pass(
        which in 0_usize..2,
        change in change(),
        is_tampered: bool,
    ) {
        let mut commit = parse(&MADE.commits[which]).unwrap();
        let signature = commit.signature.take().unwrap();
        commit.signature = Some(armored_again(&signature, |bytes| changed(&bytes, &change)));
        if is_tampered {
            commit.payload.push(b'!');
        }
        let outcome = MADE.policy.signer(&commit);
        prop_assert!(!is_tampered || outcome.is_err());
    }

    /// A bent keyring is an error, or holds nothing that lets anything new verify.
    #[test]
    fn a_bent_keyring_never_lets_other_content_pass(change in change()) {
        if let Ok(keyring) = Keyring::parse(&changed(&MADE.keyring, &change)) {
            let policy = Policy { keyring, ..Policy::default() };
            let mut commit = parse(&MADE.commits[1]).unwrap();
            commit.payload.push(b'!');
            prop_assert!(policy.signer(&commit).is_err());
        }
    }
}

/// No FIDO key is at hand in CI, so its part is played: what it signs is the hash of its
/// application, flags and counter, and the hash of the message (PROTOCOL.u2f).
#[test]
fn fido_keys_are_known() {
    let pair = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&[7; 32]));
    let key = KeyData::SkEd25519(SkEd25519::new(pair.public, "ssh:".to_owned()));
    let commit = parse(&MADE.commits[0]).unwrap();
    let message = SshSig::signed_data("git", HashAlg::Sha512, &commit.payload).unwrap();
    let trailer = [1, 0, 0, 0, 9];
    let signed = [&Sha256::digest("ssh:")[..], &trailer, &Sha256::digest(&message)].concat();
    let plain: Signature = pair.sign(&signed);
    let signature = [plain.as_bytes(), &trailer].concat();
    let signature = Signature::new(Algorithm::SkEd25519, signature).unwrap();
    let signature = SshSig::new(key.clone(), "git", HashAlg::Sha512, signature).unwrap();

    let line = format!("ann@example.com {}", PublicKey::from(key).to_openssh().unwrap());
    let file = SourceFile { path: "signers".into(), text: line.into() };
    let (signers, problems) = AllowedSigners::parse(&file);
    assert!(problems.is_empty());
    let policy = Policy { signers, ..Policy::default() };
    let armored = signature.to_pem(ssh_key::LineEnding::LF).unwrap();
    let mut commit = Commit { signature: Some(armored.into_bytes()), ..commit };
    assert_eq!(policy.signer(&commit).unwrap().principal, "ann@example.com");
    commit.payload.push(b'!');
    assert!(policy.signer(&commit).is_err());
}
