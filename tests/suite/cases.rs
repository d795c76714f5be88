//! Stories: for each directory of `tests/cases`, what gw makes of its manifests.
//!
//! `manifests/` is what is wanted. `before/` is what the process was started on, none of gw's where
//! it is missing. `hands.txt` holds commands that somebody typed since. Compared are `problems.txt`,
//! `config.txt` (the files, or their difference to those of before) and `plan.txt`, by version;
//! `UPDATE_GOLDEN=1` writes them. What the story shows stands in its first manifest's comment.
//!
//! No HAProxy runs here: the process is a model ([`world::process`]). Each plan is carried out on
//! that, and a second one must find nothing to do.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use gw::{
    haproxy::Version,
    model::{FileRequest, Problems, Server, Severity, SourceFile},
};

use crate::{
    support::golden,
    world::{VERSIONS, Wanted, process::Process, words},
};

#[test]
fn every_story_goes_as_told() {
    let stories = sorted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"));
    assert!(!stories.is_empty(), "tests/cases holds no story");
    // Each one is told, whatever became of the others.
    let told = |story: &PathBuf| std::panic::catch_unwind(|| Story::read(story).check()).is_ok();
    let failed: Vec<&PathBuf> = stories.iter().filter(|story| !told(story)).collect();
    assert!(failed.is_empty(), "these went otherwise: {failed:#?}");
}

/// The entries of a folder, by name.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

struct Story {
    folder: PathBuf,
    before: Option<Wanted>,
    hands: Vec<String>,
    wanted: Wanted,
}

impl Story {
    fn read(folder: &Path) -> Self {
        let before = folder.join("before");
        let hands = fs::read_to_string(folder.join("hands.txt")).unwrap_or_default();
        let hands = hands.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            before: before.is_dir().then(|| wanted(&before, "1")),
            hands: hands.map(str::to_owned).collect(),
            wanted: wanted(&folder.join("manifests"), "2"),
            folder: folder.to_owned(),
        }
    }

    fn check(&self) {
        let golden = |name: &str, text: &str| {
            let path = self.folder.join(name);
            golden::check(&path, text);
            assert!(!text.is_empty() || !path.exists(), "{} is empty: remove it", path.display());
        };
        if let Some(before) = &self.before {
            let problems = problems(&before.problems);
            assert!(before.problems.worst() < Some(Severity::Warning), "{problems}");
        }
        golden("problems.txt", &problems(&self.wanted.problems));
        let refused = self.wanted.problems.worst() == Some(Severity::Error);
        golden("config.txt", &if refused { String::new() } else { self.config() });
        golden("plan.txt", &if refused { String::new() } else { self.plans() });
    }

    /// The files that HAProxy would load, or how they differ from those of before.
    fn config(&self) -> String {
        let new = text_of(&self.wanted);
        match &self.before {
            None => new,
            Some(before) => similar::TextDiff::from_lines(text_of(before), new)
                .unified_diff()
                .context_radius(2)
                .header("before", "wanted")
                .to_string(),
        }
    }

    /// The plans of all versions, equal ones once.
    fn plans(&self) -> String {
        let mut plans: Vec<(String, String)> = Vec::new();
        for version in VERSIONS {
            let plan = self.plan(version);
            match plans.iter_mut().find(|(_, known)| *known == plan) {
                Some((versions, _)) => write!(versions, " {version}").unwrap(),
                None => plans.push((version.to_string(), plan)),
            }
        }
        let sections: Vec<String> =
            plans.iter().map(|(versions, plan)| format!("=== {versions}\n{plan}")).collect();
        sections.join("\n")
    }

    fn plan(&self, version: Version) -> String {
        let mut process = match &self.before {
            None => Process::foreign(version),
            Some(before) => Process::started(before, version),
        };
        self.hands.iter().for_each(|command| process.obey(command));
        let hands_only = process.live.clone();
        let nothing = BTreeMap::new();
        let loaded = self.before.as_ref().map_or(&nothing, |before| &before.rendered.files);
        let files = &self.wanted.rendered.files;
        let plan = self.wanted.plan(&process.live, version, loaded, loaded != files);
        let text = words::plan(&plan);
        process.carry_out(&plan, &self.wanted);
        let again = self.wanted.plan(&process.live, version, files, false);
        let story = self.folder.display();
        assert!(again.is_empty(), "{story} on {version} ends with\n{}", words::plan(&again));
        assert_eq!(again.held, plan.held, "{story} on {version}: what operators hold");
        if let Some(before) = &self.before {
            // A field that the manifest does not name is still the operator's.
            for held in before.plan(&hands_only, version, loaded, false).held {
                let server = self
                    .wanted
                    .desired
                    .backends
                    .get(&held.backend)
                    .and_then(|backend| backend.servers.get(&held.server));
                let named = |server: &Server| server.names_weight() || server.state.is_some();
                let lost =
                    server.is_some_and(|server| !named(server)) && !again.held.contains(&held);
                assert!(!lost, "{story} on {version} forgets {held:?}");
            }
        }
        // Which version it is tells the heading.
        text.replace(&format!("HAProxy {version} "), "This HAProxy ")
    }
}

fn wanted(folder: &Path, revision: &'static str) -> Wanted {
    let mut files = Vec::new();
    for path in sorted(folder).into_iter().filter(|path| path.extension() == Some("yaml".as_ref()))
    {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        files.push(SourceFile { path: name.as_ref().into(), text: text.into() });
    }
    let told = files.first().is_some_and(|file| file.text.starts_with("# "));
    assert!(told, "{}: the first manifest begins with a comment", folder.display());
    let read = |request: &FileRequest| {
        let text = fs::read_to_string(folder.join(request.path.as_str()));
        text.map(Arc::from).map_err(|error| error.kind().to_string())
    };
    Wanted::new(&files, revision, read)
}

fn problems(problems: &Problems) -> String {
    let mut text = String::new();
    for problem in problems {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(text, "{}: {severity}: {}", problem.at, problem.message).unwrap();
        if let Some(hint) = &problem.hint {
            writeln!(text, "    hint: {hint}").unwrap();
        }
    }
    text
}

/// All files of a generation in one text; of private ones only that they are there.
fn text_of(wanted: &Wanted) -> String {
    let mut text = String::new();
    for (path, content) in &wanted.rendered.files {
        writeln!(text, "--- {path}").unwrap();
        if content.contains("-----BEGIN ") {
            let digest = gw::model::Digest::of(content.as_bytes()).short();
            writeln!(text, "PEM {digest}").unwrap();
        } else {
            text.push_str(content);
        }
    }
    text
}
