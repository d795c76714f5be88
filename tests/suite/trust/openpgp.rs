//! Commits signed with OpenPGP, Git's default.

use std::fs;

use gw::source::trust::{KeyKind, KeyringError, Mode, PolicyError, Unverified};

use super::forge::{Forge, NOW, Signing};
use super::reason;

const DAY: i64 = 24 * 3600;
const ANN: &str = "Ann <ann@example.com>";
const BOB: &str = "Bob <bob@example.com>";

#[test]
fn keys_of_each_type_sign_binary_and_armored() {
    let forge = Forge::new();
    let mut users = Vec::new();
    for (name, kind) in [("ed", "ed25519"), ("p256", "nistp256"), ("rsa", "rsa3072")] {
        let user = format!("{name} <{name}@example.com>");
        let fingerprint = forge.gpg_key(&user, kind, "never");
        users.push((user, fingerprint));
    }
    let names: Vec<&str> = users.iter().map(|(user, _)| user.as_str()).collect();
    let armored = forge.gpg(&[&["--armor", "--export"], &names[..]].concat());
    forge.export(&names);
    let binary = fs::read(forge.path("keyring")).unwrap();
    // Each in a block of its own, with words around, as people send them.
    let blocks: Vec<String> = names
        .iter()
        .map(|name| forge.gpg(&["--armor", "--export", name]))
        .map(|block| format!("A key:\n{}\n", String::from_utf8(block).unwrap()))
        .collect();
    for (user, fingerprint) in &users {
        let commit = forge.commit(user, Signing::Gpg(fingerprint, ""));
        for keyring in [&binary, &armored, &blocks.concat().into_bytes()] {
            fs::write(forge.path("keyring"), keyring).unwrap();
            let signer = forge.head(&commit).unwrap();
            assert_eq!(signer.principal, *user);
            assert_eq!(signer.key.kind, KeyKind::OpenPgp);
            assert_eq!(signer.key.fingerprint, *fingerprint);
        }
    }
}

#[test]
fn strangers_and_tampering_are_refused() {
    let forge = Forge::new();
    let ann = forge.gpg_key(ANN, "ed25519", "never");
    let bob = forge.gpg_key(BOB, "ed25519", "never");
    forge.export(&[ANN]);
    let commit = forge.commit("by bob", Signing::Gpg(&bob, ""));
    let refused = reason(forge.head(&commit));
    assert!(matches!(refused, Unverified::NotAllowed { .. }), "{refused}");
    assert!(refused.to_string().contains(&bob), "{refused}");

    let commit = forge.commit("pay 100", Signing::Gpg(&ann, ""));
    assert!(forge.head(&commit).is_ok());
    let raw = String::from_utf8(forge.raw(&commit)).unwrap();
    let changed = forge.write_commit(raw.replace("pay 100", "pay 900").as_bytes());
    assert!(matches!(reason(forge.head(&changed)), Unverified::BadSignature { .. }));

    // The same signature twice is not one signature.
    let begin = raw.find("gpgsig ").unwrap() + "gpgsig ".len();
    let end = raw.find("-----END PGP SIGNATURE-----\n").unwrap() + 28;
    let block = &raw[begin..end];
    let twice = raw.replacen(block, &format!("{block} {block}"), 1);
    let twice = forge.write_commit(twice.as_bytes());
    assert!(matches!(reason(forge.head(&twice)), Unverified::Malformed { .. }));
}

#[test]
fn a_subkey_signs_if_its_certificate_lets_it() {
    let forge = Forge::new();
    forge.gpg(&["--quick-generate-key", ANN, "ed25519", "cert", "never"]);
    let primary = forge.fingerprints(ANN).remove(0);
    forge.gpg(&["--quick-add-key", &primary, "ed25519", "sign", "never"]);
    forge.gpg(&["--quick-add-key", &primary, "ed25519", "auth", "never"]);
    forge.export(&[ANN]);
    let all = forge.fingerprints(ANN);
    let commit = forge.commit("x", Signing::Gpg(&all[1], ""));
    let signer = forge.head(&commit).unwrap();
    assert_eq!((signer.principal.as_str(), &signer.key.fingerprint), (ANN, &all[1]));

    // A keyring without the binding of the subkey, as an attacker would add a key of theirs.
    let packets = fs::read(forge.path("keyring")).unwrap();
    let split = forge.sh("mkdir p && cd p && gpgsplit ../keyring && ls", &[]);
    let mut stolen = Vec::new();
    let mut is_after_subkey = false;
    for name in split.lines() {
        let packet = fs::read(forge.path("p").join(name)).unwrap();
        if !(is_after_subkey && name.ends_with(".sig")) {
            stolen.extend(packet);
        }
        is_after_subkey = name.ends_with("public_subkey");
    }
    assert!(stolen.len() < packets.len(), "{split}");
    fs::write(forge.path("keyring"), stolen).unwrap();
    let refused = reason(forge.head(&commit));
    assert!(matches!(refused, Unverified::NotForThis { .. }), "{refused}");
}

#[test]
fn a_key_is_good_from_its_creation_to_its_end() {
    let mut forge = Forge::new();
    let ann = forge.gpg_key(ANN, "ed25519", "10d");
    forge.export(&[ANN]);
    forge.set_time(NOW + 9 * DAY);
    let late = forge.commit("in time", Signing::Gpg(&ann, ""));
    assert!(forge.head(&late).is_ok());

    // The commit says when it was made, the signature when it was signed: both must fit.
    let raw = String::from_utf8(forge.raw(&late)).unwrap();
    assert!(raw.contains(&(NOW + 9 * DAY).to_string()));
    forge.gpg(&["--quick-set-expire", &ann, "5d"]);
    forge.export(&[ANN]);
    assert!(forge.head(&late).is_ok(), "renewed that day");

    forge.set_time(NOW + 8 * DAY);
    let before = forge.commit("before the renewal", Signing::Gpg(&ann, ""));
    assert!(forge.head(&before).is_ok(), "the old self-signature spoke for that day");

    // A cleaned keyring has only the renewal.
    let export = ["--export-options", "export-minimal", "--export", ANN];
    fs::write(forge.path("keyring"), forge.gpg(&export)).unwrap();
    assert!(forge.head(&before).is_ok(), "and the renewal speaks for it, too");
}

#[test]
fn a_key_does_not_sign_after_its_end_nor_before_its_creation() {
    let mut forge = Forge::new();
    let ann = forge.gpg_key(ANN, "ed25519", "10d");
    forge.export(&[ANN]);
    // GnuPG itself would not sign with an expired key, so the key lives on in another export.
    let short = fs::read(forge.path("keyring")).unwrap();
    forge.set_time(NOW + DAY);
    forge.gpg(&["--quick-set-expire", &ann, "never"]);
    forge.set_time(NOW + 11 * DAY);
    let late = forge.commit("too late", Signing::Gpg(&ann, ""));
    fs::write(forge.path("keyring"), &short).unwrap();
    let refused = reason(forge.head(&late));
    let told = matches!(&refused, Unverified::Expired { until, .. } if until.0 == NOW + 10 * DAY);
    assert!(told, "{refused}");

    // Dating back either the commit or the signature does not help: both count.
    for (commit_at, signed_at) in [(5, "20240112T000000!"), (11, "20240106T000000!")] {
        forge.set_time(NOW + commit_at * DAY);
        let clock = format!("--faked-system-time {signed_at}");
        let commit = forge.commit("dated back", Signing::Gpg(&ann, &clock));
        let refused = reason(forge.head(&commit));
        assert!(matches!(refused, Unverified::Expired { .. }), "{refused}");
    }
    forge.set_time(NOW + 5 * DAY);
    let commit = forge.commit("in time", Signing::Gpg(&ann, ""));
    assert!(forge.head(&commit).is_ok());

    forge.set_time(NOW - DAY);
    let early = forge.commit("early", Signing::Gpg(&ann, "--ignore-time-conflict"));
    let refused = reason(forge.head(&early));
    let told = matches!(&refused, Unverified::NotYetValid { from, .. } if from.0 == NOW);
    assert!(told, "{refused}");
}

#[test]
fn revocations_count_by_their_reason() {
    for (reason_number, reason_word, is_good_before) in [
        ("0", "no reason", false),
        ("1", "compromised", false),
        ("2", "superseded", true),
        ("3", "retired", true),
    ] {
        let mut forge = Forge::new();
        let ann = forge.gpg_key(ANN, "ed25519", "never");
        let before = forge.commit("before", Signing::Gpg(&ann, ""));
        forge.set_time(NOW + 2 * DAY);
        let after = forge.commit("after", Signing::Gpg(&ann, ""));
        forge.set_time(NOW + DAY);
        let line = "printf 'y\\n%s\\n\\ny\\n' $2 | gpg --faked-system-time 20240102T000000! --no-tty --quiet \
            --pinentry-mode loopback --passphrase '' --command-fd 0 --output revoked --gen-revoke $1 2>/dev/null \
            && gpg --quiet --batch --import revoked";
        forge.sh(line, &[&ann, reason_number]);
        forge.export(&[ANN]);
        assert_eq!(forge.head(&before).is_ok(), is_good_before, "{reason_word}");
        let refused = reason(forge.head(&after));
        assert!(matches!(refused, Unverified::Revoked { .. }), "{reason_word}: {refused}");
    }
}

#[test]
fn a_revocation_counts_wherever_it_stands_in_the_file() {
    let mut forge = Forge::new();
    forge.gpg(&["--quick-generate-key", ANN, "ed25519", "cert", "never"]);
    let primary = forge.fingerprints(ANN).remove(0);
    forge.gpg(&["--quick-add-key", &primary, "ed25519", "sign", "never"]);
    let subkey = forge.fingerprints(ANN).remove(1);
    let commit = forge.commit("x", Signing::Gpg(&subkey, ""));
    let clean = forge.gpg(&["--export", ANN]);
    forge.set_time(NOW + DAY);
    // The subkey was compromised, and its certificate lives on.
    let answers = "printf 'key 1\\nrevkey\\ny\\n1\\n\\ny\\nsave\\n'";
    let line = format!(
        "{answers} | gpg --faked-system-time 20240102T000000! --no-tty --quiet \
         --pinentry-mode loopback --passphrase '' --command-fd 0 --edit-key $1 2>/dev/null"
    );
    forge.sh(&line, &[&primary]);
    let revoked = forge.gpg(&["--export", ANN]);
    for (keyring, is_good) in [
        (clean.clone(), true),
        ([&clean[..], &clean].concat(), true),
        (revoked.clone(), false),
        ([&clean[..], &revoked].concat(), false),
        ([&revoked[..], &clean].concat(), false),
    ] {
        fs::write(forge.path("keyring"), keyring).unwrap();
        if is_good {
            assert_eq!(forge.head(&commit).unwrap().key.fingerprint, subkey);
        } else {
            let refused = reason(forge.head(&commit));
            let is_it =
                matches!(&refused, Unverified::Revoked { key, .. } if key.fingerprint == subkey);
            assert!(is_it, "{refused}");
        }
    }
}

#[test]
fn weak_hashes_do_not_count() {
    let forge = Forge::new();
    let ann = forge.gpg_key(ANN, "rsa2048", "never");
    forge.export(&[ANN]);
    let weak = "--digest-algo SHA1 --allow-weak-digest-algos";
    let commit = forge.commit("x", Signing::Gpg(&ann, weak));
    let refused = reason(forge.head(&commit));
    assert!(matches!(refused, Unverified::Unsupported { .. }), "{refused}");
    assert!(refused.to_string().contains("SHA1"), "{refused}");
    let commit = forge.commit("y", Signing::Gpg(&ann, "--digest-algo SHA256"));
    assert!(forge.head(&commit).is_ok());

    // Nor do they in a certificate.
    let user = ["--quick-generate-key", BOB, "rsa2048", "sign", "never"];
    forge.gpg(&[&["--cert-digest-algo", "SHA1", "--allow-weak-digest-algos"], &user[..]].concat());
    let bob = forge.fingerprints(BOB).remove(0);
    forge.export(&[BOB]);
    let commit = forge.commit("z", Signing::Gpg(&bob, "--digest-algo SHA256"));
    let refused = reason(forge.head(&commit));
    assert!(refused.to_string().contains("self-signature has the hash SHA1"), "{refused}");
}

#[test]
fn what_is_no_keyring_is_told() {
    let forge = Forge::new();
    let ann = forge.gpg_key(ANN, "ed25519", "never");
    let told = |bytes: &[u8]| {
        fs::write(forge.path("keyring"), bytes).unwrap();
        match forge.policy(Mode::Head).unwrap_err() {
            PolicyError::Keyring { source, .. } => source,
            other => panic!("{other}"),
        }
    };
    assert_eq!(told(&fs::read(forge.path("gpg/pubring.kbx")).unwrap()), KeyringError::Keybox);
    assert_eq!(told(&forge.gpg(&["--export-secret-keys", &ann])), KeyringError::Secret);
    let secret = forge.gpg(&["--armor", "--export-secret-keys", &ann]);
    assert_eq!(told(&secret), KeyringError::Secret);
    let armored = forge.gpg(&["--armor", "--export", &ann]);
    let cut = &armored[..armored.len() / 2];
    assert!(matches!(told(cut), KeyringError::Armor { line: 1, .. }));
    let binary = forge.gpg(&["--export", &ann]);
    let cut = &binary[..binary.len() - 3];
    assert!(matches!(told(cut), KeyringError::Packet { .. }));
    assert!(matches!(told(b"hello"), KeyringError::Packet { .. }));
}
