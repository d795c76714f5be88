use proptest::prelude::*;

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINTwx6HkOVvk11r7wGEzPA7HMfO3PdkVmPfQHLAOYaMx";
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

fn read(text: &str) -> (AllowedSigners, Vec<String>) {
    let file = SourceFile { path: "signers".into(), text: text.into() };
    let (signers, problems) = AllowedSigners::parse(&file);
    let told = problems
        .iter()
        .map(|found| format!("{} {:?}: {}", found.at, found.severity, found.message))
        .collect();
    (signers, told)
}

fn key(text: &str) -> KeyData {
    text.parse::<ssh_key::PublicKey>().unwrap().key_data().clone()
}

/// Who `KEY` is at a time by these lines, which have no problems.
fn who(text: &str, at: i64) -> Result<String, Unverified> {
    let (signers, told) = read(text);
    assert_eq!(told, Vec::<String>::new());
    signers.principal(&key(KEY), Moment(at)).map(ToOwned::to_owned)
}

#[test]
fn the_forms_of_the_manual_are_understood() {
    for (line, principal) in [
        (format!("ann@example.com {KEY}"), "ann@example.com"),
        (format!("ann@example.com {KEY} a comment of words"), "ann@example.com"),
        (format!("  ann@example.com\t{KEY}\r"), "ann@example.com"),
        (format!("*@example.com,!bob@example.com {KEY}"), "*@example.com,!bob@example.com"),
        (format!("\"ann b\" {KEY}"), "ann b"),
        (format!("ann namespaces=\"git\" {KEY}"), "ann"),
        (format!("ann NAMESPACES=\"file,g*\" {KEY}"), "ann"),
        (format!("ann valid-after=\"20200101Z\",valid-before=\"203001011200Z\" {KEY}"), "ann"),
        (format!("# a comment\n\n   # another\nann {KEY}\n"), "ann"),
        (format!("bob {OTHER}\nann {KEY}"), "ann"),
    ] {
        assert_eq!(who(&line, 1_600_000_000), Ok(principal.to_owned()), "{line}");
    }
}

#[test]
fn times_bound_a_key_to_the_second() {
    let lines = format!("ann valid-after=\"20200101000000Z\",valid-before=\"20200102Z\" {KEY}");
    let (from, until) = (1_577_836_800, 1_577_923_200);
    assert!(matches!(who(&lines, from - 1), Err(Unverified::NotYetValid { .. })));
    assert_eq!(who(&lines, from), Ok("ann".to_owned()));
    assert_eq!(who(&lines, until), Ok("ann".to_owned()));
    assert!(matches!(who(&lines, until + 1), Err(Unverified::Expired { .. })));
    assert!(matches!(who(&lines, i64::MIN), Err(Unverified::NotYetValid { .. })));
    assert!(matches!(who(&lines, i64::MAX), Err(Unverified::Expired { .. })));
}

#[test]
fn any_line_with_the_key_will_do() {
    let lines = format!("old valid-before=\"20100101Z\" {KEY}\nfiles namespaces=\"file\" {KEY}\n");
    assert!(matches!(who(&lines, 1_600_000_000), Err(Unverified::Expired { .. })));
    assert_eq!(who(&format!("{lines}ann {KEY}"), 1_600_000_000), Ok("ann".to_owned()));
}

#[test]
fn another_namespace_is_another_purpose() {
    let refused = who(&format!("ann namespaces=\"file\" {KEY}"), 0);
    assert!(matches!(refused, Err(Unverified::NotForThis { .. })));
}

#[test]
fn a_key_of_no_line_is_named_by_its_fingerprint() {
    let Err(Unverified::NotAllowed { key }) = who(&format!("bob {OTHER}"), 0) else {
        panic!("a stranger is allowed");
    };
    assert!(key.fingerprint.starts_with("SHA256:"), "{key}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (line, told) in [
        (KEY.to_owned(), "1:13 Error: \"AAAA"),
        ("ann".to_owned(), "1:4 Error: the line has no key"),
        ("\"ann".to_owned(), "1:1 Error: this quote is never closed"),
        (format!("\"\" {KEY}"), "1:2 Error: the line names no principal"),
        ("ann ssh-ed25519".to_owned(), "1:16 Error: this is no key of type ssh-ed25519"),
        ("ann ssh-ed25519 AAAA".to_owned(), "1:17 Error: this is no key of type ssh-ed25519"),
        (KEY.replace("ssh-ed25519", "ann ssh-rsa"), "1:13 Error: this is no key of type ssh-rsa"),
        (format!("ann shell {KEY}"), "1:5 Error: \"shell\" is neither an option nor"),
        (format!("ann pty=\"yes\" {KEY}"), "1:5 Error: \"pty\" is no option of allowed signers"),
        (format!("ann namespaces=git {KEY}"), "1:5 Error: namespaces needs a value in quotes"),
        (format!("ann cert-authority,cert-authority {KEY}"), "1:20 Error: cert-authority stands"),
        (format!("ann valid-after=\"2020\" {KEY}"), "1:5 Error: \"2020\" is no time"),
        (format!("ann valid-after=\"20201301Z\" {KEY}"), "1:5 Error: \"20201301Z\" is no time"),
        (
            format!("ann valid-after=\"20200102Z\",valid-before=\"20200101Z\" {KEY}"),
            "1:5 Error: valid-before is not later than valid-after",
        ),
    ] {
        let (signers, problems) = read(&line);
        assert!(signers.is_empty(), "{line}");
        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert!(problems[0].starts_with(&format!("signers:{told}")), "{line}: {problems:?}");
    }
}

#[test]
fn lines_that_gw_cannot_serve_allow_nobody_and_hurt_no_other() {
    let (signers, problems) = read(&format!("# x\nca cert-authority {KEY}\nann {OTHER}"));
    assert_eq!(
        problems,
        ["signers:2:19 Warning: certificate authorities are not supported, so this allows nobody"]
    );
    assert!(signers.knows(&key(OTHER)) && !signers.knows(&key(KEY)));
}

#[test]
fn a_time_without_a_zone_is_utc_and_says_so() {
    let (signers, problems) = read(&format!("ann valid-before=\"20200101\" {KEY}"));
    assert_eq!(problems, ["signers:1:5 Warning: \"20200101\" is taken as UTC: append Z"]);
    assert!(signers.principal(&key(KEY), Moment(1_577_836_800)).is_ok());
    assert!(signers.principal(&key(KEY), Moment(1_577_836_801)).is_err());
}

proptest! {
    #[test]
    fn random_files_never_panic(text in "\\PC*|[a-z\"\\\\,=!*? \t\n\rZ0-9é-]{0,120}") {
        read(&text);
    }

    /// Whatever is put into a line: it is understood as a whole, or it allows nobody.
    #[test]
    fn a_line_counts_as_a_whole_or_not_at_all(at in 0_usize..160, put in "\\PC{0,3}|[\"\\\\=, ]") {
        let line = format!("ann valid-after=\"20200101Z\",namespaces=\"git\" {KEY} comment");
        let at = (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap();
        let changed = format!("{}{put}{}", &line[..at], &line[at..]);
        let (signers, problems) = read(&changed);
        let is_wrong = problems.iter().any(|problem| problem.contains("Error"));
        prop_assert!(!is_wrong || signers.is_empty(), "{changed}: {problems:?}");
        prop_assert!(signers.is_empty() || signers.knows(&key(KEY)), "{changed}");
        // The bound stays, but for what turns it into another time.
        let early = signers.principal(&key(KEY), Moment(0));
        prop_assert!(early.is_err(), "{changed}");
    }
}
