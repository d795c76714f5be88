//! The README's table of what takes a reload, computed from the planner.

mod rows;

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, sync::Arc};

use gw::{
    haproxy::{Capabilities, Version},
    model::SourceFile,
    plan::{Mechanism, Plan, limits},
};

use crate::{
    support::golden,
    world::{VERSIONS, Wanted, process::Process},
};

use self::rows::{ESTATE, ROWS};

const OPEN: &str = "<!-- table:runtime-or-reload -->";
const CLOSE: &str = "<!-- /table:runtime-or-reload -->";

#[test]
fn the_readme_says_what_the_planner_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).expect("there is a README.md");
    let place = readme.split_once(OPEN).and_then(|(head, rest)| {
        let (_, tail) = rest.split_once(CLOSE)?;
        Some((head, tail))
    });
    let (head, tail) = place.expect("README.md has the place for the table");
    golden::check(&path, &format!("{head}{OPEN}\n{}{CLOSE}{tail}", table()));
}

#[test]
fn what_a_version_takes_a_reload_for_and_newer_ones_do_not_is_known() {
    let newest = VERSIONS[VERSIONS.len() - 1];
    let before = wanted(ESTATE, "1");
    for version in VERSIONS {
        let told: BTreeSet<&str> =
            limits(&Capabilities::of(version)).iter().map(|limit| limit.change).collect();
        let rows = ROWS.iter().filter(|(what, edits)| {
            let after = wanted(&edited(ESTATE, edits), "2");
            let of = |version| mechanism(what, &before, &after, version);
            of(version) == "reload" && of(newest) == "runtime"
        });
        assert_eq!(told, rows.map(|(what, _)| *what).collect(), "HAProxy {version}");
    }
}

fn table() -> String {
    let mut text = String::from("| What changes |");
    for version in VERSIONS {
        write!(text, " {version} |").unwrap();
    }
    write!(text, "\n|---|{}", "---|".repeat(VERSIONS.len())).unwrap();
    let before = wanted(ESTATE, "1");
    for (what, edits) in ROWS {
        write!(text, "\n| {what} |").unwrap();
        let after = wanted(&edited(ESTATE, edits), "2");
        for version in VERSIONS {
            write!(text, " {} |", mechanism(what, &before, &after, version)).unwrap();
        }
    }
    text + "\n"
}

fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (old, new)| {
        if old.is_empty() {
            return text + new;
        }
        assert!(text.matches(old).count() == 1, "{old:?} is not once in the estate");
        text.replacen(old, new, 1)
    })
}

fn wanted(text: &str, revision: &'static str) -> Wanted {
    let file = SourceFile { path: "estate.yaml".into(), text: text.into() };
    let read = |request: &gw::model::FileRequest| -> Result<Arc<str>, String> {
        let content = match request.path.as_str() {
            "site.pem" => "b2xk",
            "renewed.pem" => "bmV3",
            _ => "b3RoZXI=",
        };
        Ok(format!(
            "-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n\
             -----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----\n"
        )
        .into())
    };
    let wanted = Wanted::new(&[file], revision, read);
    assert!(wanted.problems.is_empty(), "{:#?}", wanted.problems);
    wanted
}

/// How a change is made. The plan is carried out as well, so that the table holds no promise that
/// the planner does not keep.
fn mechanism(what: &str, before: &Wanted, after: &Wanted, version: Version) -> &'static str {
    let mut process = Process::started(before, version);
    let files = &before.rendered.files;
    let plan: Plan = after.plan(&process.live, version, files, true);
    let carried =
        plan.steps.iter().all(|step| (step.mechanism == Mechanism::Reload) == plan.reload);
    assert!(carried, "{what} on {version} is half a reload: {:#?}", plan.steps);
    let is_change = plan.steps.iter().any(|step| step.object != gw::plan::Object::Files);
    assert!(is_change, "{what} changes nothing on {version}");
    process.carry_out(&plan, after);
    let again = after.plan(&process.live, version, &after.rendered.files, false);
    assert!(again.is_empty(), "{what} on {version} leaves {:#?}", again.steps);
    if plan.reload { "reload" } else { "runtime" }
}
