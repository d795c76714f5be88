use std::{collections::BTreeMap, sync::Arc};

use crate::model::{Backend, BackendName, Location, ObjectName, Origin, Profile, ServerName, Span};

use super::*;

fn backend(name: &str) -> BackendName {
    ObjectName::new("default", name).unwrap().backend()
}

fn server(backend_name: &str, name: &str) -> Object {
    Object::Server(backend(backend_name), ServerName::new(name).unwrap())
}

fn plan(steps: impl IntoIterator<Item = (Object, Action)>) -> Plan {
    let because = Reason::Command("a command does it");
    let step = |(object, action)| crate::plan::Step::new(object, action, because.clone());
    Plan { steps: steps.into_iter().map(step).collect(), ..Plan::default() }
}

fn remove(count: usize) -> Plan {
    plan((0..count).map(|number| (server("web", &format!("s{number}")), Action::Remove)))
}

/// What the guards refuse of a plan for a process that runs.
fn refused(facts: impl FnOnce(&mut Facts<'_>), plan: &Plan, policy: &Policy) -> Vec<Guard> {
    let (desired, live) = (Desired::default(), Live::default());
    let now = Contents { files: 20, backends: 10, servers: 100, routes: 20 };
    let mut all = Facts {
        plan,
        desired: &desired,
        now,
        before: Some(now),
        live: Some(&live),
        old_workers: Some(0),
    };
    facts(&mut all);
    judge(&all, policy).refusals.iter().map(Refusal::guard).collect()
}

fn before(servers: usize) -> impl FnOnce(&mut Facts<'_>) {
    move |facts| {
        facts.now.servers = servers;
        facts.before = Some(facts.now);
    }
}

#[test]
fn more_than_a_share_of_ten_or_more_is_no_plan_to_make_in_passing() {
    let policy = Policy::default();
    let of = |deleted, of| refused(before(of), &remove(deleted), &policy);
    assert_eq!(of(3, 10), []);
    assert_eq!(of(4, 10), [Guard::MassDelete]);
    assert_eq!(of(9, 9), []);
    assert_eq!(of(30, 100), []);
    assert_eq!(of(31, 100), [Guard::MassDelete]);
    assert_eq!(of(301, 1000), [Guard::MassDelete]);
}

#[test]
fn a_deletion_that_somebody_counted_is_meant() {
    let counted = |deletes| Policy { deletes, ..Policy::default() };
    assert_eq!(refused(before(20), &remove(12), &counted(12)), []);
    assert_eq!(refused(before(20), &remove(12), &counted(11)), [Guard::MassDelete]);
    let allowed = Policy { mass_delete: Limit::Allow, ..Policy::default() };
    assert_eq!(refused(before(20), &remove(20), &allowed), []);
}

#[test]
fn servers_go_with_their_backend() {
    let running = LIVE_SERVERS.iter().map(|name| ((*name).to_owned(), live_server())).collect();
    let live = Live { backends: BTreeMap::from([("web".to_owned(), running)]), ..Live::default() };
    let plan = plan([(Object::Backend(backend("web")), Action::Remove)]);
    let policy = Policy::default();
    let desired = Desired::default();
    let facts = Facts {
        plan: &plan,
        desired: &desired,
        now: Contents::default(),
        before: None,
        live: Some(&live),
        old_workers: None,
    };
    let judgement = judge(&facts, &policy);
    let [refusal] = judgement.refusals.as_slice() else { panic!("{judgement:?}") };
    assert_eq!(
        refusal.to_string(),
        "it deletes 10 of 10 servers (100 %), more than the 30 % allowed"
    );
    assert_eq!(refusal.flag(), "--allow-mass-delete=10");
    // What does not run loses nothing.
    let stopped = Facts { live: None, ..facts };
    assert_eq!(judge(&stopped, &policy), Judgement::default());
}

const LIVE_SERVERS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

fn live_server() -> crate::model::LiveServer {
    crate::model::LiveServer {
        address: None,
        port: 0,
        weight: 1,
        initial_weight: 1,
        maxconn: None,
        backup: false,
        maintenance: false,
        disabled_in_file: false,
        draining: false,
        up: true,
        check_passed: false,
        checked: false,
        check_enabled: false,
    }
}

#[test]
fn the_last_server_of_a_backend_that_stays_is_kept() {
    let at = Location { file: "a.yaml".into(), span: Span::default() };
    let empty = Backend {
        origin: Origin { object: "Backend web".into(), at },
        profile: Arc::new(Profile::new(Vec::new(), Vec::new(), false, None)),
        servers: BTreeMap::new(),
    };
    let backends = Arc::new(BTreeMap::from([(backend("web"), Arc::new(empty))]));
    let desired = Desired { backends, ..Desired::default() };
    let plan = plan([
        (server("web", "a"), Action::Remove),
        (server("web", "b"), Action::Remove),
        (server("gone", "a"), Action::Remove),
    ]);
    let facts = Facts {
        plan: &plan,
        desired: &desired,
        now: Contents::default(),
        before: None,
        live: None,
        old_workers: None,
    };
    let judgement = judge(&facts, &Policy::default());
    let [refusal] = judgement.refusals.as_slice() else { panic!("{judgement:?}") };
    assert_eq!(refusal.to_string(), "it leaves backend web without a server");
    let warned = Policy { empty_backend: Stance::Warn, ..Policy::default() };
    let judgement = judge(&facts, &warned);
    assert_eq!((judgement.refusals.len(), judgement.warnings.len()), (0, 1));
}

#[test]
fn a_source_that_lost_half_is_a_source_that_is_damaged() {
    let policy = Policy::default();
    let with = |was: Contents, is: Contents, policy: &Policy| {
        let set = |facts: &mut Facts<'_>| {
            facts.before = Some(was);
            facts.now = is;
        };
        refused(set, &remove(1), policy)
    };
    let of = |files, servers| Contents { files, servers, ..Contents::default() };
    assert_eq!(with(of(1, 10), of(1, 6), &policy), []);
    assert_eq!(with(of(1, 10), of(1, 5), &policy), [Guard::ShrunkSource]);
    assert_eq!(with(of(1, 9), of(1, 1), &policy), []);
    assert_eq!(with(of(1, 2), of(1, 0), &policy), [Guard::ShrunkSource]);
    assert_eq!(with(of(1, 0), of(1, 0), &policy), []);
    // Merged files lose nothing; lost files do.
    assert_eq!(with(of(10, 9), of(1, 9), &policy), []);
    assert_eq!(with(of(10, 9), of(5, 8), &policy), [Guard::ShrunkSource]);
    // Developing, only what is empty is strange.
    assert_eq!(with(of(1, 10), of(1, 1), &Policy::lenient()), []);
    assert_eq!(with(of(1, 10), of(1, 0), &Policy::lenient()), [Guard::ShrunkSource]);
    let allowed = Policy { shrunk_source: Limit::Allow, ..policy };
    assert_eq!(with(of(1, 10), of(1, 0), &allowed), []);
}

#[test]
fn reloads_are_held_back_where_they_are_forbidden_or_pile_up() {
    let reload = Plan { reload: true, ..remove(1) };
    let policy = Policy::default();
    let with = |alive, policy: &Policy| refused(|facts| facts.old_workers = alive, &reload, policy);
    assert_eq!(with(Some(8), &policy), []);
    assert_eq!(with(Some(9), &policy), [Guard::OldWorkers]);
    assert_eq!(with(None, &policy), []);
    let forbidden = Policy { reload: Stance::Refuse, ..policy.clone() };
    assert_eq!(with(Some(0), &forbidden), [Guard::Reload]);
    assert_eq!(refused(|facts| facts.live = None, &reload, &forbidden), []);
    assert_eq!(refused(|facts| facts.old_workers = Some(99), &remove(1), &forbidden), []);
}

#[test]
fn every_flag_is_about_one_guard() {
    let refusals = [
        Refusal::MassDelete { deletions: Vec::new(), percent: 1 },
        Refusal::EmptyBackend { backends: Vec::new(), routes: Vec::new() },
        Refusal::ShrunkSource { what: "file", before: 2, now: 1 },
        Refusal::Reload { reasons: Vec::new() },
        Refusal::OldWorkers { alive: 9, max: 8 },
    ];
    for (refusal, guard) in refusals.iter().zip(Guard::ALL) {
        assert_eq!(refusal.guard(), guard);
        assert!(refusal.flag().starts_with(&format!("--allow-{}", guard.name())));
    }
}

#[test]
fn what_is_more_than_a_limit_looks_like_it() {
    let of = |deleted, of| Deletion { kind: "route", deleted, of }.to_string();
    assert_eq!(of(12, 20), "12 of 20 routes (60 %)");
    assert_eq!(of(3001, 10_000), "3001 of 10000 routes (30.1 %)");
}
