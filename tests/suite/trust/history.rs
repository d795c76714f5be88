//! Mode `strict`: nothing between two signed commits goes unseen.

use gw::source::trust::{Refusal, Unverified};

use super::forge::{Forge, Signing};

const ANN: Signing<'static> = Signing::Ssh("ann");

fn forge() -> Forge {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    forge.allow("ann@example.com", "ann");
    forge
}

/// Which commit is refused because it is not signed.
fn unsigned(outcome: Result<gw::source::trust::Signer, Refusal>) -> String {
    match outcome {
        Err(Refusal::Unverified { commit, reason: Unverified::NotSigned }) => commit.to_string(),
        other => panic!("a commit is not signed: {other:?}"),
    }
}

#[test]
fn an_unsigned_commit_in_between_is_found() {
    let forge = forge();
    let first = forge.commit("first", ANN);
    let slipped = forge.commit("slipped in", Signing::Nobody);
    let last = forge.commit("last", ANN);
    assert!(forge.head(&last).is_ok(), "mode head trusts its signer");
    assert_eq!(unsigned(forge.strict(&last, Some(&first))), slipped);
    assert_eq!(unsigned(forge.strict(&last, None)), slipped);
    assert!(forge.strict(&last, Some(&slipped)).is_ok(), "what was accepted is not asked again");
    assert!(forge.strict(&last, Some(&last)).is_ok());
    assert!(forge.strict(&first, Some(&last)).is_ok(), "back to an older one");
    assert!(forge.strict(&first, None).is_ok());
    // A last good one that is not there any more vouches for nothing.
    let gone = "1234567890123456789012345678901234567890";
    assert_eq!(unsigned(forge.strict(&last, Some(gone))), slipped);
}

#[test]
fn all_parents_of_a_merge_are_looked_at() {
    let forge = forge();
    let base = forge.commit("base", ANN);
    forge.repo(&["checkout", "--quiet", "-b", "side"]);
    let side = forge.commit("on the side", Signing::Nobody);
    let top = forge.commit("signed on the side", ANN);
    forge.repo(&["checkout", "--quiet", "main"]);
    let main = forge.commit("on main", ANN);
    let key = format!("user.signingKey={}", forge.path("ann").display());
    let merge = |other: &str| {
        let settings = ["-c", "gpg.format=ssh", "-c", &key];
        let merge = ["merge", "--quiet", "--no-ff", "-S", "-m", "merge", other];
        forge.repo(&[&settings[..], &merge].concat());
        forge.repo(&["rev-parse", "HEAD"])
    };
    let merged = merge(&top);
    assert!(forge.head(&merged).is_ok());
    assert_eq!(unsigned(forge.strict(&merged, Some(&base))), side);
    assert_eq!(unsigned(forge.strict(&merged, Some(&main))), side);
    assert!(forge.strict(&merged, Some(&side)).is_ok(), "main is signed all along");

    // Forced to another line that shares its base with the last good one.
    forge.repo(&["reset", "--quiet", "--hard", &main]);
    assert!(forge.strict(&main, Some(&merged)).is_ok());
    let other = forge.commit("other", Signing::Nobody);
    let again = forge.commit("again", ANN);
    assert_eq!(unsigned(forge.strict(&again, Some(&merged))), other);
}

#[test]
fn a_seal_vouches_for_what_came_before() {
    let forge = forge();
    let old = forge.commit("from before we signed", Signing::Nobody);
    let next = forge.commit("first signed", ANN);
    assert_eq!(unsigned(forge.strict(&next, None)), old);
    // Who can't sign can't seal.
    let forged = forge.commit("seal\n\nGw-Seal: trust me", Signing::Nobody);
    let on_top = forge.commit("on top", ANN);
    assert_eq!(unsigned(forge.strict(&on_top, None)), forged);
    let seal = forge.commit("seal\n\nGw-Seal: history was reviewed by hand", ANN);
    assert!(forge.strict(&seal, None).is_ok());
    let after = forge.commit("after", ANN);
    assert!(forge.strict(&after, None).is_ok());
    assert!(forge.strict(&after, Some(&old)).is_ok());
    let slipped = forge.commit("slipped in", Signing::Nobody);
    let last = forge.commit("last", ANN);
    assert_eq!(unsigned(forge.strict(&last, None)), slipped);
}

#[test]
fn the_border_of_a_shallow_clone_is_no_beginning() {
    let forge = forge();
    let first = forge.commit("first", ANN);
    let second = forge.commit("second", ANN);
    let third = forge.commit("third", ANN);
    let url = format!("file://{}", forge.path("repo").display());
    for depth in ["1", "2"] {
        let to = format!("depth-{depth}");
        forge.git(&["clone", "--quiet", "--bare", "--depth", depth, &url, &to]);
        let missing = |last_good: Option<&str>| match forge.strict_in(&to, &third, last_good) {
            Err(Refusal::Missing { commit }) => Some(commit.to_string()),
            Err(other) => panic!("{other:?}"),
            Ok(_) => None,
        };
        let border = if depth == "1" { &second } else { &first };
        assert_eq!(missing(None).as_ref(), Some(border));
        assert_eq!(missing(Some(&first)).as_ref(), Some(border));
        let by_second = if depth == "1" { Some(&second) } else { None };
        assert_eq!(missing(Some(&second)).as_ref(), by_second);
        assert_eq!(missing(Some(&third)), None);
    }
}
