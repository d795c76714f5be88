//! Pushes, forced ones too, tags and versions.

use std::sync::Arc;

use gw::source::git::{BareClone, Fetched, ForcedPush, Reference, Settings};
use gw::source::{Look, Reader, Source};

use super::{backend, gw, refused, repository, settings, validate};
use crate::support::git::{Upstream, daemon::Daemon};

/// Follows a reference, keeping each commit.
fn follow(settings: &Settings, state: &std::path::Path) -> Fetched {
    let clone = BareClone::new(settings, state);
    let fetched = clone.fetch().unwrap();
    clone.keep(&fetched.commit).unwrap();
    fetched
}

fn pushes(upstream: &Upstream, count: u16) {
    for number in 0..count {
        upstream.write("web.yaml", backend("web", 1000 + number)).commit("More");
    }
    upstream.push("The last one");
}

#[test]
fn a_push_is_told_from_a_forced_push() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    // A whole clone, and a shallow one, which lacks the history that tells.
    for (place, url) in [("whole", upstream.url()), ("shallow", daemon.url("site.git"))] {
        let settings = settings(&url);
        let state = root.path().join(place);
        upstream.run(&["checkout", "--quiet", "-B", "main"]);
        assert!(!follow(&settings, &state).forced);
        upstream.write("web.yaml", backend("web", 81)).push("One commit");
        let one = follow(&settings, &state);
        assert!(!one.forced && one.previous.is_some(), "{place}: {one:?}");
        assert!(!follow(&settings, &state).forced, "{place}: nothing happened");
        pushes(&upstream, 5);
        assert!(!follow(&settings, &state).forced, "{place}: several commits at once");
        pushes(&upstream, 60);
        assert!(!follow(&settings, &state).forced, "{place}: many commits at once");
        upstream.run(&["reset", "--quiet", "--hard", "HEAD~3"]);
        upstream.write("web.yaml", backend("web", 83)).push("Another history");
        let forced = follow(&settings, &state);
        assert!(forced.forced, "{place}: {forced:?}");
        let remark = forced.judge(ForcedPush::Warn).unwrap().remove(0);
        assert!(remark.contains("history was rewritten: refs/heads/main"), "{remark}");
        assert!(forced.judge(ForcedPush::Allow).unwrap().is_empty());
        assert!(forced.judge(ForcedPush::Refuse).is_err());
        assert!(!follow(&settings, &state).forced, "{place}: it was kept");
    }
}

#[test]
fn a_branch_reset_to_an_older_commit_is_a_forced_push() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    let settings = settings(&daemon.url("site.git"));
    pushes(&upstream, 3);
    follow(&settings, root.path());
    upstream.run(&["reset", "--quiet", "--hard", "HEAD~2"]);
    upstream.run(&["push", "--quiet", "--force", "origin", "HEAD"]);
    let clone = BareClone::new(&settings, root.path());
    assert!(clone.fetch().unwrap().forced);
    // Until somebody decides, it is asked for again and again, but not fetched.
    let packs = || std::fs::read_dir(clone.path().join("objects/pack")).unwrap().count();
    let before = packs();
    assert!(clone.fetch().unwrap().forced);
    assert_eq!(packs(), before);
    clone.keep(&clone.fetch().unwrap().commit).unwrap();
    assert!(!clone.fetch().unwrap().forced);
}

#[test]
fn the_policy_for_forced_pushes_is_obeyed_and_can_be_set_aside_once() {
    let (root, upstream) = repository();
    let first = upstream.run(&["rev-parse", "HEAD"]);
    let clone = BareClone::new(&settings(&upstream.url()), &root.path().join("state"));
    // The reference is part of what is kept: --ref is not given below, either.
    let kept = clone.fetch().unwrap().commit;
    clone.keep(&kept).unwrap();
    upstream.run(&["commit", "--quiet", "--amend", "--message", "Rewritten"]);
    upstream.run(&["push", "--quiet", "--force", "origin", "HEAD"]);
    let gw = gw(root.path());
    let outcome = validate(&gw, &upstream.url(), &[]).ok();
    assert!(outcome.stderr.contains("warning: history was rewritten"), "{}", outcome.transcript());
    let refuse = ["--forced-push", "refuse"];
    refused(
        validate(&gw, &upstream.url(), &refuse),
        &["history was rewritten", "gw stays with", &first[..12], "--forced-push allow"],
    );
    let outcome = validate(&gw, &upstream.url(), &["--forced-push", "allow"]).ok();
    assert_eq!(outcome.stderr, "", "{}", outcome.transcript());
}

#[test]
fn a_deleted_branch_is_an_error_not_an_empty_source() {
    let (root, upstream) = repository();
    upstream.run(&["push", "--quiet", "origin", "HEAD:refs/heads/release"]);
    let daemon = Daemon::start(&upstream.root);
    let gw = gw(root.path());
    let _ = validate(&gw, &daemon.url("site.git"), &["--ref", "release"]).ok();
    upstream.run(&["push", "--quiet", "origin", ":refs/heads/release"]);
    let outcome = validate(&gw, &daemon.url("site.git"), &["--ref", "release"]);
    refused(outcome, &["no branch or tag release", "was it deleted?"]);
}

#[test]
fn a_moved_tag_is_noticed() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    for (place, url) in [("whole", upstream.url()), ("shallow", daemon.url("site.git"))] {
        let state = root.path().join(place);
        let tagged = Settings { reference: "v1".parse().unwrap(), ..settings(&url) };
        upstream.run(&["tag", "--force", "--annotate", "--message", "x", "v1"]);
        upstream.run(&["push", "--quiet", "--force", "origin", "v1"]);
        let fetched = follow(&tagged, &state);
        assert!(!fetched.forced);
        assert_eq!(fetched.commit.reference.as_deref(), Some("refs/tags/v1"));
        upstream.write("web.yaml", backend("web", 85)).push("Later");
        assert!(!follow(&tagged, &state).forced, "{place}: the tag stands where it did");
        upstream.run(&["tag", "--force", "v1"]);
        upstream.run(&["push", "--quiet", "--force", "origin", "v1"]);
        let moved = BareClone::new(&tagged, &state).fetch().unwrap();
        assert!(moved.forced, "{place}: {moved:?}");
        let error = moved.judge(ForcedPush::Refuse).unwrap_err().to_string();
        assert!(error.contains("the tag v1 was moved"), "{error}");
    }
}

#[test]
fn of_a_range_the_highest_version_is_followed() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    let range = Settings {
        reference: ">=1.2 <2".parse::<Reference>().unwrap(),
        ..settings(&daemon.url("site.git"))
    };
    let release = |tag: &str, port| {
        upstream.write("web.yaml", backend("web", port)).push(tag);
        upstream.run(&["tag", "--annotate", "--message", tag, tag]);
        upstream.run(&["push", "--quiet", "origin", tag]);
    };
    for (number, tag) in ["v1.9.0", "v2.0.0", "v1.1.0"].into_iter().enumerate() {
        release(tag, 100 + u16::try_from(number).unwrap());
    }
    assert_eq!(follow(&range, root.path()).commit.subject, "v1.9.0");
    // A release of another branch does not contain the one before, and need not.
    upstream.run(&["checkout", "--quiet", "--detach", "HEAD~3"]);
    upstream.write("web.yaml", backend("web", 200)).commit("v1.10.0");
    upstream.run(&["tag", "1.10.0"]);
    upstream.run(&["push", "--quiet", "origin", "1.10.0"]);
    let next = follow(&range, root.path());
    assert_eq!((&*next.commit.subject, next.forced), ("v1.10.0", false));
    assert_eq!(next.previous.map(|commit| commit.subject), Some("v1.9.0".to_owned()));
    // The way back is none of its own accord.
    upstream.run(&["push", "--quiet", "origin", ":1.10.0"]);
    let back = BareClone::new(&range, root.path()).fetch().unwrap();
    assert_eq!((&*back.commit.subject, back.forced), ("v1.9.0", true));
    let gone = "the tag 1.10.0 is gone, and v1.9.0 is older";
    assert_eq!(back.judge(ForcedPush::Warn).unwrap(), [gone]);
    assert!(back.judge(ForcedPush::Allow).unwrap().is_empty());
    let error = back.judge(ForcedPush::Refuse).unwrap_err().to_string();
    assert!(error.contains(gone) && error.contains("gw stays with"), "{error}");
    // Once it is accepted, it is the state of affairs, and what comes back is newer.
    assert!(follow(&range, root.path()).forced);
    assert!(!follow(&range, root.path()).forced);
    upstream.run(&["push", "--quiet", "origin", "1.10.0"]);
    let again = follow(&range, root.path());
    assert_eq!((&*again.commit.subject, again.forced), ("v1.10.0", false));
    // Another name for the same commit is no way back.
    upstream.run(&["tag", "v1.9.5", "1.10.0"]);
    upstream.run(&["push", "--quiet", "origin", ":1.10.0", "v1.9.5"]);
    assert!(!follow(&range, root.path()).forced);
}

#[test]
fn a_clone_does_not_grow_with_each_push() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    for (place, url) in [("whole", upstream.url()), ("shallow", daemon.url("site.git"))] {
        let settings = settings(&url);
        let state = root.path().join(place);
        let packs = BareClone::new(&settings, &state).path().join("objects/pack");
        let mut most = 0;
        for number in 0..50 {
            upstream.write("web.yaml", backend("web", 2000 + number)).push("More");
            assert!(!follow(&settings, &state).forced, "{place}: {number}");
            most = most.max(std::fs::read_dir(&packs).unwrap().count());
        }
        let left = std::fs::read_dir(&packs).unwrap().count();
        assert!(left < most, "{place}: {left} files of packs, {most} at most");
        // What was kept can still be read, and compared with.
        let clone = BareClone::new(&settings, &state);
        let good = clone.last_good().unwrap().unwrap();
        assert_eq!(good.id, upstream.run(&["rev-parse", "HEAD"]));
        upstream.run(&["commit", "--quiet", "--amend", "--message", "Rewritten"]);
        upstream.run(&["push", "--quiet", "--force", "origin", "HEAD"]);
        assert!(clone.fetch().unwrap().forced, "{place}");
    }
}

#[test]
fn a_commit_that_is_read_stays_while_others_are_fetched() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    let settings = settings(&daemon.url("site.git"));
    let clone = BareClone::new(&settings, root.path());
    let read = clone.fetch().unwrap().commit;
    let mut reader = Reader::new(&Source::Git(Box::new(settings)), root.path());
    let first = reader.read(Look::Commit(&read)).unwrap();
    // None of these is believed, so to say, and each is a pack.
    for number in 0..25 {
        upstream.write("web.yaml", backend("web", 3000 + number)).push("More");
        clone.fetch().unwrap();
    }
    let again = reader.read(Look::Commit(&read)).unwrap();
    assert!(Arc::ptr_eq(&first.files[0], &again.files[0]));
    let mut fresh =
        Reader::new(&Source::Git(Box::new(super::settings(&daemon.url("site.git")))), root.path());
    assert_eq!(fresh.read(Look::Commit(&read)).unwrap().files.len(), 1);
}
