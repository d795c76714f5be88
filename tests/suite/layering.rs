//! The architecture, checked: which module may use which, what the pure core may name, how long a
//! file may be, and what a panic must say. Reads `src/` as text.

mod source;

use std::{collections::BTreeSet, fs, path::Path};

use self::source::files;

/// A module, the modules it may use, and what it is for. Those above never use those below.
type Layer = (&'static str, &'static [&'static str], &'static str);

/// Modules without IO, clock, log or randomness: these and [`EDGE`] are all there are.
const PURE: &[Layer] = &[
    ("model", &[], "the words of the domain, which every other module speaks"),
    ("config", &[], "the syntax of HAProxy's configuration files"),
    ("manifest", &["model"], "from text to checked documents; `tests` read the examples on disk"),
    ("compile", &["config", "manifest", "model"], "from documents to intent"),
    ("render", &["config", "model"], "from intent to files"),
    ("diff", &["model"], "where intent and process differ"),
    ("haproxy::version", &[], "versions and their order"),
    ("haproxy::endpoint", &[], "how a socket is named"),
    (
        "haproxy::command",
        &["haproxy::version"],
        "what is said to HAProxy, and what counts as success",
    ),
    ("haproxy::framing", &["haproxy::command", "haproxy::version"], "where a reply ends"),
    ("haproxy::reply", &["haproxy::version"], "what HAProxy's replies mean"),
    ("haproxy::log", &[], "which lines of HAProxy's output matter"),
    ("haproxy::capabilities", &["haproxy::command", "haproxy::version"], "what a version can do"),
    (
        "plan",
        &["diff", "haproxy::capabilities", "haproxy::command", "model", "render"],
        "what it takes to remove the differences",
    ),
    ("guard", &["model", "plan"], "which plans are refused"),
    ("health", &["haproxy::reply", "model"], "whether HAProxy serves worse than before"),
    ("report", &["diff", "guard", "model", "plan"], "what people and programs read"),
    ("webhook", &[], "whether a request of a forge is authentic, and what it hints at"),
];

/// Modules that do IO, from the lowest to the highest.
const EDGE: &[Layer] = &[
    ("fault", &[], "where tests end gw"),
    ("source", &["fault", "manifest", "model"], "manifests from disk or from Git"),
    ("store", &["fault", "model", "render"], "generations on disk"),
    ("journal", &["fault", "model", "report", "store"], "what was done, on disk"),
    ("control", &["model", "render", "store"], "what people told gw"),
    (
        "haproxy",
        &["haproxy::*"],
        "the names under which the parts of the folder are known to others",
    ),
    ("haproxy::error", &["haproxy::*"], "what can go wrong on a socket"),
    ("haproxy::stream", &["haproxy::endpoint", "haproxy::error"], "a socket"),
    ("haproxy::connection", &["haproxy::*"], "commands over a socket"),
    ("haproxy::probe", &["haproxy::*"], "what a running HAProxy can do"),
    ("haproxy::master", &["haproxy::*"], "reloads"),
    ("haproxy::binary", &["haproxy::*"], "`haproxy -c`"),
    (
        "settings",
        &["guard", "haproxy::endpoint", "health", "model", "source", "webhook"],
        "gw's own settings",
    ),
    ("observe", &["diff", "haproxy::*", "model"], "from a process to what it reports"),
    ("service", &["haproxy::*", "settings", "store"], "how HAProxy is checked and reloaded"),
    (
        "apply",
        &["diff", "fault", "haproxy::*", "model", "observe", "plan", "service", "store"],
        "carries a plan out",
    ),
    (
        "intent",
        &["compile", "diff", "manifest", "model", "plan", "render", "source", "store"],
        "from a source to files",
    ),
    (
        "reconcile",
        &[
            "apply",
            "control",
            "diff",
            "fault",
            "guard",
            "haproxy::*",
            "health",
            "intent",
            "journal",
            "model",
            "observe",
            "plan",
            "service",
            "render",
            "report",
            "settings",
            "source",
            "store",
        ],
        "one pass from source to process",
    ),
    (
        "init",
        &["compile", "model", "render", "store"],
        "an empty generation for a HAProxy of others",
    ),
    (
        "watch",
        &[
            "apply",
            "control",
            "guard",
            "health",
            "intent",
            "model",
            "plan",
            "reconcile",
            "report",
            "settings",
            "source",
            "store",
        ],
        "one pass after another, each for a reason",
    ),
    ("metrics", &["guard", "plan", "report"], "what is counted, as Prometheus reads it"),
    ("http", &["journal", "metrics", "report", "watch", "webhook"], "what is answered over HTTP"),
    ("notification", &["plan", "report", "settings"], "others are told how passes end"),
    ("systemd", &["report", "watch"], "what the service manager is told"),
    (
        "telemetry",
        &[
            "http",
            "journal",
            "metrics",
            "model",
            "notification",
            "plan",
            "report",
            "settings",
            "store",
            "systemd",
            "watch",
            "webhook",
        ],
        "all who are told besides people",
    ),
    (
        "up",
        &[
            "config",
            "haproxy::*",
            "init",
            "report",
            "service",
            "settings",
            "source",
            "store",
            "watch",
        ],
        "a HAProxy of gw's own, followed",
    ),
    (
        "doctor",
        &[
            "guard",
            "haproxy::*",
            "intent",
            "journal",
            "model",
            "observe",
            "plan",
            "report",
            "service",
            "settings",
            "source",
            "store",
            "telemetry",
        ],
        "what is wrong with a set-up, and how to mend it",
    ),
];

/// `lib.rs` names all modules, and `cli` and `main` may use them all.
const TOP: [&str; 3] = ["lib", "cli", "main"];

/// Crates of which the pure core names nothing.
const IO_CRATES: [&str; 8] =
    ["git2", "notify", "rand", "rustix", "tokio", "tracing", "indicatif", "anstream"];
/// Modules of `std` of which it names nothing; addresses are data.
const IO_MODULES: [&str; 6] = ["env", "fs", "io", "os", "process", "thread"];
/// What else it never names.
const IO_NAMES: [&str; 12] = [
    "Instant",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "async",
    "await",
    "eprintln",
    "print",
    "println",
    "dbg",
];

/// Longer files are two things.
const LINES_MAX: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with what was found: a file, and what about it is against the architecture.
fn settle(found: &[(String, String)]) {
    assert!(found.is_empty(), "against the architecture: {found:#?}");
}

#[test]
fn modules_use_only_what_lies_below() {
    let mut found = Vec::new();
    for file in files(&root().join("src")) {
        if TOP.contains(&file.module.as_str()) {
            continue;
        }
        let layer = PURE.iter().chain(EDGE).find(|(name, _, _)| *name == file.module);
        let Some((_, allowed, _)) = layer else {
            found.push((file.path.clone(), "uses nothing yet: give it a layer".to_owned()));
            continue;
        };
        let may = |used: &str| {
            used == file.module
                || allowed.contains(&used)
                || used.starts_with("haproxy") && allowed.contains(&"haproxy::*")
        };
        let bad: BTreeSet<String> = file.uses().into_iter().filter(|used| !may(used)).collect();
        found.extend(bad.into_iter().map(|used| (file.path.clone(), format!("uses {used}"))));
    }
    settle(&found);
}

#[test]
fn what_a_module_may_use_lies_below_it() {
    let order: Vec<&str> = PURE.iter().chain(EDGE).map(|(name, _, _)| *name).collect();
    for (at, (name, allowed, _)) in PURE.iter().chain(EDGE).enumerate() {
        for used in allowed.iter().filter(|used| !used.ends_with("::*")) {
            assert!(order[..at].contains(used), "{name} may use {used}, which is above it");
        }
    }
}

#[test]
fn the_core_is_pure() {
    let mut found = Vec::new();
    for file in files(&root().join("src")) {
        if !PURE.iter().any(|(name, _, _)| *name == file.module) {
            continue;
        }
        let named: BTreeSet<String> = file.paths().iter().filter_map(|path| io(path)).collect();
        found.extend(named.into_iter().map(|name| (file.path.clone(), format!("names {name}"))));
    }
    settle(&found);
}

/// What a path names that the pure core must not.
fn io(path: &[String]) -> Option<String> {
    let first = path.first()?.as_str();
    let second = path.get(1).map(String::as_str);
    let is_crate = second.is_some() && IO_CRATES.contains(&first);
    let is_module = first == "std" && second.is_some_and(|name| IO_MODULES.contains(&name));
    let name = path.iter().find(|name| IO_NAMES.contains(&name.as_str()));
    match name {
        _ if is_crate || is_module => Some(path.join("::")),
        Some(name) => Some(name.clone()),
        None => None,
    }
}

#[test]
fn files_are_short() {
    let found: Vec<(String, String)> = files(&root().join("src"))
        .into_iter()
        .filter(|file| file.lines > LINES_MAX)
        .map(|file| (file.path, format!("has more than {LINES_MAX} lines")))
        .collect();
    settle(&found);
}

#[test]
fn a_panic_states_the_invariant_that_it_is_about() {
    let mut found = Vec::new();
    for file in files(&root().join("src")) {
        for message in file.panics() {
            // "failed to …" is what an error says. An invariant is a sentence about what is.
            let states = message.split(' ').count() >= 3
                && !["failed", "could", "can't", "unable"]
                    .iter()
                    .any(|word| message.starts_with(word));
            if !states {
                found.push((file.path.clone(), format!("panics with {message:?}")));
            }
        }
    }
    settle(&found);
}

#[test]
fn every_file_of_the_suite_is_listed() {
    let folder = root().join("tests/suite");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let listed = name == "main" || main.contains(&format!("mod {name};"));
        assert!(listed, "{} is not in main.rs, so nothing of it runs", path.display());
    }
}
