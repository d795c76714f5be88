use crate::plan::{Action, Cause, Object, Reason, Step};

use super::*;

fn server(name: &str) -> Object {
    samples::server("web", name)
}

/// A plan that changes servers, for one reason.
fn change(names: &[&str], cause: Cause) -> Plan {
    let step = |name: &&str| Step {
        cause,
        ..samples::step(server(name), Action::Change, Reason::Command("a command does it"))
    };
    Plan { steps: names.iter().map(step).collect(), ..Plan::default() }
}

fn drift(names: &[&str]) -> Plan {
    change(names, Cause::Drift)
}

/// A pass of which this became of the steps of its plan.
fn with(plan: Plan, outcomes: &[Outcome]) -> PassRecord {
    record(plan, Report { outcomes: outcomes.to_vec(), ..Report::nothing(Some(3)) })
}

fn refused() -> Outcome {
    Outcome::Failed("No such server.".into())
}

impl Told {
    /// How many objects differ still, and how many were found since the start.
    fn counts(&self) -> (usize, u64) {
        (self.board.drift.left(), self.board.drift.found)
    }

    /// Those that differ still, as metrics have them.
    fn left(&self) -> Vec<(&'static str, &'static str, usize)> {
        self.board.drift.counts().filter(|(_, _, count)| *count > 0).collect()
    }
}

#[test]
fn drift_is_what_the_planner_calls_so() {
    let mut told = Told::new();
    // What the manifests ask for is none, nor is an operator's hold or a note of gw's own.
    for (cause, of) in [(PassCause::Start, Cause::Commit), (PassCause::Asked, Cause::Hold)] {
        told.pass(cause, carried_out(change(&["a"], of)));
        assert_eq!((told.is(About::Drifted), told.counts()), ((Truth::False, "InSync"), (0, 0)));
    }
    told.pass(PassCause::Resync, carried_out(drift(&["a", "b"])));
    assert_eq!(told.is(About::Drifted), (Truth::False, "Corrected"));
    assert_eq!((told.counts(), told.left()), ((0, 2), vec![]));
    // A part of it can't be set back.
    told.pass(PassCause::Asked, with(drift(&["a", "b"]), &[refused(), Outcome::Done]));
    assert_eq!(told.is(About::Drifted), (Truth::True, "NotCorrected"));
    assert_eq!((told.counts(), told.left()), ((1, 4), vec![("server", "uncorrected", 1)]));
    let message = &told.board.conditions.get(About::Drifted).message;
    assert_eq!(message, "1 object differs still");
    // What a retry finds is known.
    told.pass(PassCause::Retry, carried_out(drift(&["a"])));
    assert_eq!((told.is(About::Drifted).1, told.counts()), ("Corrected", (0, 4)));
    told.pass(PassCause::Resync, nothing_to_do());
    assert_eq!(told.is(About::Drifted), (Truth::False, "InSync"));
}

#[test]
fn drift_shows_however_the_manifests_fare() {
    for result in [
        PassResult::Partial("all.yaml:9:1: what is this?".into()),
        PassResult::Refused("bad".into()),
        PassResult::TakenBack("5xx".into()),
        PassResult::Pending("no good check".into()),
    ] {
        let of = |record: PassRecord| PassRecord { result: result.clone(), ..record };
        let mut told = Told::new();
        told.pass(PassCause::Files, of(nothing_to_do()));
        told.pass(PassCause::Resync, of(carried_out(drift(&["a"]))));
        let (is, counts) = (told.is(About::Drifted), told.counts());
        assert_eq!((is, counts), ((Truth::False, "Corrected"), (0, 1)), "{result:?}");
    }
}

#[test]
fn what_gw_left_undone_is_nobody_elses() {
    let mut told = Told::new();
    let both = change(&["a", "b"], Cause::Commit);
    told.pass(PassCause::Files, with(both, &[Outcome::Pending("busy".into()), Outcome::Done]));
    // The process has the revision by now, so that the planner can't tell.
    told.pass(PassCause::Retry, with(drift(&["a", "b"]), &[refused(), Outcome::Done]));
    assert_eq!((told.is(About::Drifted).1, told.counts()), ("Corrected", (0, 1)), "b is drift");
    told.pass(PassCause::Retry, carried_out(drift(&["a"])));
    assert_eq!(told.counts(), (0, 1));
    // From then on it is somebody's.
    told.pass(PassCause::Resync, carried_out(drift(&["a"])));
    assert_eq!(told.counts(), (0, 2));
    // Files that HAProxy refuses leave nothing begun.
    let loading = Loading::Refused { message: "bad".into(), generation: "g".into() };
    let report = Report { outcomes: vec![refused()], loading, ..Report::nothing(Some(3)) };
    told.pass(PassCause::Files, record(change(&["a"], Cause::Commit), report));
    told.pass(PassCause::Resync, carried_out(drift(&["a"])));
    assert_eq!(told.counts(), (0, 3));
}

#[test]
fn drift_that_a_guard_keeps_from_being_corrected_is_told() {
    let mut told = Told::new();
    told.pass(PassCause::Start, nothing_to_do());
    let failed = PassResult::Failed("guards refuse this plan".into());
    let record = PassRecord {
        refusals: vec![Guard::MassDelete],
        report: None,
        ..carried_out(drift(&["a", "b"]))
    };
    told.pass(PassCause::Resync, PassRecord { result: failed, ..record });
    assert_eq!((told.is(About::Drifted).1, told.counts()), ("NotCorrected", (2, 2)));
}

#[test]
fn a_look_at_a_part_tells_nothing_about_the_rest() {
    let mut told = Told::new();
    told.pass(PassCause::Resync, with(drift(&["a"]), &[refused()]));
    let part = |record: PassRecord| PassRecord { is_whole: false, ..record };
    told.pass(PassCause::Files, part(carried_out(change(&["b"], Cause::Commit))));
    assert_eq!((told.is(About::Drifted).1, told.counts()), ("NotCorrected", (1, 1)));
    told.pass(PassCause::Files, part(carried_out(drift(&["b"]))));
    assert_eq!((told.is(About::Drifted).1, told.counts()), ("NotCorrected", (1, 2)));
    // Where nothing was compared, all is as it was.
    let failed = PassResult::Failed("can't reach it".into());
    told.pass(PassCause::Retry, PassRecord { result: failed, ..PassRecord::default() });
    assert_eq!((told.is(About::Drifted).1, told.counts()), ("NotCorrected", (1, 2)));
}

#[test]
fn drift_that_is_left_alone_is_told_and_counts_once() {
    let mut told = Told::new();
    told.pass(PassCause::Start, nothing_to_do());
    assert_eq!(told.is(About::Drifted), (Truth::False, "InSync"));
    let drift_left = vec![server("a"), Object::Backend(samples::backend("web"))];
    let left = PassRecord { drift_left, ..nothing_to_do() };
    for cause in [PassCause::Resync, PassCause::Files, PassCause::Resync] {
        told.after(60).pass(cause, left.clone());
        assert_eq!(told.is(About::Drifted), (Truth::True, "NotCorrected"));
        assert_eq!(told.counts(), (2, 2));
    }
    assert_eq!(told.left(), [("backend", "reported", 1), ("server", "reported", 1)]);
    assert_eq!(told.ready().0, Truth::True);
    told.after(60).pass(PassCause::Resync, nothing_to_do());
    assert_eq!((told.is(About::Drifted), told.counts()), ((Truth::False, "InSync"), (0, 2)));
}
