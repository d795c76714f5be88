//! Commits signed with `gpg.format = ssh`.

use std::fs;

use gw::source::trust::{KeyKind, Unverified};

use super::forge::{Forge, NOW, Signing};
use super::reason;

#[test]
fn each_type_of_key_is_known() {
    let forge = Forge::new();
    let kinds: [(&str, &[&str]); 5] = [
        ("ed", &["ed25519"]),
        ("p256", &["ecdsa", "-b", "256"]),
        ("p384", &["ecdsa", "-b", "384"]),
        ("p521", &["ecdsa", "-b", "521"]),
        ("rsa", &["rsa", "-b", "3072"]),
    ];
    for (name, kind) in kinds {
        let fingerprint = forge.ssh_key(name, kind);
        forge.allow(&format!("{name}@example.com"), name);
        let commit = forge.commit(name, Signing::Ssh(name));
        let signer = forge.head(&commit).unwrap();
        assert_eq!(signer.principal, format!("{name}@example.com"));
        assert_eq!((signer.key.kind, signer.key.fingerprint), (KeyKind::Ssh, fingerprint));
        assert!(forge.git_trusts(&commit, "signers"), "git and gw disagree about {name}");
    }
}

#[test]
fn strangers_and_the_unsigned_are_told_apart() {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    let eve = forge.ssh_key("eve", &["ed25519"]);
    forge.allow("ann@example.com", "ann");

    let commit = forge.commit("by eve", Signing::Ssh("eve"));
    let refused = reason(forge.head(&commit));
    assert!(refused.to_string().contains(&eve), "{refused}");
    assert!(matches!(refused, Unverified::NotAllowed { .. }));
    assert!(!forge.git_trusts(&commit, "signers"));

    let commit = forge.commit("by nobody", Signing::Nobody);
    assert_eq!(reason(forge.head(&commit)), Unverified::NotSigned);
}

#[test]
fn the_time_of_the_commit_decides_over_the_key() {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    let commit = forge.commit("in 2024", Signing::Ssh("ann"));
    for (options, is_good) in [
        ("valid-before=\"20240102Z\"", true),
        ("valid-before=\"20231231Z\"", false),
        ("valid-after=\"20240102Z\"", false),
        ("valid-after=\"20231231Z\"", true),
        ("valid-after=\"20240101Z\",valid-before=\"20240101000001Z\"", true),
    ] {
        let _ = fs::remove_file(forge.path("signers"));
        forge.allow(&format!("ann@example.com {options}"), "ann");
        assert_eq!(forge.head(&commit).is_ok(), is_good, "{options}");
        assert_eq!(forge.git_trusts(&commit, "signers"), is_good, "git: {options}");
        if !is_good {
            let refused = reason(forge.head(&commit));
            let told = matches!(refused, Unverified::Expired { at, .. } if at.0 == NOW)
                || matches!(refused, Unverified::NotYetValid { at, .. } if at.0 == NOW);
            assert!(told, "{refused}");
        }
    }
}

#[test]
fn nothing_in_a_signed_commit_can_be_changed() {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    forge.allow("ann@example.com", "ann");
    forge.commit("first", Signing::Ssh("ann"));
    let commit = forge.commit("pay 100", Signing::Ssh("ann"));
    let raw = String::from_utf8(forge.raw(&commit)).unwrap();
    let parent = format!("parent {}\n", forge.repo(&["rev-parse", "HEAD^"]));
    let now = NOW.to_string();
    for (what, with) in [
        ("pay 100", "pay 900"),
        (parent.as_str(), ""),
        ("Ann", "Eve"),
        (now.as_str(), "1704067201"),
        ("tree ", "tree"),
    ] {
        let changed = raw.replacen(what, with, 1);
        assert_ne!(changed, raw);
        let changed = forge.write_commit(changed.as_bytes());
        let refused = reason(forge.head(&changed));
        let told =
            matches!(refused, Unverified::BadSignature { .. } | Unverified::Malformed { .. });
        assert!(told, "{what}: {refused}");
    }
    // The control: what is written back as it was is the same commit.
    assert_eq!(forge.write_commit(raw.as_bytes()), commit);
}

/// A commit of the forge whose signature was made by hand.
fn signed_by_hand(forge: &Forge, sign: &str) -> String {
    let unsigned = forge.commit("by hand", Signing::Nobody);
    let raw = forge.raw(&unsigned);
    fs::write(forge.path("payload"), &raw).unwrap();
    forge.sh(sign, &[]);
    let signature = fs::read_to_string(forge.path("payload.sig")).unwrap();
    let folded = signature.trim_end().replace('\n', "\n ");
    let raw = String::from_utf8(raw).unwrap();
    let (headers, message) = raw.split_once("\n\n").unwrap();
    forge.write_commit(format!("{headers}\ngpgsig {folded}\n\n{message}").as_bytes())
}

#[test]
fn a_signature_for_another_purpose_does_not_count() {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    forge.allow("ann@example.com", "ann");
    let sign = |namespace: &str| {
        signed_by_hand(
            &forge,
            &format!("rm -f payload.sig; ssh-keygen -q -Y sign -f ann -n {namespace} payload"),
        )
    };
    assert!(forge.head(&sign("git")).is_ok(), "signing by hand works");
    let refused = reason(forge.head(&sign("file")));
    assert_eq!(refused, Unverified::WrongNamespace { namespace: "file".to_owned() });

    fs::remove_file(forge.path("signers")).unwrap();
    forge.allow("ann@example.com namespaces=\"file\"", "ann");
    let commit = forge.commit("x", Signing::Ssh("ann"));
    assert!(matches!(reason(forge.head(&commit)), Unverified::NotForThis { .. }));
    assert!(!forge.git_trusts(&commit, "signers"));
}

#[test]
fn a_signature_by_a_certificate_is_not_supported() {
    let forge = Forge::new();
    forge.ssh_key("ca", &["ed25519"]);
    forge.ssh_key("ann", &["ed25519"]);
    forge.ssh_key("bob", &["ed25519"]);
    forge.allow("*@example.com cert-authority", "ca");
    forge.allow("bob@example.com", "bob");
    forge.sh("ssh-keygen -q -s ca -I ann -n ann@example.com ann.pub", &[]);
    let commit = forge.commit("x", Signing::Ssh("ann-cert.pub"));
    let refused = reason(forge.head(&commit));
    assert!(refused.to_string().contains("SSH certificate"), "{refused}");
    let policy = forge.policy(gw::source::trust::Mode::Head).unwrap();
    assert_eq!(policy.warnings.iter().count(), 1);
}

#[test]
fn small_keys_allow_nobody() {
    let forge = Forge::new();
    forge.ssh_key("bob", &["ed25519"]);
    forge.ssh_key("small", &["rsa", "-b", "1024"]);
    forge.allow("bob@example.com", "bob");
    forge.allow("small@example.com", "small");
    let commit = forge.commit("x", Signing::Ssh("small"));
    assert!(matches!(reason(forge.head(&commit)), Unverified::NotAllowed { .. }));
    let policy = forge.policy(gw::source::trust::Mode::Head).unwrap();
    let warning = policy.warnings.iter().next().unwrap();
    assert!(warning.message.contains("1024"), "{}", warning.message);
}
