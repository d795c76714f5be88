//! Files that no person would write, and folders that are not what they seem.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::template::Template;
use crate::rig::Rig;
use crate::support::run::Outcome;
use crate::support::versions::newest;

/// No refusal may take longer, on a machine that is busy with other tests.
const QUICK: Duration = Duration::from_secs(10);

const GOOD: &str = "{apiVersion: gw/v1, kind: Backend, metadata: {name: x}, spec: {servers: []}}";

/// What is wrong, how to make it in an empty folder, and a word that the refusal must contain.
type Case = (&'static str, fn(&Path), &'static str);

const CASES: [Case; 19] = [
    ("a billion laughs", |dir| write(dir, &laughs()), "all.yaml"),
    ("a list in a list in a list", |dir| write(dir, &"[".repeat(200_000)), "deep"),
    ("a mapping in a mapping", |dir| write(dir, &nested()), "deep"),
    ("mappings in one line", |dir| write(dir, &"{a: ".repeat(100_000)), "deep"),
    ("20 MB of comments", |dir| write(dir, &"# aaaaaa\n".repeat(2_222_222)), "larger than"),
    ("20 MB of one word", |dir| write(dir, &"a".repeat(20_000_000)), "larger than"),
    ("a file without end", |dir| link(dir, "/dev/zero"), "all.yaml"),
    ("the same key twice", |dir| write(dir, "kind: A\nkind: B\n"), "twice"),
    ("the same object twice", |dir| write(dir, &format!("{GOOD}\n---\n{GOOD}\n")), "twice"),
    ("no UTF-8", |dir| write_bytes(dir, b"kind: \xff\xfe\n"), "UTF-8"),
    ("UTF-16", |dir| write_bytes(dir, b"\xff\xfek\0i\0n\0d\0"), "UTF-8"),
    ("NUL", |dir| write_bytes(dir, b"kind: a\0b\n"), "all.yaml"),
    ("no YAML", |dir| write(dir, "kind: [\n\t}: '"), "all.yaml"),
    ("no mapping", |dir| write(dir, "- just\n- a list\n"), "mapping"),
    ("a link out of the folder", |dir| link(dir, "/etc/passwd"), "link"),
    ("a link to itself", |dir| link(dir, "all.yaml"), "link"),
    ("a link to nothing", |dir| link(dir, "nothing.yaml"), "link"),
    ("a pipe", pipe, "regular file"),
    ("a folder named like a file", |dir| fs::create_dir(dir.join("all.yaml")).unwrap(), ""),
];

fn write(dir: &Path, text: &str) {
    write_bytes(dir, text.as_bytes());
}

fn write_bytes(dir: &Path, bytes: &[u8]) {
    fs::write(dir.join("all.yaml"), bytes).unwrap();
}

fn link(dir: &Path, to: &str) {
    symlink(to, dir.join("all.yaml")).unwrap();
}

fn pipe(dir: &Path) {
    let made = Command::new("mkfifo").arg(dir.join("all.yaml")).status().unwrap();
    assert!(made.success());
}

/// Nine levels of nine references each: 387 million values.
fn laughs() -> String {
    let mut text = String::from("a0: &a0 [lol]\n");
    for level in 1..10 {
        let references = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{references}]");
    }
    text
}

fn nested() -> String {
    let mut text = String::new();
    for level in 0..2_000 {
        let _ = writeln!(text, "{}a:", " ".repeat(level));
    }
    text
}

/// Runs a command that must end soon and with an error of its own.
fn refused(rig: &Rig, command: &[&str], told: &str) -> Outcome {
    let start = Instant::now();
    let outcome = rig.gw.run(command);
    let took = start.elapsed();
    let told = format!("{told}: {}", outcome.transcript());
    assert!(took < QUICK, "it took {took:.1?}: {told}");
    assert!(!outcome.stderr.contains("panicked"), "{told}");
    assert!(matches!(outcome.code, Some(1 | 16)), "{told}");
    assert!(outcome.stderr.contains("error"), "{told}");
    outcome
}

#[test]
fn no_file_can_hurt() {
    let template = Template::new();
    let rig = Rig::serving(newest(), &template.text());
    let (before, generation) = (rig.state(), rig.generation());
    for (what, make, word) in CASES {
        rig.write_all([]).unwrap();
        make(&rig.manifests());
        // A good file beside it does not make it better.
        fs::write(rig.manifests().join("good.yaml"), template.text()).unwrap();
        if word.is_empty() {
            rig.assert_converged();
            continue;
        }
        for command in ["validate", "render", "plan", "apply"] {
            let mut words = vec![command, "manifests"];
            if command == "apply" {
                words.push("--yes");
            }
            let outcome = refused(&rig, &words, what);
            let said = outcome.stdout + &outcome.stderr;
            assert!(said.contains(word), "{what}, gw {command}: no {word:?} in\n{said}");
            assert!(said.contains("all.yaml"), "{what}, gw {command}: no file named:\n{said}");
        }
        assert_eq!(rig.generation(), generation, "{what}: a generation was written");
    }
    assert_eq!(before.diff(&rig.state(), "before", "after"), "");
}

#[test]
fn a_source_that_is_not_there_is_not_an_empty_one() {
    let template = Template::new();
    let rig = Rig::serving(newest(), &template.text());
    let (before, generation) = (rig.state(), rig.generation());
    for command in [&["apply", "--yes", "manifests"][..], &["plan", "manifests"]] {
        rig.write_all([]).unwrap();
        let _ = refused(&rig, command, "an empty folder");
        rig.write_all([("README.md", "no manifest"), (".hidden.yaml", GOOD)]).unwrap();
        let _ = refused(&rig, command, "a folder without manifests");
        rig.write_all([("a.yaml", "# nothing but a comment\n---\n---\n")]).unwrap();
        let _ = refused(&rig, command, "manifests that say nothing");
        fs::remove_dir_all(rig.manifests()).unwrap();
        let _ = refused(&rig, command, "a missing folder");
        symlink("nowhere", rig.manifests()).unwrap();
        let _ = refused(&rig, command, "a link to a missing folder");
        fs::remove_file(rig.manifests()).unwrap();
        fs::create_dir(rig.manifests()).unwrap();
    }
    assert_eq!(rig.generation(), generation);
    assert_eq!(before.diff(&rig.state(), "before", "after"), "");
}

#[test]
fn unusual_is_not_hostile() {
    let template = Template::new();
    let rig = Rig::serving(newest(), &template.text());
    let text = template.text();
    for (what, text) in [
        ("line ends of Windows", text.replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("an explicit end", format!("%YAML 1.2\n{text}...\n")),
        ("no newline at the end", text.trim_end().to_owned()),
    ] {
        rig.write(&text);
        if let Some(contradiction) = rig.contradiction() {
            panic!("{what}: {contradiction}");
        }
    }
    // Links inside of the folder are honest, and a key that is no manifest may lie elsewhere.
    rig.write_all([]).unwrap();
    fs::create_dir(rig.manifests().join("below")).unwrap();
    fs::write(rig.manifests().join("below/data"), text).unwrap();
    symlink("below/data", rig.manifests().join("all.yaml")).unwrap();
    symlink("/etc/passwd", rig.manifests().join("secret.pem")).unwrap();
    rig.assert_converged();
}
