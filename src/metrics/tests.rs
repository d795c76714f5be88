use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use crate::{
    guard::Guard,
    plan::Loading,
    report::{SourceAnswer, pass::Phases, samples},
};

use super::*;

fn pass(plan: Plan, report: Report) -> PassRecord {
    PassRecord {
        is_running: Some(true),
        result: PassResult::of(&plan, &report),
        phases: Phases { apply: Duration::from_secs(1), ..Phases::default() },
        plan: Some(plan),
        report: Some(report),
        ..PassRecord::default()
    }
}

fn failed(obstacle: Option<Obstacle>) -> PassRecord {
    let result = PassResult::Failed("m".to_owned());
    PassRecord { result, obstacle, ..PassRecord::default() }
}

/// All metrics, those of a repository included, after some passes.
fn all() -> String {
    let mut metrics = Metrics::default();
    let mut board = Board::new(Moment::default(), true);
    let took = Duration::from_secs(1);
    let fetch = |answer| WatchEvent::SourceFetched(SourceFetch { took, answer });
    let done = |plan: &Plan| vec![Outcome::Done; plan.steps.len()];
    let runtime = samples::runtime_plan();
    let outcomes = done(&runtime);
    let report = Report { outcomes, commands_sent: 4, ..Report::nothing(None) };
    let by_commands = pass(runtime, report);
    let reload = samples::reload_plan();
    let outcomes = done(&reload);
    let loading = Loading::Reloaded { pid: 7 };
    let report =
        Report { outcomes, reloads: 1, reloads_tried: 1, loading, ..Report::nothing(None) };
    let by_reload = pass(reload, report);
    let in_part = pass(samples::runtime_plan(), samples::mixed_report());
    let nothing = pass(Plan::default(), Report::nothing(None));
    let refused =
        PassRecord { refusals: vec![Guard::MassDelete, Guard::EmptyBackend], ..failed(None) };
    for event in [
        fetch(SourceAnswer::Nothing("m")),
        fetch(SourceAnswer::Rewritten("m")),
        fetch(SourceAnswer::Unverified("m")),
        fetch(SourceAnswer::Revision { name: "a", is_verified: true }),
        WatchEvent::PassEnded(&by_commands),
        WatchEvent::PassEnded(&by_reload),
        WatchEvent::PassEnded(&in_part),
        WatchEvent::PassEnded(&nothing),
        WatchEvent::PassEnded(&refused),
        WatchEvent::PassEnded(&failed(Some(Obstacle::Socket))),
        WatchEvent::PassEnded(&failed(Some(Obstacle::Lock))),
        WatchEvent::RolledBack { revision: None, message: "m", is_good: true },
    ] {
        metrics.count(&event);
        board.fold(&event, Moment::default());
    }
    let now = Moment { up: Duration::from_secs(5), ..board.started };
    metrics.text(&board, now, &Sight { old_workers: Some(2), ..Sight::default() }, true)
}

#[test]
fn readme_lists_every_metric() {
    let text = all();
    let mut types = BTreeMap::new();
    let mut told = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "TYPE", name, kind] => drop(types.insert((*name).to_owned(), *kind)),
            ["#", "HELP", name, help] => drop(told.insert((*name).to_owned(), *help)),
            _ => {}
        }
    }
    let suffix = |kind| match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    let mut made: Vec<String> = told
        .iter()
        .map(|(name, help)| {
            format!("| `{name}{}` | {} |", suffix(types[name]), help.trim_end_matches('.'))
        })
        .collect();
    made.sort();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, part) = readme.split_once("<!-- table:metrics -->").unwrap();
    let (part, _) = part.split_once("<!-- /table:metrics -->").unwrap();
    let mut written: Vec<String> =
        part.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    written.sort();
    assert_eq!(written, made, "\n{}\n", made.join("\n"));
}

/// The samples after one pass.
fn after(pass: &PassRecord) -> String {
    let mut metrics = Metrics::default();
    metrics.count(&WatchEvent::PassEnded(pass));
    let board = Board::new(Moment::default(), false);
    metrics.text(&board, Moment::default(), &Sight::default(), true)
}

#[test]
fn a_plan_that_haproxy_refuses_before_is_no_reload() {
    let refused = |plan: &Plan, reloads_tried| {
        let (message, generation) = ("bad".to_owned(), "g".to_owned());
        let outcomes = vec![Outcome::Failed("bad".into()); plan.steps.len()];
        let loading = Loading::Refused { message, generation };
        Report { outcomes, reloads_tried, loading, ..Report::nothing(None) }
    };
    let plan = samples::reload_plan();
    let text = after(&pass(plan.clone(), refused(&plan, 0)));
    assert!(!text.contains("gw_reload_total{"), "{text}");
    let apply = "gw_apply_total{mechanism=\"none\",result=\"refused\"} 1";
    assert!(text.contains(apply), "{text}");
    // By the master, which was told to.
    let text = after(&pass(plan.clone(), refused(&plan, 1)));
    for line in [
        "gw_reload_total{reason=\"settings\",result=\"refused\"} 1",
        "gw_apply_total{mechanism=\"reload\",result=\"refused\"} 1",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    // A change by commands that is undone by a reload.
    let plan = samples::runtime_plan();
    let report = Report { reloads: 1, commands_sent: 4, ..refused(&plan, 1) };
    let text = after(&pass(plan, report));
    let line = "gw_reload_total{reason=\"way_back\",result=\"refused\"} 1";
    assert!(text.contains(line), "no {line} in\n{text}");
}

#[test]
fn a_correction_counts_by_what_became_of_it_while_another_revision_waits() {
    let plan = samples::runtime_plan();
    let outcomes = vec![Outcome::Done; plan.steps.len()];
    let report = Report { outcomes, commands_sent: 4, ..Report::nothing(None) };
    let result = PassResult::TakenBack("5xx".into());
    let text = after(&PassRecord { result, ..pass(plan, report) });
    for line in [
        "gw_reconcile_total{result=\"taken_back\"} 1",
        "gw_apply_total{mechanism=\"runtime\",result=\"done\"} 1",
        "gw_reloads_avoided_total 1",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

/// What is to be measured, and by which labels (notes/gitops.md, 6.6).
const ASKED_FOR: [(&str, &[&str]); 23] = [
    ("gw_build_info", &["version"]),
    ("gw_target_info", &["sync", "health"]),
    ("gw_reconcile_duration_seconds_count", &["phase"]),
    ("gw_reconcile_total", &["result"]),
    ("gw_apply_total", &["mechanism", "result"]),
    ("gw_changes_total", &["action", "mechanism"]),
    ("gw_reload_total", &["reason", "result"]),
    ("gw_reloads_avoided_total", &[]),
    ("gw_rollback_total", &["result"]),
    ("gw_drift_objects", &["kind", "class"]),
    ("gw_held_objects", &[]),
    ("gw_suspended", &[]),
    ("gw_last_success_timestamp_seconds", &[]),
    ("gw_source_fetch_duration_seconds_count", &[]),
    ("gw_source_fetch_total", &["result"]),
    ("gw_source_age_seconds", &[]),
    ("gw_source_verified", &[]),
    ("gw_commit_lag_seconds", &[]),
    ("gw_guard_refusals_total", &["guard"]),
    ("gw_old_workers", &[]),
    ("gw_socket_errors_total", &[]),
    ("gw_lock_wait_seconds", &[]),
    ("gw_notification_failures_total", &[]),
];

#[test]
fn what_is_asked_for_is_measured_by_its_labels() {
    let text = all();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for (name, labels) in ASKED_FOR {
        let of_name = samples.iter().filter_map(|line| line.strip_prefix(name));
        let written: Vec<&str> = of_name.filter(|rest| rest.starts_with([' ', '{'])).collect();
        assert!(!written.is_empty(), "no {name} in\n{text}");
        for sample in written {
            let listed = sample.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let listed = listed.map_or("", |(listed, _)| listed);
            let names: Vec<&str> =
                listed.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
            assert_eq!(names, labels, "{name}{sample}");
        }
    }
}

#[test]
fn passes_are_counted_by_what_became_of_them() {
    let text = all();
    for line in [
        "gw_reconcile_total{result=\"done\"} 3",
        "gw_reconcile_total{result=\"incomplete\"} 1",
        "gw_apply_total{mechanism=\"runtime\",result=\"done\"} 1",
        "gw_apply_total{mechanism=\"reload\",result=\"done\"} 1",
        "gw_apply_total{mechanism=\"runtime\",result=\"incomplete\"} 1",
        "gw_changes_total{action=\"add\",mechanism=\"runtime\"} 2",
        "gw_changes_total{action=\"remove\",mechanism=\"reload\"} 1",
        "gw_reload_total{reason=\"settings\",result=\"done\"} 1",
        "gw_reloads_avoided_total 1",
        "gw_rollback_total{result=\"done\"} 1",
        "gw_guard_refusals_total{guard=\"mass-delete\"} 1",
        "gw_guard_refusals_total{guard=\"empty-backend\"} 1",
        "gw_socket_errors_total 1",
        "gw_lock_wait_seconds 5.0",
        "gw_old_workers 2",
        "gw_target_info{sync=\"unknown\",health=\"unknown\"} 1",
        "gw_ready 1",
        "gw_haproxy_up 0",
        "gw_source_verified 1",
        "gw_source_fetch_total{result=\"done\"} 1",
        "gw_source_fetch_total{result=\"refused\"} 1",
        "gw_source_fetch_total{result=\"untrusted\"} 1",
        "gw_source_fetch_total{result=\"failed\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}
