//! The folder `examples`: manifests and settings are valid, and what starts gw starts a gw that there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{assert_known, gw, known_options, root, said};
use crate::support::run;

fn read(name: &str) -> String {
    fs::read_to_string(root().join("examples").join(name)).expect("there is such an example")
}

/// A copy of an example, where scripts may write.
fn example(name: &str, into: &Path) -> PathBuf {
    let target = into.join(name);
    fs::create_dir(&target).unwrap();
    for entry in fs::read_dir(root().join("examples").join(name)).unwrap().flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
    }
    target
}

#[test]
fn manifests_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let gw = gw(folder.path());
    let estate = example("estate", folder.path());
    let script = Command::new("sh").arg(estate.join("make-certificates.sh")).output().unwrap();
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    example("quickstart", folder.path());
    for name in ["quickstart", "estate"] {
        let outcome = gw.run(&["validate", "--deny-warnings", name]).ok();
        assert_eq!(outcome.stderr, "", "{name}");
    }
}

/// The keys that the schema knows, each with those above it: `source.auth.username`.
fn keys(schema: &Value, part: &Value, above: &str, into: &mut BTreeSet<String>) {
    let inner = part["anyOf"].as_array().into_iter().flatten().chain([&part["items"]]);
    let inner = inner.filter(|part| part.is_object());
    inner.for_each(|part| keys(schema, part, above, into));
    if let Some(name) = part["$ref"].as_str() {
        let definition = name.strip_prefix("#/$defs/").expect("a reference of schemars");
        keys(schema, &schema["$defs"][definition], above, into);
    }
    for (key, part) in part["properties"].as_object().into_iter().flatten() {
        let path = format!("{above}{key}");
        keys(schema, part, &format!("{path}."), into);
        into.insert(path);
    }
}

/// A key of the example.
struct Key {
    path: String,
    /// Where only one of several can be written, the others are there as comments.
    is_comment: bool,
    /// Whether a comment stands before it, for it alone or for it and the one before.
    is_explained: bool,
}

/// The keys of the example, found by their indentation.
fn written(text: &str) -> Vec<Key> {
    let mut found: Vec<Key> = Vec::new();
    let mut sections: Vec<(usize, &str)> = Vec::new();
    let mut is_explained = false;
    for line in text.lines() {
        let stripped = line.trim_start().trim_start_matches("# ").trim_start_matches("- ");
        let indent = line.len() - line.trim_start().len()
            + if line.trim_start().starts_with("- ") { 2 } else { 0 };
        let is_comment = line.trim_start().starts_with('#');
        // Prose has blanks before its colons or begins a sentence, and a comment at the margin is prose.
        let is_key = |key: &&str| !key.contains(' ') && key.starts_with(|c: char| c.is_lowercase());
        let key = stripped.split_once(':').map(|(key, _)| key).filter(is_key);
        let key = key.filter(|_| !is_comment || indent > 0);
        match key {
            Some(key) => {
                sections.retain(|(column, _)| *column < indent);
                let path: Vec<&str> = sections.iter().map(|(_, key)| *key).chain([key]).collect();
                found.push(Key { path: path.join("."), is_comment, is_explained });
                if !is_comment {
                    sections.push((indent, key));
                }
            }
            None => is_explained = is_comment,
        }
    }
    found
}

#[test]
fn the_settings_have_every_key_with_its_explanation() {
    let text = read("gw.yaml");
    let schema: Value = serde_json::from_str(&said(&["schema", "settings"])).unwrap();
    let mut known = BTreeSet::new();
    keys(&schema, &schema, "", &mut known);
    let keys = written(&text);
    let shown: BTreeSet<String> = keys.iter().map(|key| key.path.clone()).collect();
    assert_eq!(shown, known);
    let silent: Vec<&str> =
        keys.iter().filter(|key| !key.is_explained).map(|key| key.path.as_str()).collect();
    assert_eq!(silent, Vec::<&str>::new(), "no comment explains these");
    let twice = keys.iter().filter(|key| !key.is_comment).map(|key| &key.path);
    assert_eq!(twice.clone().count(), twice.collect::<BTreeSet<_>>().len());
}

#[test]
fn the_settings_are_valid() {
    let schema: Value = serde_json::from_str(&said(&["schema", "settings"])).unwrap();
    assert_eq!(schema.get("required"), None, "each setting can be left out");
    let folder = tempfile::tempdir().unwrap();
    example("quickstart", folder.path());
    for name in ["gw.yaml", "container/gw.yaml"] {
        let document: Value = serde_yaml::from_str(&read(name)).unwrap();
        let bad: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(bad, Vec::<String>::new(), "{name}");
        let path = root().join("examples").join(name);
        let config = path.to_str().unwrap();
        let _ = gw(folder.path()).run(&["validate", "quickstart", "--config", config]).ok();
    }
}

/// Panics unless there is such a command of gw; `words` are those after `gw`.
fn assert_starts(words: &str) {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    assert_known(&known_options(), &words);
}

#[test]
fn units_of_systemd_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["gw.service", "gw-apply.service", "gw-apply.timer"];
    for name in names {
        let text = read(&format!("systemd/{name}"));
        let program = "ExecStart=/usr/local/bin/gw ";
        let starts: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix(program)).collect();
        assert_eq!(starts.len(), usize::from(name.ends_with(".service")), "{name}");
        starts.into_iter().for_each(assert_starts);
        // systemd wants the program to be there.
        let text = text.replace("/usr/local/bin/gw", run::binary().to_str().unwrap());
        fs::write(folder.path().join(name), text).unwrap();
    }
    let checked = Command::new("systemd-analyze")
        .arg("verify")
        .args(names.map(|name| folder.path().join(name)))
        .output()
        .expect("systemd-analyze is there: tests/setup.sh test");
    // It tells of a key that it does not know, and ends with 0.
    assert_eq!(String::from_utf8_lossy(&checked.stderr), "");
    assert!(checked.status.success());
}

/// A list in the way of JSON or YAML, as one line.
fn list(text: &str) -> String {
    text.trim_matches(['[', ']']).replace(['"', ','], " ")
}

#[test]
fn containers_start_a_gw_that_there_is() {
    let file = read("container/Containerfile");
    let command = file.lines().find_map(|line| line.strip_prefix("CMD ")).expect("a command");
    assert_starts(&list(command));
    assert!(file.contains("ENTRYPOINT [\"/usr/local/bin/gw\"]"), "{file}");
    for line in file.lines().filter(|line| line.starts_with("COPY examples/")) {
        let from = line.split(' ').nth(1).unwrap();
        assert!(root().join(from).is_file(), "{from} is not there");
    }
    let compose: Value = serde_yaml::from_str(&read("container/compose.yaml")).unwrap();
    let gw = &compose["services"]["gw"];
    assert_starts(&list(&gw["command"].to_string()));
    let check = list(&gw["healthcheck"]["test"].to_string());
    assert_starts(check.trim().strip_prefix("CMD   gw ").expect("it calls gw"));
    let script = compose["services"]["haproxy"]["command"].to_string();
    let init = script.split(">/dev/null").next().unwrap();
    assert_starts(init.split_once("gw ").expect("it calls gw").1);
}
