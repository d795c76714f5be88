//! Hand-made plans and reports for the tests of views.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use crate::{
    diff::{Held, HeldState},
    guard::{Deletion, Refusal},
    haproxy::Command,
    model::{
        BackendName, Commit, Fault, Hold, HoldState, Location, MapName, ObjectName, Origin,
        Quarantine, ServerName, Span, Suspension, Unread, Wanted,
    },
    plan::{
        Action, Cause, FieldChange, Instruction, Loading, Mechanism, Object, Outcome, Plan, Reason,
        Report, Step,
    },
};

use super::{
    FileDiff, PlanView, Status,
    drift::{Drift, PendingCommit, Proxy, Unmanaged},
    json::{
        BegunDocument, CauseWord, CommitDocument, EndedDocument, ProcessDocument, RecordDocument,
        WhoDocument,
    },
    status::{BackendStatus, Generation, Pending, ServerCounts, Worker},
};

pub(crate) fn backend(name: &str) -> BackendName {
    ObjectName::new("default", name).unwrap().backend()
}

pub(crate) fn server(backend_name: &str, name: &str) -> Object {
    Object::Server(backend(backend_name), ServerName::new(name).unwrap())
}

#[expect(clippy::unnecessary_wraps, reason = "steps have an optional origin")]
fn origin(object: &str, file: &str, line: u32) -> Option<Origin> {
    let span = Span { line, column: 9, length: 3 };
    Some(Origin { object: object.into(), at: Location { file: file.into(), span } })
}

pub(crate) fn step(object: Object, action: Action, because: Reason) -> Step {
    Step::new(object, action, because)
}

fn field(name: &str, from: Option<&str>, to: Option<&str>) -> FieldChange {
    let owned = |value: Option<&str>| value.map(str::to_owned);
    FieldChange { name: name.into(), from: owned(from), to: owned(to) }
}

fn send(command: Result<Command, crate::haproxy::CommandError>) -> Instruction {
    Instruction::Send(command.unwrap())
}

/// A server moves, one is added, a route is added: no reload.
pub(crate) fn runtime_plan() -> Plan {
    let set = Reason::Command("`set server` changes it in place");
    let add =
        Reason::Command("`add server` makes it; it takes requests after its first good check");
    let map = Reason::Command("routes are map entries, which HAProxy looks up live");
    let mut moved = step(server("web", "web-2"), Action::Change, set);
    moved.cause = Cause::Drift;
    moved.fields = vec![field("address", Some("10.0.0.2:80"), Some("10.0.0.9:80"))];
    moved.origin = origin("Backend web", "backends.yaml", 5);
    moved.make = vec![send(Command::set_server_addr("web", "web-2", [10, 0, 0, 9].into(), 80))];
    let mut added = step(server("web", "web-3"), Action::Add, add);
    added.fields =
        vec![field("address", None, Some("10.0.0.3:80")), field("weight", None, Some("50"))];
    added.origin = origin("Backend web", "backends.yaml", 5);
    added.make = vec![
        send(Command::add_server("web", "web-3", "10.0.0.3:80", &["weight", "50"])),
        send(Command::enable_server("web", "web-3")),
    ];
    let route = Object::Route(MapName::Prefix, "http:80/shop.example/api/".into());
    let mut routed = step(route, Action::Add, map);
    routed.fields = vec![field("to", None, Some("api"))];
    routed.origin = origin("Route shop-api", "routes.yaml", 12);
    let entry = Command::add_map("maps/prefix.map", "http:80/shop.example/api/", "api");
    routed.switch = vec![send(entry)];
    let held = |name, state| Held {
        backend: backend("api"),
        server: ServerName::new(name).unwrap(),
        state,
        hold: None,
    };
    let by_hold = Hold {
        state: HoldState::Weight(5),
        owner: "alice@web-1".into(),
        reason: "INC-42".into(),
        since: 1_798_761_599,
        until: 1_798_765_199,
        is_over: false,
    };
    Plan {
        steps: vec![moved, added, routed],
        switch_order: vec![2],
        held: vec![
            held("api-3", HeldState::Maintenance),
            Held { hold: Some(by_hold), ..held("api-4", HeldState::Weight { to: 5, from: 1 }) },
        ],
        ..Plan::default()
    }
}

/// A timeout changes, a server goes: one reload.
pub(crate) fn reload_plan() -> Plan {
    let settings = Reason::Settings(vec!["timeout server".into()]);
    let mut changed = step(Object::Backend(backend("api")), Action::Change, settings);
    changed.fields = vec![
        field("balance", None, Some("leastconn")),
        field("timeout server", Some("30s"), Some("1m")),
    ];
    changed.origin = origin("Backend api", "backends.yaml", 14);
    let mut removed = step(server("web", "web-1"), Action::Remove, Reason::Carried);
    removed.fields = vec![field("address", Some("10.0.0.1:80"), None)];
    Plan { steps: vec![changed, removed], reload: true, ..Plan::default() }
}

/// More servers than anybody reads, and two that go.
pub(crate) fn long_plan() -> Plan {
    let add =
        Reason::Command("`add server` makes it; it takes requests after its first good check");
    let remove = Reason::Command("`del server` takes it away once no request is left on it");
    let mut steps: Vec<Step> = (0..300)
        .map(|i| step(server("web", &format!("web-{i}")), Action::Add, add.clone()))
        .collect();
    steps.extend(
        (0..15).map(|i| step(server("web", &format!("old-{i}")), Action::Remove, remove.clone())),
    );
    Plan { steps, ..Plan::default() }
}

/// Names and values that would drive a terminal.
pub(crate) fn hostile_plan() -> Plan {
    let evil = "\u{1b}[2J\u{202e}x\r\ny";
    let mut changed =
        step(Object::Route(MapName::Prefix, format!("http:80/{evil}")), Action::Change, {
            Reason::Settings(vec![evil.to_owned()])
        });
    changed.fields = vec![field(evil, Some(evil), Some(evil)), field(evil, None, Some(""))];
    changed.origin = origin(evil, evil, 1);
    Plan { steps: vec![changed], reload: true, ..Plan::default() }
}

static DIFF: LazyLock<[FileDiff; 1]> = LazyLock::new(|| {
    [FileDiff {
        path: "05-profiles.cfg".into(),
        old: Arc::from("defaults profile:aa\n    mode http\n    timeout server 30s\n"),
        new: Arc::from("defaults profile:bb\n    mode http\n    timeout server 1m\n"),
    }]
});

/// What a guard says.
pub(crate) fn refusals() -> [Refusal; 1] {
    let deletions = vec![Deletion { kind: "server", deleted: 12, of: 20 }];
    [Refusal::MassDelete { deletions, percent: 30 }]
}

/// A view of a plan for a running HAProxy.
pub(crate) fn view(plan: &Plan) -> PlanView<'_> {
    PlanView { plan, revision: "3f2a9c01b7de", running: true, config_diff: &*DIFF, remarks: &[] }
}

/// A report in which everything happens.
pub(crate) fn mixed_report() -> Report {
    Report {
        outcomes: vec![
            Outcome::Failed("No such server.".into()),
            Outcome::Pending("no good check within 10s".into()),
            Outcome::Skipped("it needs a step that failed".into()),
        ],
        commands_sent: 3,
        bytes_written: 4_096,
        reloads: 0,
        reloads_tried: 0,
        generation: Some(42),
        loading: Loading::Running,
        remarks: vec!["the master socket is missing; SIGUSR2 was sent instead".into()],
    }
}

/// A status with a bit of everything.
pub(crate) fn status() -> Status {
    let plan = runtime_plan();
    let counts = |up, down, maintenance, drain| ServerCounts { up, down, maintenance, drain };
    let of = |name, servers| BackendStatus { name: backend(name), servers };
    Status {
        revision: Some("3f2a9c01b7de".into()),
        generation: Some(Generation { number: 42, time: 1_798_761_599, cause: "apply".into() }),
        haproxy: Some(Worker {
            version: "3.2.4-1".into(),
            pid: 4711,
            uptime: Duration::from_secs(90_061),
        }),
        structure_in_sync: true,
        objects: 12,
        drift: plan.steps[..1].to_vec(),
        held: plan.held,
        pending: vec![Pending {
            object: server("web", "web-3"),
            why: "its first good health check".into(),
        }],
        suspended: Some(Suspension {
            reason: "INC-42".into(),
            by: "alice@web-1".into(),
            since: 1_798_761_599,
            until: Some(1_798_765_199),
            ends_with: None,
            files: None,
        }),
        wanted: Some(Wanted {
            revision: "3f2a9c01b7d4".to_owned(),
            files: None,
            why: Some("web.yaml:3:5: unknown field `servrs`".to_owned()),
            runs_in_part: false,
        }),
        unread: Some(Unread { why: "no route to host".to_owned(), since: 1_798_761_599 }),
        quarantine: Some(Quarantine {
            revision: "0bad".into(),
            files: "77".into(),
            fault: Fault::Unhealthy,
            reason: "backend web has 0 of 2 servers up, and had 2 of 2 before".into(),
            back_to: None,
            since: 1_798_761_599,
        }),
        backends: vec![of("api", counts(2, 1, 1, 0)), of("web", counts(2, 0, 0, 0))],
    }
}

/// Drift with a bit of everything.
pub(crate) fn drift() -> Drift {
    let Status { revision, generation, haproxy, drift, held, pending, suspended, .. } = status();
    let steps = runtime_plan().steps.split_off(1);
    Drift {
        revision,
        generation,
        haproxy: haproxy.unwrap(),
        drift,
        pending_commit: Some(PendingCommit {
            revision: "77aa9c01b7de".into(),
            steps,
            reload: false,
        }),
        under_way: pending,
        held,
        suspended,
        unmanaged: vec![
            Unmanaged { name: "old".into(), kind: Proxy::Backend, servers: 3 },
            Unmanaged { name: "stats".into(), kind: Proxy::Frontend, servers: 0 },
        ],
    }
}

/// The mechanisms of a plan, to see that samples are consistent.
#[test]
fn samples_are_plans_that_the_planner_could_make() {
    assert!(runtime_plan().steps.iter().all(|step| step.mechanism == Mechanism::Runtime));
    assert!(reload_plan().steps.iter().all(|step| step.mechanism == Mechanism::Reload));
}

/// The beginning of an act by Alice.
pub(crate) fn begun(plan: &Plan) -> BegunDocument {
    let who = WhoDocument {
        command: CauseWord::Apply,
        user: "root".into(),
        uid: 0,
        sudo_user: Some("alice".into()),
        host: "web-1".into(),
        gw: "0.1.0".into(),
    };
    let commit = Commit {
        id: "3f2a9c01b7de".into(),
        reference: Some("refs/heads/main".into()),
        author: "Alice".into(),
        email: "alice@shop.example".into(),
        time: 1_798_754_400,
        committed: 1_798_754_400,
        subject: "Move web-2".into(),
    };
    BegunDocument {
        revision: Some("3f2a9c01b7de".into()),
        commit: Some(CommitDocument::of(&commit)),
        generation: Some(41),
        haproxy: Some(ProcessDocument { version: "3.4.0".into(), pid: 123 }),
        ..BegunDocument::new("2026-12-31T23:00:00.250Z".into(), who)
    }
    .of_plan(plan)
}

/// What became of it, by [`mixed_report`].
pub(crate) fn record(plan: &Plan) -> RecordDocument {
    let time = "2026-12-31T23:00:01.500Z".into();
    let ended = EndedDocument {
        haproxy: Some(ProcessDocument { version: "3.4.0".into(), pid: 123 }),
        milliseconds: 1250,
        ..EndedDocument::of_report(time, plan, &mixed_report())
    };
    RecordDocument::new(7, begun(plan), &[ended])
}
