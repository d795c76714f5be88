//! Every kind of server, and servers that go away.

use std::path::Path;

use gw::source::git::BareClone;
use gw::source::{Look, Reader, Source};

use super::{SOURCE, backend, gw, refused, repository, settings, validate};
use crate::support::git::{Upstream, daemon::Daemon};

#[test]
fn a_local_repository_is_read_by_path_and_by_url() {
    let (root, upstream) = repository();
    let gw = gw(root.path());
    for url in [upstream.url(), upstream.bare.display().to_string(), "served/site.git".to_owned()] {
        let outcome = validate(&gw, &url, &[]).ok();
        assert!(outcome.stdout.contains("1 backend, 1 server"), "{}", outcome.transcript());
    }
}

#[test]
fn all_commands_take_a_repository_and_settings_may_name_it() {
    let (root, upstream) = repository();
    upstream.write("sites/prod/api.yaml", backend("api", 81)).push("A site");
    let text = format!("source: {{git: '{}', path: sites/prod}}\n", upstream.url());
    std::fs::write(root.path().join("gw.yaml"), text).unwrap();
    let gw = gw(root.path());
    let listing = gw.run(&["render"]).ok().stdout;
    assert!(listing.contains("backend api") && !listing.contains("backend web"), "{listing}");
    // The command line goes before the settings, also in part.
    let listing = gw.run(&["render", "--path", "."]).ok().stdout;
    assert!(listing.contains("backend api") && listing.contains("backend web"), "{listing}");
    let outcome = gw.run(&["validate", "web.yaml", "--ref", "main"]).expect(64);
    assert!(outcome.stderr.contains("--ref"), "{}", outcome.transcript());
    // Settings in a repository are none.
    upstream.write("gw.yaml", "source: {git: /nowhere}\n").push("Settings?");
    let outcome = gw.run(&["validate", "--path", "."]).ok();
    assert!(outcome.stdout.starts_with("2 files"), "{}", outcome.transcript());
}

#[test]
fn a_daemon_sends_no_more_than_the_last_commit() {
    let (root, upstream) = repository();
    upstream.write("web.yaml", backend("web", 81)).push("The second one");
    let daemon = Daemon::start(&upstream.root);
    let settings = settings(&daemon.url("site.git"));
    let state = root.path().join("state");
    let mut reader = Reader::new(&Source::Git(Box::new(settings.clone())), &state);
    let snapshot = reader.read(Look::Everything).unwrap();
    let commit = snapshot.commit.unwrap();
    assert_eq!(commit.subject, "The second one");
    assert_eq!((&*commit.author, &*commit.email), ("Ann Author", "ann@example.org"));
    assert_eq!(commit.reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(snapshot.revision, commit.short());
    let clone = git2::Repository::open_bare(BareClone::new(&settings, &state).path()).unwrap();
    assert!(clone.is_shallow());
    let first = upstream.run(&["rev-parse", "HEAD~1"]);
    assert!(clone.find_commit(git2::Oid::from_str(&first).unwrap()).is_err());
    // The next one comes into the shallow clone, too.
    upstream.write("api.yaml", backend("api", 82)).push("The third one");
    assert_eq!(reader.read(Look::Everything).unwrap().files.len(), 2);
    let whole = gw::source::git::Settings { history: true, ..settings };
    BareClone::new(&whole, &state).fetch().unwrap();
    assert!(clone.find_commit(git2::Oid::from_str(&first).unwrap()).is_ok(), "history was wanted");
}

#[test]
fn a_server_that_is_down_fails_a_command_but_not_the_last_good_commit() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    let (url, port) = (daemon.url("site.git"), daemon.port());
    let state = root.path().join("state");
    let clone = BareClone::new(&settings(&url), &state);
    assert_eq!(clone.last_good().unwrap(), None);
    let fetched = clone.fetch().unwrap();
    assert_eq!(clone.last_good().unwrap(), None, "what was only fetched is not good yet");
    clone.keep(&fetched.commit).unwrap();
    drop(daemon);
    refused(validate(&gw(root.path()), &url, &[]), &["can't be reached", "refused"]);
    // As at a boot without the server.
    let good = clone.last_good().unwrap().unwrap();
    assert_eq!(good.id, fetched.commit.id);
    let mut reader = Reader::new(&Source::Git(Box::new(settings(&url))), &state);
    assert_eq!(reader.read(Look::Commit(&good)).unwrap().files.len(), 1);
    assert!(reader.read(Look::Everything).is_err());
    // A commit by its id does not change, so nobody need be asked.
    let _ = validate(&gw(root.path()), &url, &["--ref", &good.id]).ok();
    upstream.write("api.yaml", backend("api", 81)).push("Back");
    let _daemon = Daemon::start_at(&upstream.root, port);
    assert_eq!(reader.read(Look::Everything).unwrap().files.len(), 2);
}

#[test]
fn what_is_not_there_is_told() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    let gw = gw(root.path());
    let url = daemon.url("site.git");
    refused(validate(&gw, &daemon.url("other.git"), &[]), &["there is no repository at git://"]);
    let nowhere = format!("file://{}/nowhere", root.path().display());
    refused(validate(&gw, &nowhere, &[]), &["there is no repository at file://"]);
    refused(
        validate(&gw, "/nowhere/site.git", &[]),
        &["there is no repository at /nowhere/site.git"],
    );
    refused(validate(&gw, &url, &["--ref", "mian"]), &["no branch or tag mian", "mean main?"]);
    let none = "0123456789012345678901234567890123456789";
    refused(validate(&gw, &url, &["--ref", none]), &["has no commit 0123456789"]);
    refused(validate(&gw, &url, &["--ref", ">=1"]), &["no tag for a version >=1"]);
    refused(validate(&gw, &url, &["--path", "sites"]), &["has no folder sites"]);
    upstream.write("docs/notes.txt", "x").push("Documentation");
    refused(validate(&gw, &url, &["--path", "docs"]), &["there is no manifest in docs"]);
    let empty = Upstream::new(&root.path().join("empty"));
    refused(validate(&gw, &empty.url(), &[]), &["is empty"]);
    for (option, value) in [("--ref", "a..b"), ("--path", "../x"), ("--git", "https://h/?q")] {
        let outcome = gw.run(&["validate", option, value]).expect(64);
        assert!(outcome.stderr.contains(option), "{}", outcome.transcript());
    }
}

#[test]
fn a_commit_that_no_branch_stands_at_is_found() {
    let (root, upstream) = repository();
    let first = upstream.run(&["rev-parse", "HEAD"]);
    upstream.write("api.yaml", backend("api", 81)).push("More");
    let daemon = Daemon::start(&upstream.root);
    for url in [daemon.url("site.git"), upstream.url()] {
        let outcome = validate(&gw(root.path()), &url, &["--ref", &first]).ok();
        assert!(outcome.stdout.starts_with("1 file"), "{}", outcome.transcript());
    }
}

#[test]
fn a_state_directory_that_is_not_ours_is_told() {
    let (root, upstream) = repository();
    let blocked = root.path().join("blocked");
    std::fs::write(&blocked, "a file").unwrap();
    let gw = gw(root.path()).env("GW_STATE", &blocked);
    let outcome = validate(&gw, &upstream.url(), &[]).expect(SOURCE);
    let path = Path::new(&blocked).display().to_string();
    assert!(outcome.stderr.contains(&path), "{}", outcome.transcript());
}
