//! What README.md and the examples say is so.

mod examples;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

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

/// The options of each command.
fn known_options() -> BTreeMap<String, BTreeSet<String>> {
    let names = subcommands().into_iter().filter(|name| name != "help");
    names.map(|name| (name.clone(), options(&said(&[&name, "--help"])))).collect()
}

/// Panics unless gw has this command with these options.
fn assert_known(known: &BTreeMap<String, BTreeSet<String>>, words: &[String]) {
    let (name, rest) = words.split_first().expect("a command has a name");
    let options = known.get(name).unwrap_or_else(|| panic!("there is no `gw {name}`"));
    for option in rest.iter().filter(|word| word.starts_with('-')) {
        assert!(options.contains(option), "`gw {name}` has no {option}");
    }
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
    let known = known_options();
    for words in commands(&readme).into_iter().filter(|words| words[0] != "help") {
        assert_known(&known, &words);
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
