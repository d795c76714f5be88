//! What is remembered must not show: a builder that saw many states says what a new one says.

use std::fs;

use tempfile::TempDir;

use super::*;

fn builder(folder: &Path) -> Builder {
    let source = Source::Paths(vec![folder.to_owned()]);
    Builder::new(&source, Path::new("/state"), Path::new("/state/servers.state"))
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
