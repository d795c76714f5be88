//! What README.md and the examples say is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gw::manifest;
use gw::model::{Severity, SourceFile};

use crate::support::run::Gw;

/// The variable that is no option.
const LOG: &str = "GW_LOG";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("there is a README.md")
}

fn gw(folder: &Path) -> Gw {
    let config = folder.join("empty.yaml");
    fs::write(&config, "").unwrap();
    Gw::new(folder).env("GW_CONFIG", config).env("GW_SOCKET", folder.join("no.sock"))
}

/// What `gw ARGUMENTS` prints.
fn said(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    gw(folder.path()).run(arguments).ok().stdout
}

/// The blocks between fences of one language; all of them where that is `None`.
fn blocks(text: &str, language: Option<&str>) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        open = match (line.strip_prefix("```"), open) {
            (Some(is), None) => Some((language.is_none_or(|one| one == is), String::new())),
            (Some(_), Some((is_wanted, block))) => {
                blocks.extend(is_wanted.then_some(block));
                None
            }
            (None, Some((is_wanted, block))) => Some((is_wanted, block + line + "\n")),
            (None, None) => None,
        };
    }
    assert!(open.is_none(), "README.md has a block without an end");
    blocks
}

/// All that stands in backquotes, outside of blocks.
fn inline_code(text: &str) -> Vec<String> {
    let mut is_block = false;
    let prose: String = text
        .lines()
        .filter(|line| {
            let is_fence = line.starts_with("```");
            is_block ^= is_fence;
            !is_block && !is_fence
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The commands of gw that the README shows: their words after `gw`.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = blocks(text, Some("sh"))
        .into_iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines
        .chain(inline_code(text))
        .filter_map(|line| {
            let line = line.strip_prefix("sudo ").unwrap_or(&line);
            let words = line.strip_prefix("gw ")?.split_whitespace();
            let end = |word: &&str| *word == "#" || word.starts_with(['>', '|']);
            Some(words.take_while(|word| !end(word)).map(str::to_owned).collect())
        })
        .collect()
}

/// The long and short options that a help text explains.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    lines
        .flat_map(|line| line.split([' ', ',', '[', '=']))
        .filter(|word| word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

fn subcommands() -> Vec<String> {
    let help = said(&["--help"]);
    let part = help.split_once("Commands:\n").expect("it lists commands").1;
    let lines = part.lines().take_while(|line| line.starts_with("  "));
    // What is indented more goes on with the line before.
    let lines = lines.filter(|line| !line.starts_with("   "));
    lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// The rows of the table below a heading, without its head; backquotes and blanks taken away.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, part) = text.split_once(heading).unwrap_or_else(|| panic!("there is no {heading:?}"));
    let rows = part.lines().skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let help = said(&["--help"]);
    let (_, part) = help.split_once("Exit codes:\n").expect("the help lists exit codes");
    let told: Vec<String> = part
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.trim().replacen("  ", ": ", 1))
        .collect();
    let rows = table(&readme(), "### Exit codes");
    let written: Vec<String> = rows.iter().map(|row| format!("{}: {}", row[0], row[1])).collect();
    assert_eq!(written, told);
}

#[test]
fn every_option_exists() {
    let readme = readme();
    let known: BTreeMap<String, BTreeSet<String>> = subcommands()
        .into_iter()
        .filter(|name| name != "help")
        .map(|name| (name.clone(), options(&said(&[&name, "--help"]))))
        .collect();
    for words in commands(&readme) {
        let (name, rest) = words.split_first().expect("a command has a name");
        if name == "help" {
            continue;
        }
        let options = known.get(name).unwrap_or_else(|| panic!("there is no `gw {name}`"));
        for option in rest.iter().filter(|word| word.starts_with('-')) {
            assert!(options.contains(option), "`gw {name}` has no {option}");
        }
    }
    let all: BTreeSet<&String> = known.values().flatten().collect();
    let named: BTreeSet<String> =
        inline_code(&readme).into_iter().filter(|code| code.starts_with("--")).collect();
    for option in &named {
        let name = option.split([' ', '=']).next().unwrap().to_owned();
        assert!(all.contains(&name), "no command of gw has {name}");
    }
    // The options by which HAProxy is found are all told of.
    let plan = said(&["plan", "--help"]);
    let (_, haproxy) = plan.split_once("HAProxy:\n").expect("a part of the help");
    let settings = options(haproxy.split_once("Examples:").map_or(haproxy, |(part, _)| part));
    for option in settings {
        assert!(named.contains(&option), "README.md does not explain {option}");
    }
}

#[test]
fn every_variable_exists() {
    let help = said(&["plan", "--help"]) + &said(&["watch", "--help"]);
    let is_part = |c: char| !(c.is_ascii_uppercase() || c == '_');
    for name in readme().split(is_part).filter(|word| word.starts_with("GW_")) {
        let known = help.contains(&format!("[env: {name}]")) || name == LOG;
        assert!(known, "gw knows no variable {name}");
    }
}

#[test]
fn every_manifest_can_be_read() {
    let manifests: Vec<String> = blocks(&readme(), Some("yaml"))
        .into_iter()
        .filter(|block| block.starts_with("apiVersion:"))
        .collect();
    assert!(manifests.len() >= 5, "an example of each kind");
    for text in manifests {
        let file = SourceFile { path: "README.md".into(), text: text.clone().into() };
        let parsed = manifest::parse(&file);
        let bad = parsed.problems.iter().find(|problem| problem.severity > Severity::Note);
        assert!(bad.is_none(), "{bad:#?} in\n{text}");
        assert_eq!(parsed.documents.len(), 1, "{text}");
    }
}

#[test]
fn every_message_is_one_of_gws() {
    let mut source = String::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => source.push_str(&fs::read_to_string(path).unwrap()),
            }
        }
    }
    // Long texts are broken in the source.
    let source: Vec<&str> = source.split("\\\n").map(str::trim_start).collect();
    let source = source.concat();
    for row in table(&readme(), "### Troubleshooting") {
        for message in inline_code(&row[0]) {
            assert!(source.contains(&message), "no message of gw says {message:?}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let text = readme();
    for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        let is_elsewhere = target.starts_with("https://");
        assert!(is_elsewhere || root().join(target).exists(), "{target} does not exist");
    }
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
fn the_examples_are_valid() {
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

/// The key in a line of a section, perhaps one that is commented out.
fn nested_key(line: &str) -> Option<&str> {
    Some(line.trim_start_matches([' ', '#', '-']).split_once(':')?.0)
}

#[test]
fn the_example_of_settings_has_every_key() {
    let folder = tempfile::tempdir().unwrap();
    example("quickstart", folder.path());
    let path = root().join("examples/gw.yaml");
    let gw = gw(folder.path());
    let config = path.to_str().unwrap();
    let _ = gw.run(&["validate", "quickstart", "--config", config]).ok();
    // The message about an unknown key lists them all.
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, "qqq: 1\n").unwrap();
    let arguments = ["validate", "quickstart", "--config", wrong.to_str().unwrap()];
    let told = gw.run(&arguments).expect(1).stderr;
    let (_, keys) = told.split_once("the settings are ").expect("it lists the keys");
    let known: BTreeSet<&str> = keys.lines().next().unwrap().split(", ").collect();
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(['#', ' ']));
    let written: BTreeSet<&str> = lines.filter_map(|line| Some(line.split_once(':')?.0)).collect();
    assert_eq!(written, known);
    // The same for what has keys of its own.
    let schema: serde_json::Value = serde_json::from_str(&said(&["schema", "settings"])).unwrap();
    for part in [&schema, &schema["$defs"]["Guards"]] {
        assert_eq!(part.get("required"), None, "each of these settings can be left out");
    }
    let parts = schema["$defs"].as_object().unwrap().values();
    let known: BTreeSet<&str> = parts
        .filter_map(|part| part["properties"].as_object())
        .flat_map(|part| part.keys().map(String::as_str))
        .collect();
    // Some are there as comments, where only one of several can be written.
    let nested = text.lines().filter(|line| line.starts_with(' '));
    let explained: BTreeSet<&str> = nested.clone().filter_map(nested_key).collect();
    assert_eq!(known.difference(&explained).collect::<Vec<_>>(), Vec::<&&str>::new());
    let written: BTreeSet<&str> =
        nested.filter(|line| !line.trim_start().starts_with('#')).filter_map(nested_key).collect();
    assert_eq!(written.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
}
