//! What is remembered must not show: a builder that saw many states says what a new one says.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;

fn builder(folder: &Path) -> Builder {
    let source = Source::Paths(vec![folder.to_owned()]);
    Builder::new(&source, &state(folder), Path::new("/state/servers.state"))
}

/// A state directory that is no part of the manifests.
fn state(folder: &Path) -> PathBuf {
    let state = folder.join(".gw");
    fs::create_dir_all(&state).unwrap();
    state
}

fn backend(name: &str, port: u16) -> String {
    format!(
        "apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: {name}}}\n\
         spec: {{servers: [{{name: a, address: 10.0.0.1, port: {port}}}]}}\n---\n"
    )
}

fn route(name: &str, backend: &str) -> String {
    format!(
        "apiVersion: gw/v1\nkind: Route\nmetadata: {{name: {name}}}\n\
         spec: {{hosts: [{name}.example], backend: {backend}}}\n---\n"
    )
}

#[test]
fn a_builder_that_remembers_says_what_a_new_one_says() {
    let dir = TempDir::new().unwrap();
    let mut old = builder(dir.path());
    let both = backend("one", 80) + &route("one", "one");
    // File by file, what each step writes; nothing means that the file is removed.
    for step in [
        vec![("a.yaml", both.clone()), ("b.yaml", backend("two", 80) + &route("two", "two"))],
        vec![("a.yaml", backend("one", 81) + &route("one", "one"))],
        vec![("a.yaml", route("one", "one") + &backend("one", 81))],
        vec![("c.yaml", backend("one", 82)), ("d.yaml", route("two", "one"))],
        vec![("a.yaml", String::new())],
        vec![("b.yaml", "kind: nonsense".to_owned())],
        vec![("b.yaml", route("two", "two")), ("d.yaml", String::new())],
        vec![("a.yaml", both), ("b.yaml", String::new()), ("c.yaml", String::new())],
    ] {
        for (file, text) in &step {
            let path = dir.path().join(file);
            if text.is_empty() {
                fs::remove_file(path).unwrap();
            } else {
                fs::write(path, text).unwrap();
            }
        }
        let remembering = old.build(Look::Everything).unwrap();
        let fresh = builder(dir.path()).build(Look::Everything).unwrap();
        assert_eq!(remembering.problems, fresh.problems, "{step:?}");
        assert_eq!(remembering.rendered, fresh.rendered, "{step:?}");
    }
}

#[test]
fn what_does_not_change_stays_the_same_allocation() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("a.yaml");
    let text = backend("one", 80) + &backend("two", 80) + &route("one", "one");
    fs::write(&file, &text).unwrap();
    let mut builder = builder(dir.path());
    let before = builder.build(Look::Everything).unwrap().desired;
    fs::write(&file, text.replacen("port: 80", "port: 81", 1)).unwrap();
    let after = builder.build(Look::Paths(&[file])).unwrap().desired;
    assert!(Arc::ptr_eq(&before.routing, &after.routing));
    assert!(Arc::ptr_eq(&before.backends["two"], &after.backends["two"]));
    assert!(!Arc::ptr_eq(&before.backends["one"], &after.backends["one"]));
    assert!(Arc::ptr_eq(&before.backends["one"].profile, &after.backends["two"].profile));
}

/// The ports of the servers of each backend that is wanted.
fn ports(intent: &Intent) -> Vec<String> {
    let backends = intent.desired.backends.iter();
    backends
        .flat_map(|(name, backend)| {
            backend.servers.values().map(move |server| format!("{name}:{}", server.port))
        })
        .collect()
}

#[test]
fn what_is_wrong_stays_what_it_was_and_the_rest_goes_on() {
    let dir = TempDir::new().unwrap();
    let write = |file: &str, text: String| fs::write(dir.path().join(file), text).unwrap();
    let mut builder = builder(dir.path());
    builder.keep_objects(None);
    let bad = |name: &str| backend(name, 80).replace("servers", "servrs");
    let mut look = || builder.build(Look::Everything).unwrap();

    // Nothing is known that could stand in.
    write("a.yaml", bad("one") + &backend("two", 80));
    assert!(!look().is_valid());

    write("a.yaml", backend("one", 80) + &backend("two", 80) + &backend("three", 80));
    write("b.yaml", backend("four", 80));
    assert_eq!(ports(&look()), ["four:80", "one:80", "three:80", "two:80"]);

    // In the middle of a file, whatever else in it changes; objects that are gone are gone.
    write("a.yaml", backend("two", 81) + &bad("one"));
    write("b.yaml", backend("four", 81));
    let intent = look();
    assert!(intent.is_valid() && intent.revision.ends_with("-partial"));
    assert!(intent.problems.count(Severity::Error) > 0);
    // The name of what could not be read is not known: all that is missing may be it.
    assert_eq!(ports(&intent), ["four:81", "one:80", "three:80", "two:81"]);

    // What was kept is known for longer than one time.
    write("a.yaml", backend("two", 82) + &bad("one"));
    assert_eq!(ports(&look()), ["four:81", "one:80", "three:80", "two:82"]);

    // A file that makes no sense at all keeps all that it had; what moved elsewhere is not kept twice.
    write("a.yaml", "{".to_owned());
    write("b.yaml", backend("four", 83) + &backend("two", 83));
    assert_eq!(ports(&look()), ["four:83", "one:80", "three:80", "two:83"]);

    // What is wrong only beside the others: the same name twice.
    write("a.yaml", backend("one", 84) + &backend("one", 85));
    let intent = look();
    assert!(intent.is_valid() && intent.problems.count(Severity::Error) > 0);
    assert!(ports(&intent).contains(&"four:83".to_owned()), "{:?}", ports(&intent));

    // A new object that is wrong is left out.
    write("a.yaml", backend("one", 86) + &bad("five"));
    write("b.yaml", backend("four", 86));
    let intent = look();
    assert!(intent.kept.is_some());
    assert!(!ports(&intent).iter().any(|port| port.starts_with("five")));

    // Moved to another file and broken at once.
    fs::remove_file(dir.path().join("b.yaml")).unwrap();
    write("c.yaml", bad("four"));
    assert!(ports(&look()).contains(&"four:86".to_owned()));
    fs::remove_file(dir.path().join("c.yaml")).unwrap();
    write("b.yaml", backend("four", 86));

    // Once all is right, nothing is left of it.
    write("a.yaml", backend("one", 87));
    let intent = look();
    assert_eq!((ports(&intent), &intent.kept), (vec!["four:86".into(), "one:87".into()], &None));
    let fresh = self::builder(dir.path()).build(Look::Everything).unwrap();
    assert_eq!(intent.rendered, fresh.rendered);
}

#[test]
fn what_was_good_is_known_to_a_gw_that_is_started_anew() {
    let dir = TempDir::new().unwrap();
    let write = |file: &str, text: String| fs::write(dir.path().join(file), text).unwrap();
    let bad = |name: &str| backend(name, 80).replace("servers", "servrs");
    let started = || {
        let mut builder = builder(dir.path());
        builder.keep_objects(None);
        builder
    };
    let kept = state(dir.path()).join("good.json");
    let mut gw = started();
    write("a.yaml", backend("one", 80) + &backend("two", 80));
    write("b.yaml", backend("three", 80));
    assert!(gw.build(Look::Everything).unwrap().is_valid());
    assert!(!kept.exists(), "nothing is wrong");
    write("a.yaml", backend("one", 81) + &bad("two"));
    let _ = gw.build(Look::Everything).unwrap();
    write("a.yaml", backend("one", 82) + &bad("two"));
    let before = gw.build(Look::Everything).unwrap();
    assert_eq!(ports(&before), ["one:82", "three:80", "two:80"]);

    let after = started().build(Look::Everything).unwrap();
    assert_eq!(after.rendered, before.rendered);
    // What becomes wrong later stays what it was last, too.
    write("a.yaml", bad("one") + &bad("two"));
    let mut gw = started();
    assert_eq!(ports(&gw.build(Look::Everything).unwrap()), ["one:82", "three:80", "two:80"]);

    // Another source has nothing to do with it.
    let elsewhere = Source::Paths(vec![dir.path().join("b.yaml"), dir.path().join("a.yaml")]);
    let mut other = Builder::new(&elsewhere, &state(dir.path()), Path::new("/s"));
    other.keep_objects(None);
    assert!(!other.build(Look::Everything).unwrap().is_valid());

    write("a.yaml", backend("one", 83));
    assert_eq!(ports(&gw.build(Look::Everything).unwrap()), ["one:83", "three:80"]);
    assert!(!kept.exists(), "nothing is wrong any more");
    fs::write(&kept, "{").unwrap();
    write("a.yaml", bad("one"));
    assert!(!started().build(Look::Everything).unwrap().is_valid(), "it can't be read");
}
