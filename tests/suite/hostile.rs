//! Input that means harm. Every string of a manifest is replaced by hostile ones in turn, and files
//! are made that no person would write. gw refuses with a place, or HAProxy has exactly the objects
//! that were meant.

mod files;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use serde_json::Value;

use self::template::Template;
use crate::rig::{Rig, State};
use crate::support::run::Outcome;
use crate::support::versions::{Version, newest, oldest};

/// Ends lines, words, quotes and commands; expands; confuses; is too long. Tried both alone and
/// behind what the template says.
const ENDINGS: [&str; 12] = [
    "\nbackend evil",
    "\0b",
    "\tb",
    " b",
    ";disable server web/s1",
    "\\",
    "'",
    "\"",
    "#b",
    "${HOME}",
    "%[env(HOME)]",
    LONG,
];

/// Tried alone.
const WHOLE: [&str; 12] = [
    "",
    "\n",
    "a\r\nbackend evil",
    " a",
    "a; disable server web/s1",
    "a\\;b",
    "#a",
    "$(id)",
    "a<<EOF",
    "/../../../etc/passwd",
    "ünïcödé\u{85}backend evil\u{2028}backend evil",
    "a\u{1b}[31m\u{202e}b",
];

/// Allowed in paths, and special elsewhere.
const PATHS: [&str; 7] = ["/;x", "/a;disable%20server", "/'", "/$x", "/&", "/(", "/*"];

/// So many threads share the work.
const SHARES: usize = 2;

/// 300 characters.
const LONG: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
);

/// All strings to try in the place of `value`.
fn hostile_for(value: &str) -> BTreeSet<String> {
    let mut strings: BTreeSet<String> = ENDINGS.iter().map(|end| format!("{value}{end}")).collect();
    strings.extend(ENDINGS.iter().chain(&WHOLE).map(|text| (*text).to_owned()));
    if value.starts_with('/') {
        strings.extend(PATHS.map(str::to_owned));
    }
    strings
}

/// The names of all objects that a process has, and how many entries each map has.
fn objects(state: &State) -> BTreeMap<String, usize> {
    let mut objects = BTreeMap::new();
    for kind in ["backend ", "frontend ", "server ", "map ", "certificate "] {
        for line in state.of(kind) {
            let name = line.split(' ').next().unwrap_or_default();
            *objects.entry(format!("{kind}{name}")).or_default() += 1;
        }
    }
    objects
}

/// The keys of the routing maps.
fn keys(state: &State) -> BTreeSet<String> {
    let routing = state
        .of("map maps/")
        .filter(|line| !line.starts_with("gw.map") && !line.starts_with("revision.map"));
    let key = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    routing.filter_map(key).collect()
}

/// Panics unless gw ended well or with a refusal that names a place, in good order.
fn check_manners(outcome: &Outcome, told: &str) {
    let told = || format!("{told}: {}", outcome.transcript());
    assert!(matches!(outcome.code, Some(0 | 16)), "{}", told());
    assert!(!outcome.stderr.contains("panicked"), "{}", told());
    let raw = |c: char| c.is_control() && c != '\n';
    assert!(!outcome.stderr.contains(raw), "control characters reach the terminal: {}", told());
    if outcome.code == Some(16) {
        assert!(names_a_place(&outcome.stderr), "no file:line:column: {}", told());
    }
}

/// Whether a text names a place such as `all.yaml:12:5`.
fn names_a_place(text: &str) -> bool {
    text.match_indices(".yaml:").any(|(at, found)| {
        let mut parts = text[at + found.len()..].split(':');
        let is_number = |part: Option<&str>| {
            part.is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        };
        is_number(parts.next()) && is_number(parts.next())
    })
}

/// What was accepted: the place and the string.
type Accepted = Vec<(String, String)>;

/// Tries one string in one place. Whether it was accepted.
fn attempt(rig: &Rig, template: &Template, pointer: &str, text: &str, meant: &State) -> bool {
    let told = format!("HAProxy {}: {text:?} in {pointer}", rig.version);
    let before = rig.generation();
    rig.write(&template.with(pointer, text));
    let outcome = rig.apply();
    check_manners(&outcome, &told);
    if outcome.code == Some(16) {
        assert_eq!(rig.generation(), before, "{told}: refused, and yet a generation was written");
        return false;
    }
    let state = rig.state();
    assert_eq!(objects(&state), objects(meant), "{told}: {}", outcome.transcript());
    // A path is part of keys; with the template's in its place they are the template's.
    let original = template.at(pointer);
    let intended: BTreeSet<String> = if original.starts_with('/') {
        let (from, to) = (original.trim_end_matches('/'), text.trim_end_matches('/'));
        let key = |key: &String| match (key.contains(from), template::routes_by(pointer)) {
            (true, true) => key.replace(from, to),
            _ => key.clone(),
        };
        keys(meant).iter().map(key).collect()
    } else {
        keys(meant)
    };
    assert_eq!(keys(&state), intended, "{told}: {}", outcome.transcript());
    rig.assert_converged();
    true
}

/// A rig that serves the template, and its state.
fn serving(version: &Version, template: &Template) -> (Rig, State) {
    let rig = Rig::serving(version, &template.text());
    let state = rig.state();
    assert!(state.of("server web/").count() > 0, "{state}");
    (rig, state)
}

/// Tries all strings in all places that are `share` modulo [`SHARES`].
fn try_all(share: usize) -> (usize, Accepted, Template) {
    let template = Template::new();
    let (rig, meant) = serving(newest(), &template);
    let (mut tried, mut accepted) = (0, Accepted::new());
    for pointer in template.strings().into_iter().skip(share).step_by(SHARES) {
        for text in hostile_for(&template.at(&pointer)) {
            tried += 1;
            if attempt(&rig, &template, &pointer, &text, &meant) {
                accepted.push((pointer.clone(), text));
            }
        }
        // Whatever was refused touched nothing, and whatever was accepted is taken back.
        let _ = rig.must_apply(&template.text());
        assert_eq!(meant.diff(&rig.state(), "meant", "live"), "", "after {pointer}");
    }
    (tried, accepted, template)
}

#[test]
fn no_string_of_any_manifest_adds_an_object() {
    let mut places = BTreeSet::new();
    let (mut tried, mut passed) = (0, 0);
    let shares = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..SHARES).map(|share| scope.spawn(move || try_all(share))).collect();
        threads.into_iter().map(|thread| thread.join().expect("see above")).collect::<Vec<_>>()
    });
    for (some, accepted, template) in shares {
        // What passes the decoder must pass the oldest HAProxy as well, whose parsers are others.
        let (rig, meant) = serving(oldest(), &template);
        tried += some;
        passed += accepted.len();
        for (pointer, text) in accepted {
            attempt(&rig, &template, &pointer, &text, &meant);
            places.insert(pointer);
        }
    }
    println!("{tried} strings, {passed} of them accepted");
    // Else this test tests refusals only.
    assert!(places.iter().any(|place| place.ends_with("/path/value")), "{places:?}");
    assert!(places.iter().any(|place| place.contains("/annotations/")), "{places:?}");
}

#[test]
fn no_name_of_a_field_adds_an_object() {
    let template = Template::new();
    let (rig, meant) = serving(newest(), &template);
    for text in ENDINGS.iter().chain(&WHOLE) {
        for name in ["/0/metadata/labels", "/0/metadata/annotations", "/0/spec", "/3/spec"] {
            let told = format!("the field {text:?} in {name}");
            let mut documents = template.documents.clone();
            let object = documents.pointer_mut(name).and_then(Value::as_object_mut);
            object.expect("an object").insert((*text).to_owned(), "x".into());
            rig.write(&template::text(&documents));
            let outcome = rig.apply();
            check_manners(&outcome, &told);
            assert_eq!(outcome.code, Some(16), "{told}: {}", outcome.transcript());
        }
    }
    assert_eq!(meant.diff(&rig.state(), "meant", "live"), "");
}
