use git2::Oid;
use proptest::prelude::*;

use super::*;

const TREE: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";
const PARENT: &str = "parent 83baae61804e65cc73a7201a7252750c76066a30\n";
const PEOPLE: &str =
    "author A <a@example.com> 1600000000 +0200\ncommitter B <b@example.com> 1600000001 -0930\n";

fn parse(raw: &str) -> Result<Commit, Unverified> {
    Commit::parse(Oid::ZERO_SHA1, raw.as_bytes())
}

#[test]
fn a_commit_is_taken_apart_as_git_does() {
    let signature =
        "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n \n -----END SSH SIGNATURE-----\n";
    let commit =
        parse(&format!("{TREE}{PARENT}{PARENT}{PEOPLE}{signature}encoding X\n\nhi\n")).unwrap();
    assert_eq!(commit.tree.to_string(), &TREE[5..45]);
    assert_eq!(commit.parents.len(), 2);
    assert_eq!(commit.committed, Moment(1_600_000_001));
    assert_eq!(
        commit.signature.as_deref(),
        Some(&b"-----BEGIN SSH SIGNATURE-----\nAAAA\n\n-----END SSH SIGNATURE-----\n"[..])
    );
    let payload = format!("{TREE}{PARENT}{PARENT}{PEOPLE}encoding X\n\nhi\n");
    assert_eq!(String::from_utf8(commit.payload).unwrap(), payload);
}

#[test]
fn a_commit_that_git_would_not_write_is_refused() {
    for raw in [
        String::new(),
        "\n".to_owned(),
        format!("{TREE}{PEOPLE}"),
        format!("{PARENT}{TREE}{PEOPLE}\n"),
        format!("{TREE}{TREE}{PEOPLE}\n"),
        format!("{TREE}{PEOPLE}{PARENT}\n"),
        format!("{TREE}{PEOPLE}{PEOPLE}\n"),
        format!("{TREE}{PEOPLE}gpgsig a\ngpgsig b\n\n"),
        format!("{TREE}{PEOPLE}gpgsig a\n b\ngpgsig-sha256 c\ngpgsig d\n\n"),
        format!("tree 4b82\n{PEOPLE}\n"),
        format!("{TREE}author A\ncommitter B\n\n"),
        format!("{TREE}author A\ncommitter B <b> x +0000\n\n"),
        format!("{TREE}author A\ncommitter B <b> 1 +0000 2\n\n"),
    ] {
        assert!(matches!(parse(&raw), Err(Unverified::Malformed { .. })), "{raw:?}");
    }
}

#[test]
fn headers_in_headers_are_text() {
    let tag = format!("mergetag object 83ba\n {TREE} gpgsig x\n");
    let commit = parse(&format!("{TREE}{PEOPLE}{tag}\n{PARENT}")).unwrap();
    assert_eq!((commit.parents.len(), commit.signature), (0, None));
}

#[test]
fn a_seal_is_a_trailer_with_a_reason() {
    let seals = |message: &str| parse(&format!("{TREE}{PEOPLE}\n{message}")).unwrap().seals;
    assert!(seals("Seal\n\nGw-Seal: all before was reviewed\n"));
    assert!(seals("Seal\n\ngw-seal: yes\nSigned-off-by: A\n"));
    assert!(!seals("Seal\n\nGw-Seal:\n"));
    assert!(!seals("Gw-Seal: is no subject\n"));
    assert!(!seals("About\n\nGw-Seal: this\n\nis in the middle\n"));
    assert!(!seals("About\0\n\nXGw-Seal: this\n"));
}

#[test]
fn a_signature_of_another_kind_is_told_from_none() {
    let refused = |signature: &str| {
        let signature = signature.replace('\n', "\n ");
        let commit = parse(&format!("{TREE}{PEOPLE}gpgsig {signature}\n\n")).unwrap();
        Policy::default().signer(&commit).unwrap_err()
    };
    let x509 = refused("-----BEGIN SIGNED MESSAGE-----\nAAAA");
    assert!(matches!(x509, Unverified::Unsupported { .. }), "{x509}");
    for bad in ["", "hello", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN PGP SIGNATURE-----\n\nA"]
    {
        let refused = refused(bad);
        assert!(matches!(refused, Unverified::Malformed { .. }), "{bad}: {refused}");
    }
    let long = refused(&"A".repeat(SIGNATURE_MAX));
    assert!(matches!(long, Unverified::Malformed { .. }), "{long}");
    let none = Policy::default().signer(&parse(&format!("{TREE}{PEOPLE}\n")).unwrap());
    assert_eq!(none, Err(Unverified::NotSigned));
}

#[test]
fn a_mode_is_written_as_it_is_read() {
    for mode in [Mode::None, Mode::Head, Mode::Strict] {
        assert_eq!(mode.to_string().parse(), Ok(mode));
    }
    assert!("Head".parse::<Mode>().is_err());
}

#[test]
fn any_time_can_be_shown() {
    assert_eq!(Moment(1_600_000_000).to_string(), "2020-09-13T12:26:40Z");
    assert_eq!(Moment(253_402_300_799).to_string(), "9999-12-31T23:59:59Z");
    for odd in [-1, i64::MIN, i64::MAX, 253_402_300_800] {
        assert!(Moment(odd).to_string().contains(&odd.to_string()));
    }
}

proptest! {
    #[test]
    fn random_commits_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Commit::parse(Oid::ZERO_SHA1, &raw);
        let framed = [TREE.as_bytes(), PEOPLE.as_bytes(), &raw].concat();
        if let Ok(commit) = Commit::parse(Oid::ZERO_SHA1, &framed) {
            prop_assert!(Policy::default().signer(&commit).is_err());
        }
    }

    #[test]
    fn random_keyrings_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Keyring::parse(&bytes);
        let armored = [b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n", &bytes[..]].concat();
        let _ = Keyring::parse(&armored);
    }
}
