use crate::{
    model::{
        BackendName, Entry, Location, MapName, ObjectName, Origin, Profile, Routing, ServerName,
        ServerState, Span,
    },
    plan::{Reason, Step},
};

use super::*;

fn name() -> (BackendName, ServerName) {
    (ObjectName::new("default", "web").unwrap().backend(), ServerName::new("a").unwrap())
}

fn server() -> Server {
    Server {
        address: [10, 0, 0, 1].into(),
        port: 80,
        weight: None,
        maxconn: None,
        backup: false,
        state: None,
    }
}

fn desired(server: Option<Server>, timeout: &str, route: &str) -> Desired {
    let (backend, a) = name();
    let at = Location { file: "a.yaml".into(), span: Span::default() };
    let profile = Profile::new(vec![format!("timeout server {timeout}")], Vec::new(), false, None);
    let whole = Backend {
        origin: Origin { object: "Backend web".into(), at },
        profile: Arc::new(profile),
        servers: server.map(|server| (a, server)).into_iter().collect(),
    };
    let mut routing = Routing::default();
    let entry = Entry { value: route.to_owned(), origin: None };
    routing.insert(MapName::Exact, "http:80/a/".to_owned(), entry);
    Desired {
        backends: Arc::new(BTreeMap::from([(backend, Arc::new(whole))])),
        routing: Arc::new(routing),
        ..Desired::default()
    }
}

/// The causes of a step about each object.
fn causes(old: &Desired, new: &Desired) -> [Cause; 3] {
    causes_in(old, new, &Live::default())
}

fn causes_in(old: &Desired, new: &Desired, live: &Live) -> [Cause; 3] {
    let (backend, server) = name();
    let because = || Reason::Command("a command does it");
    let step = |object| Step::new(object, Action::Change, because());
    let steps = vec![
        step(Object::Backend(backend.clone())),
        step(Object::Server(backend, server)),
        step(Object::Route(MapName::Exact, "http:80/a/".to_owned())),
    ];
    let files = BTreeMap::new();
    let goal = |desired| Goal { desired, structure: "s", files: &files };
    let mut plan = Plan { steps, ..Plan::default() };
    plan.attribute(goal(old), goal(new), live);
    let causes: Vec<Cause> = plan.steps.iter().map(|step| step.cause).collect();
    causes.try_into().unwrap()
}

#[test]
fn what_no_manifest_changed_is_drift() {
    use Cause::{Commit, Drift};
    let old = desired(Some(server()), "5s", "web");
    assert_eq!(causes(&old, &old), [Drift; 3]);
    assert_eq!(causes(&old, &desired(Some(server()), "6s", "web")), [Commit, Drift, Drift]);
    let moved = Server { port: 81, ..server() };
    assert_eq!(causes(&old, &desired(Some(moved), "5s", "web")), [Drift, Commit, Drift]);
    assert_eq!(causes(&old, &desired(None, "5s", "web")), [Drift, Commit, Drift]);
    assert_eq!(causes(&old, &desired(Some(server()), "5s", "api")), [Drift, Drift, Commit]);
    // Nobody asks for them: somebody added them by hand.
    let nothing = Desired::default();
    assert_eq!(causes(&nothing, &nothing), [Drift; 3]);
    assert_eq!(causes(&old, &nothing), [Commit; 3]);
}

#[test]
fn a_generation_says_drain_in_other_words() {
    let wanted = Server { state: Some(ServerState::Drain), ..server() };
    let in_file = Server { state: Some(ServerState::Ready), weight: Some(0), ..server() };
    let of = |server: &Server| desired(Some(server.clone()), "5s", "web");
    assert_eq!(causes(&of(&in_file), &of(&wanted))[1], Cause::Drift);
    let named = Server { state: Some(ServerState::Ready), ..server() };
    assert_eq!(causes(&of(&server()), &of(&named))[1], Cause::Commit);
}

#[test]
fn what_an_earlier_pass_left_is_no_drift() {
    let old = desired(Some(server()), "5s", "web");
    let (backend, a) = name();
    for note in [ServerNote::Adding, ServerNote::Removing] {
        let notes = BTreeMap::from([(Note::server(&backend, &a), note.as_str().to_owned())]);
        let live = Live { notes, ..Live::default() };
        assert_eq!(causes_in(&old, &old, &live), [Cause::Drift, Cause::Commit, Cause::Drift]);
    }
}

#[test]
fn drift_is_left_alone_and_commits_are_not() {
    let files = BTreeMap::new();
    let goal = |desired| Goal { desired, structure: "s", files: &files };
    let old = desired(Some(server()), "5s", "web");
    let new = desired(Some(server()), "5s", "api");
    let live = Live { structure: Some("other".into()), ..Live::default() };
    let all = || crate::diff::diff(&new, "s", &live, &crate::diff::Scope::WHOLE);
    assert!(all().structure.is_some());
    assert_eq!((all().backends.len(), all().entries.len()), (1, 1));
    let mut left = all();
    leave_drift(&mut left, goal(&old), goal(&new), &live);
    assert!(left.structure.is_none(), "another structure is drift");
    assert_eq!((left.backends.len(), left.entries.len()), (0, 1));
    let mut left = all();
    leave_drift(&mut left, goal(&Desired::default()), goal(&new), &live);
    assert_eq!((left.backends.len(), left.entries.len()), (1, 1));
}
