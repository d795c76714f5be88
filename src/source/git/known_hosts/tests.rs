//! On lines that ssh-keygen wrote.

use super::*;

const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIN20CzuDfABrSzip+XyJDXTWDeTc/hwZvGdL+Pi2bs95";
const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIMXkm/nKMBGLSMfrHJ/Jyynqunp5BDyl78XDed9OAl58";
const ECDSA: &str = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGcMZ0dHFSMMrZMNSGjyI0itI4nLkE4tPXNBHalRGLPPMs+4IV1uT8jHIlWE+qi5t8s9NY+PEnS4QEgUPbJAJSQ=";
/// hashed.example.org and [hashed.example.org]:2222, by `ssh-keygen -H`.
const HASHED: [&str; 2] = [
    "|1|hQFLnzKtx4Tkj4ncehfdOnjnJys=|+n5kTMrZKpvjf2gaw7l5n+AKa+I=",
    "|1|7jUS/UAetad9pV71ss6cEz1l6V0=|xUm56Dv7rABy/WSOiCyHNyuti1U=",
];

fn key(encoded: &str) -> HostKey {
    HostKey(STANDARD.decode(encoded).unwrap())
}

fn check(lines: &[&str], host: &str, port: u16, offered: &str) -> Verdict {
    let mut hosts = KnownHosts::default();
    hosts.add(&lines.join("\n"));
    hosts.check(host, port, &key(offered))
}

#[test]
fn fingerprints_are_those_of_ssh_keygen() {
    assert_eq!(
        key(ED25519).to_string(),
        "ssh-ed25519 SHA256:csv+ElT6ZL2YVDQkR9rJkluYWrInn0+xeUwhvxdCZ6g"
    );
    assert_eq!(
        key(ECDSA).to_string(),
        "ecdsa-sha2-nistp256 SHA256:m4pNenIZhKPU1Uvcv33oES67aFrbX2Ei21VqY8tbNFQ"
    );
    assert_eq!(HostKey::new(&[0, 0, 0, 9, b'x']).algorithm(), "unknown");
}

#[test]
fn a_host_has_several_keys_names_and_algorithms() {
    let lines = [
        "# a comment",
        &format!("one.example.org,192.0.2.1 ssh-ed25519 {ED25519} its comment"),
        &format!("one.example.org ssh-ed25519 {OTHER}"),
        &format!("[one.example.org]:2222 ecdsa-sha2-nistp256 {ECDSA}"),
        "nonsense",
        &format!("two.example.org ssh-rsa {ED25519}"),
    ];
    for offered in [ED25519, OTHER] {
        assert_eq!(check(&lines, "One.Example.org", 22, offered), Verdict::Known);
    }
    assert_eq!(check(&lines, "192.0.2.1", 22, ED25519), Verdict::Known);
    assert_eq!(check(&lines, "192.0.2.1", 22, OTHER), Verdict::Changed(vec![key(ED25519)]));
    let both = vec![key(ED25519), key(OTHER)];
    assert_eq!(check(&lines, "one.example.org", 22, ECDSA), Verdict::OtherAlgorithm(both));
    assert_eq!(check(&lines, "one.example.org", 2222, ECDSA), Verdict::Known);
    assert_eq!(check(&lines, "one.example.org", 2200, ECDSA), Verdict::Unknown);
    // The name of the algorithm must be the one inside of the key.
    assert_eq!(check(&lines, "two.example.org", 22, ED25519), Verdict::Unknown);
}

#[test]
fn hashed_names_are_found() {
    let lines = HASHED.map(|name| format!("{name} ssh-ed25519 {ED25519}"));
    for (line, port) in lines.iter().zip([22, 2222]) {
        assert_eq!(check(&[line], "hashed.example.org", port, ED25519), Verdict::Known);
        assert_eq!(check(&[line], "hashed.example.org", port + 1, ED25519), Verdict::Unknown);
        assert_eq!(check(&[line], "other.example.org", port, ED25519), Verdict::Unknown);
    }
}

#[test]
fn patterns_may_be_negated() {
    let line = format!("*.example.org,!bad.example.org,192.0.2.? ssh-ed25519 {ED25519}");
    for (host, verdict) in [
        ("a.example.org", Verdict::Known),
        ("a.b.example.org", Verdict::Known),
        ("bad.example.org", Verdict::Unknown),
        ("example.org", Verdict::Unknown),
        ("192.0.2.7", Verdict::Known),
        ("192.0.2.77", Verdict::Unknown),
    ] {
        assert_eq!(check(&[&line], host, 22, ED25519), verdict, "{host}");
    }
    let long = format!("{}b {ED25519}", "*a".repeat(40));
    assert_eq!(check(&[&long], &"a".repeat(200), 22, ED25519), Verdict::Unknown);
}

#[test]
fn markers_are_obeyed() {
    let known = format!("* ssh-ed25519 {ED25519}");
    let revoked = format!("@revoked * ssh-ed25519 {ED25519}");
    let authority = format!("@cert-authority *.example.org ssh-ed25519 {OTHER}");
    assert_eq!(check(&[&known, &revoked], "a.example.org", 22, ED25519), Verdict::Revoked);
    assert_eq!(check(&[&authority], "a.example.org", 22, ED25519), Verdict::Authority);
    assert_eq!(check(&[&authority], "a.example.org", 22, OTHER), Verdict::Authority);
    assert_eq!(check(&[&authority, &known], "a.example.org", 22, ED25519), Verdict::Known);
}

#[test]
fn the_plain_lines_name_only_this_host() {
    let mut hosts = KnownHosts::default();
    for line in [
        format!("{} ssh-ed25519 {ED25519}", HASHED[1]),
        format!("elsewhere ssh-ed25519 {OTHER}"),
        format!("@revoked * ssh-ed25519 {OTHER}"),
    ] {
        hosts.add(&line);
    }
    let plain = format!("[hashed.example.org]:2222 ssh-ed25519 {ED25519}\n");
    assert_eq!(hosts.plain_lines("hashed.example.org", 2222), plain);
}
