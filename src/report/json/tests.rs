use std::{env, fs, path::Path};

use serde_json::json;

use crate::{
    plan::Outcome,
    report::{
        WatchEvent,
        pass::{PassCause, PassResult},
        samples,
    },
};

use super::*;

/// The schemas in the repository are those of the types here.
#[test]
fn the_published_schemas_are_fresh() {
    for kind in Kind::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("schema")
            .join(kind.name().to_owned() + ".json");
        let made = to_text(&schema(kind));
        if env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(published == made, "{} is stale: run `make schema`", path.display());
    }
}

fn check(kind: Kind, document: &impl Serialize) -> Value {
    let value = serde_json::to_value(document).unwrap();
    let schema = jsonschema::validator_for(&schema(kind)).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    value
}

#[test]
fn documents_match_their_schemas() {
    let plans = [
        samples::runtime_plan(),
        samples::reload_plan(),
        samples::long_plan(),
        samples::hostile_plan(),
        Plan::default(),
    ];
    for sample in &plans {
        let document = plan(samples::view(sample), &sample.steps, &samples::refusals());
        check(Kind::Plan, &document);
        check(Kind::SavedPlan, &saved_plan(document, fingerprint()));
    }
    let loadings = [
        Loading::Running,
        Loading::Reloaded { pid: 7 },
        Loading::AtStart,
        Loading::Refused { message: "m".into(), generation: "g".into() },
        Loading::Broken { message: "m".into() },
    ];
    for loading in loadings {
        let sample = Report { loading, ..samples::mixed_report() };
        check(Kind::Report, &report("r", &plans[0], &sample));
    }
    check(Kind::Status, &status(&samples::status()));
    let mut board = Board::new(Moment::default(), false);
    let mut pass = PassRecord {
        causes: vec![PassCause::Start, PassCause::Resync],
        revision: Some("r".into()),
        plan: Some(samples::reload_plan()),
        report: Some(samples::mixed_report()),
        ..PassRecord::default()
    };
    for result in [PassResult::Done, PassResult::Refused("m".into())] {
        pass.result = result;
        board.fold(&WatchEvent::PassEnded(&pass), Moment::default());
        check(Kind::Notification, &notification(&pass, "host", Duration::ZERO));
    }
    let told = watch_status(&board, Moment::default(), &Sight::default(), Duration::ZERO);
    let told = check(Kind::WatchStatus, &told);
    assert_eq!(told.pointer("/conditions/3/type").unwrap(), "SourceVerified");
    check(Kind::Status, &status(&Status::default()));
    check(Kind::Drift, &drift(&samples::drift()));
    check(Kind::Problems, &problems(&Problems::default()));
    let records: Vec<RecordDocument> = plans.iter().map(samples::record).collect();
    check(Kind::History, &history(records.iter().map(entry).collect(), 1));
    for record in &records {
        check(Kind::Record, record);
    }
}

fn fingerprint() -> FingerprintDocument {
    FingerprintDocument {
        gw: "0.1.0".into(),
        revision: "3f2a9c01b7de".into(),
        wanted: "a".into(),
        generation: Some(42),
        haproxy: Some("3.4.0".into()),
        live: Some("b".into()),
        steps: "c".into(),
    }
}

#[test]
fn a_saved_plan_says_what_moved() {
    let saved = fingerprint();
    assert!(saved.moved(&saved).is_empty());
    let now = FingerprintDocument { generation: None, live: None, ..fingerprint() };
    assert_eq!(saved.moved(&now), ["another plan was applied", "HAProxy's live state changed"]);
}

#[test]
fn a_plan_as_json() {
    let sample = samples::runtime_plan();
    let value = check(Kind::Plan, &plan(samples::view(&sample), &[], &samples::refusals()));
    assert_eq!(value["version"], 1);
    assert_eq!(
        value["summary"],
        json!({"add": 2, "change": 1, "remove": 0, "runtime": 3, "reload": 0})
    );
    assert_eq!((&value["reload"], &value["diff"]), (&json!(false), &Value::Null));
    assert_eq!(
        value["steps"][0],
        json!({
            "object": "server web/web-2",
            "kind": "server",
            "action": "change",
            "mechanism": "runtime",
            "because": "`set server` changes it in place",
            "cause": "drift",
            "fields": [{"name": "address", "from": "10.0.0.2:80", "to": "10.0.0.9:80"}],
            "origin": {
                "object": "Backend web", "file": "backends.yaml", "line": 5, "column": 9,
            },
            "commands": ["set server web/web-2 addr 10.0.0.9 port 80"],
        })
    );
    assert_eq!(
        value["held"][1],
        json!({
            "backend": "api", "server": "api-4", "state": "weight",
            "weight": 5, "weight_otherwise": 1,
            "owner": "alice@web-1", "reason": "INC-42", "until": "2027-01-01T00:59:59Z",
        })
    );
    assert_eq!(
        value["refusals"][0],
        json!({
            "guard": "mass-delete",
            "because": "it deletes 12 of 20 servers (60 %), more than the 30 % allowed",
            "flag": "--allow-mass-delete=12",
        })
    );
    let value = check(Kind::Plan, &plan(samples::view(&samples::reload_plan()), &[], &[]));
    assert_eq!(value["refusals"], json!([]));
    assert_eq!(value["reload"], true);
    assert!(value["diff"].as_str().unwrap().starts_with("--- a/05-profiles.cfg\n"));
    assert_eq!(value["steps"][1]["origin"], Value::Null);
}

#[test]
fn a_report_as_json() {
    let plan = samples::runtime_plan();
    let value = check(Kind::Report, &report("3f2a9c01b7de", &plan, &samples::mixed_report()));
    for (field, expected) in [
        ("revision", json!("3f2a9c01b7de")),
        ("commands_sent", json!(3)),
        ("bytes_written", json!(4096)),
        ("reloads", json!(0)),
        ("generation", json!(42)),
        ("loading", json!({"state": "running"})),
    ] {
        assert_eq!(value[field], expected, "{field}");
    }
    let outcomes: Vec<(&str, Option<&str>)> = value["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["outcome"].as_str().unwrap(), step["why"].as_str()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("failed", Some("No such server.")),
            ("pending", Some("no good check within 10s")),
            ("skipped", Some("it needs a step that failed")),
        ]
    );
}

#[test]
fn a_status_as_json() {
    let value = check(Kind::Status, &status(&samples::status()));
    assert_eq!(value["haproxy"]["uptime_seconds"], 90_061);
    assert_eq!(value["generation"]["time"], "2026-12-31T23:59:59Z");
    assert_eq!(value["in_sync"], false);
    assert_eq!(value["objects"], json!({"total": 12, "in_sync": 11, "drifted": 1}));
    assert_eq!(
        value["servers"],
        json!({"total": 6, "up": 4, "down": 1, "maintenance": 1, "drain": 0})
    );
}

#[test]
fn a_record_as_json() {
    let plan = samples::runtime_plan();
    let mut record = samples::record(&plan);
    let value = check(Kind::Record, &record);
    assert_eq!(value["result"], "failed");
    assert_eq!(value["who"]["command"], "apply");
    assert_eq!(
        value["summary"],
        json!({"add": 2, "change": 1, "remove": 0, "runtime": 3, "reload": 0})
    );
    let outcomes: Vec<&Value> =
        value["steps"].as_array().unwrap().iter().map(|step| &step["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "pending", "skipped"]);
    let commands = &value["steps"][0]["commands"];
    assert_eq!(commands, &json!(["set server web/web-2 addr 10.0.0.9 port 80"]));

    // A later pass finishes it.
    let begun = samples::begun(&plan);
    let nothing_left = Report { outcomes: Vec::new(), ..samples::mixed_report() };
    let ends = [&samples::mixed_report(), &nothing_left]
        .map(|report| EndedDocument::of_report("t".into(), &plan, report));
    record = RecordDocument::new(1, begun.clone(), &ends);
    assert_eq!((record.result, record.commands_sent), (ResultWord::Done, 6));
    assert!(record.steps.iter().all(|step| step.outcome == Some(OutcomeWord::Done)));

    // Nobody knows how far an interrupted one came.
    let ends = [EndedDocument::new("t".into(), ResultWord::Interrupted, None)];
    for ends in [&ends[..], &[]] {
        record = RecordDocument::new(1, begun.clone(), ends);
        assert!(record.steps.iter().all(|step| step.outcome.is_none()));
    }
    let value = check(Kind::Record, &record);
    assert_eq!(value["steps"][0]["outcome"], Value::Null);
}

#[test]
fn a_refused_record_has_the_words_once() {
    let plan = samples::reload_plan();
    let message = "[ALERT] cannot bind";
    let loading = Loading::Refused { message: message.into(), generation: "g".into() };
    let outcomes = vec![Outcome::Failed(message.into()); plan.steps.len()];
    let refused = Report { outcomes, loading, ..Report::nothing(Some(1)) };
    let ended = EndedDocument::of_report("t".into(), &plan, &refused);
    let record = RecordDocument::new(1, samples::begun(&plan), &[ended]);
    assert_eq!((record.result, record.message.as_deref()), (ResultWord::Refused, Some(message)));
    assert_eq!(to_text(&record).matches(message).count(), 1);
    assert!(!record.reload_because.is_empty());
}

#[test]
fn keys_are_in_no_record() {
    let mut plan = samples::runtime_plan();
    let pem = "-----BEGIN PRIVATE KEY-----\nTOPSECRET\n-----END PRIVATE KEY-----\n";
    let set = crate::haproxy::Command::set_ssl_cert("certs/shop.pem", pem).unwrap();
    plan.steps[0].make = vec![crate::plan::Instruction::Send(set)];
    let text = to_text(&samples::begun(&plan)) + &to_text(&samples::record(&plan));
    assert!(text.contains("set ssl cert certs/shop.pem"), "{text}");
    assert!(!text.contains("SECRET") && !text.contains("PRIVATE"), "{text}");
}
