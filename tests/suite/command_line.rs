//! The wiring of the command line: exit codes, and what goes to which stream. Needs no HAProxy.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::run::Gw;

const BACKEND: &str = "apiVersion: gw/v1\nkind: Backend\nmetadata: { name: web }\nspec:\n  \
                       servers: [{ name: a, address: 127.0.0.1, port: 80 }]\n";

/// A folder with one manifest.
fn folder(manifest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("manifests");
    fs::create_dir(&manifests).unwrap();
    fs::write(manifests.join("web.yaml"), manifest).unwrap();
    folder
}

/// gw, away from the machine's own HAProxy and settings.
fn gw(root: &Path) -> Gw {
    let config = root.join("gw.yaml");
    if !config.exists() {
        fs::write(&config, "").unwrap();
    }
    Gw::new(root).env("GW_CONFIG", config).env("GW_SOCKET", root.join("no.sock"))
}

#[test]
fn wrong_usage_is_told_apart_from_changes() {
    let root = tempfile::tempdir().unwrap();
    for arguments in [&["frobnicate"][..], &["plan"], &["plan", ".", "--sokcet", "x"], &[]] {
        let outcome = gw(root.path()).run(arguments).expect(64);
        assert!(outcome.stdout.is_empty() && !outcome.stderr.is_empty(), "{outcome:?}");
    }
    assert!(gw(root.path()).run(&["plan", "--help"]).ok().stderr.is_empty());
    assert!(gw(root.path()).run(&["--version"]).ok().stdout.starts_with("gw "));
}

#[test]
fn a_password_in_the_wrong_place_is_not_shown() {
    let root = tempfile::tempdir().unwrap();
    for arguments in [
        &["https://me:S3CR3T@127.0.0.1:9/x.git"][..],
        &["--git", "me:S3CR3T@127.0.0.1:x.git"],
        &["--git", "https://me:S3CR3T@127.0.0.1:9/x.git"],
        &["--git", "htps://me:S3CR3T@127.0.0.1:9/x.git"],
    ] {
        let outcome = gw(root.path()).run(&[&["validate"], arguments].concat());
        assert!(outcome.code != Some(0) && !outcome.stderr.is_empty(), "{arguments:?}");
        let said = outcome.stdout + &outcome.stderr;
        assert!(!said.contains("S3CR3T"), "{said}");
    }
    let outcome = gw(root.path()).run(&["validate", "https://127.0.0.1:9/x.git"]).expect(64);
    assert!(outcome.stderr.contains("--git"), "{}", outcome.transcript());
}

#[test]
fn invalid_manifests_end_every_command_with_all_problems() {
    let root = folder("apiVersion: gw/v1\nkind: Backnd\nmetadata: { name: web }\n");
    for command in ["validate", "render", "plan", "apply"] {
        let outcome = gw(root.path()).run(&[command, "manifests"]).expect(16);
        assert!(outcome.stderr.contains("web.yaml:2:7"), "{}", outcome.transcript());
        assert!(outcome.stderr.contains("did you mean `Backend`?"), "{}", outcome.transcript());
    }
    let outcome = gw(root.path()).run(&["validate", "manifests", "--output", "json"]).expect(16);
    assert_eq!((&outcome.json()["errors"], outcome.stderr.as_str()), (&Value::from(1), ""));
    let outcome = gw(root.path()).run(&["plan", "nowhere"]).expect(1);
    assert!(outcome.stderr.contains("nowhere"), "{}", outcome.transcript());
}

#[test]
fn valid_manifests_are_counted_and_rendered() {
    let root = folder(BACKEND);
    let outcome = gw(root.path()).run(&["validate", "manifests"]).ok();
    assert!(outcome.stdout.contains("1 backend, 1 server; 0 errors"), "{}", outcome.transcript());
    let listing = gw(root.path()).run(&["render", "manifests"]).ok().stdout;
    assert!(listing.starts_with("# file: 00-gw.cfg\n"), "{listing}");
    assert_eq!(listing, gw(root.path()).run(&["render", "manifests"]).ok().stdout);
    let into = ["render", "manifests", "--output-dir", "out"];
    let outcome = gw(root.path()).run(&into).ok();
    assert!(outcome.stderr.contains("files written"), "{}", outcome.transcript());
    assert!(root.path().join("out/00-gw.cfg").exists());
    // What is there already would be loaded, too.
    let refused = gw(root.path()).run(&into).expect(1);
    assert!(refused.stderr.contains("is not empty"), "{}", refused.transcript());
}

#[test]
fn mistakes_in_the_settings_are_shown_like_those_in_manifests() {
    let root = folder(BACKEND);
    fs::write(root.path().join("gw.yaml"), "state: /tmp\nsokcet: x\n").unwrap();
    let outcome = gw(root.path()).run(&["status"]).expect(1);
    assert!(outcome.stderr.contains("gw.yaml:2:1"), "{}", outcome.transcript());
    assert!(outcome.stderr.contains("did you mean `socket`?"), "{}", outcome.transcript());
}

#[test]
fn settings_beside_the_manifests_are_not_ours() {
    let root = folder(BACKEND);
    fs::write(root.path().join("manifests/gw.conf"), "haproxy: ./evil\n").unwrap();
    fs::write(root.path().join("manifests/.gw.yaml"), "haproxy: ./evil\n").unwrap();
    assert!(gw(root.path()).run(&["validate", "manifests"]).ok().stderr.is_empty());
}

#[test]
fn schemas_and_completions_are_printed() {
    let root = tempfile::tempdir().unwrap();
    let of = |what: &str| gw(root.path()).run(&["schema", what]).ok();
    for what in [
        "manifests",
        "plan",
        "report",
        "drift",
        "saved-plan",
        "settings",
        "status",
        "problems",
        "history",
        "record",
        "watch-status",
        "notification",
        "doctor",
    ] {
        assert!(of(what).json()["$schema"].is_string(), "{what}");
        let published = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{what}.json"));
        let published = fs::read_to_string(published).unwrap_or_default();
        assert_eq!(of(what).stdout, published, "schema/{what}.json is stale: run `make schema`");
    }
    let script = gw(root.path()).run(&["completions", "bash"]).ok().stdout;
    assert!(script.contains("_gw()"), "{script}");
}

#[test]
fn a_bad_byte_has_its_place_and_its_file_counts() {
    let root = folder("");
    fs::write(root.path().join("manifests/web.yaml"), b"a: b\nc: \xff\n").unwrap();
    let outcome = gw(root.path()).run(&["validate", "manifests"]).expect(16);
    assert!(outcome.stderr.contains("web.yaml:2:4"), "{}", outcome.transcript());
    assert!(outcome.stdout.starts_with("1 file: 1 error"), "{}", outcome.transcript());
}

#[test]
fn an_empty_variable_is_not_set() {
    let root = folder(BACKEND);
    let mut gw = gw(root.path());
    for name in ["GW_MASTER", "GW_BASE", "GW_STATE", "GW_HAPROXY", "GW_CONFIG", "GW_SOCKET"] {
        gw = gw.without(name).env(name, "");
    }
    let outcome = gw.run(&["validate", "manifests"]).ok();
    assert_eq!(outcome.stderr, "", "{}", outcome.transcript());
}

#[test]
fn the_log_is_plain_text_in_a_file() {
    let root = tempfile::tempdir().unwrap();
    let gw = gw(root.path()).without("NO_COLOR").env("GW_LOG", "debug");
    let outcome = gw.run(&["init", "--state", "state"]).ok();
    assert!(outcome.stderr.contains("switching to a generation"), "{}", outcome.transcript());
    assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.transcript());
}

#[test]
fn up_without_haproxy_says_how_to_name_it() {
    let root = folder(BACKEND);
    let outcome =
        gw(root.path()).without("GW_SOCKET").run(&["up", "manifests", "--haproxy", "/no/haproxy"]);
    let outcome = outcome.expect(1);
    assert!(outcome.stderr.contains("name it with --haproxy"), "{}", outcome.transcript());
}
