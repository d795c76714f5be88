mod drift;
mod source;
mod standing;

use crate::{
    guard::Guard,
    plan::{Loading, Outcome, Plan, Report},
    report::{
        pass::{Obstacle, PassCause, PassRecord, PassResult, Phases},
        samples,
        watch::WatchEvent,
    },
};

use super::*;

const FRESH: Duration = Duration::from_secs(180);

/// A board, and the clocks that it is given.
struct Told {
    board: Board,
    now: Moment,
    passes: u64,
}

impl Told {
    fn new() -> Self {
        let now = Moment { wall: Duration::from_secs(1_700_000_000), up: Duration::ZERO };
        Self { board: Board::new(now, false), now, passes: 0 }
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        let passed = Duration::from_secs(seconds);
        self.now = Moment { wall: self.now.wall + passed, up: self.now.up + passed };
        self
    }

    fn tell(&mut self, event: &WatchEvent<'_>) -> &mut Self {
        self.board.fold(event, self.now);
        self
    }

    fn begin(&mut self, cause: PassCause) -> &mut Self {
        self.passes += 1;
        let number = self.passes;
        self.tell(&WatchEvent::PassBegun { number, causes: &[cause] })
    }

    fn pass(&mut self, cause: PassCause, record: PassRecord) -> &mut Self {
        self.begin(cause);
        let record = PassRecord { number: self.passes, causes: vec![cause], ..record };
        self.tell(&WatchEvent::PassEnded(&record))
    }

    fn is(&self, about: About) -> (Truth, &'static str) {
        let condition = self.board.conditions.get(about);
        (condition.truth, condition.reason)
    }

    fn ready(&self) -> (Truth, &'static str) {
        let haproxy = sight(true);
        let condition = self.board.ready(self.now, &haproxy, FRESH);
        (condition.truth, condition.reason)
    }
}

fn sight(answers: bool) -> Sight {
    let mut sight = Sight::default();
    sight.look(answers.then(Process::default), Duration::from_secs(1));
    sight
}

/// A whole pass over revision `a` that planned this and carried it out.
fn record(plan: Plan, report: Report) -> PassRecord {
    PassRecord {
        revision: Some("a".into()),
        is_whole: true,
        is_running: Some(true),
        result: PassResult::of(&plan, &report),
        phases: Phases { apply: Duration::from_millis(1500), ..Phases::default() },
        plan: Some(plan),
        report: Some(report),
        ..PassRecord::default()
    }
}

/// All that a plan says was done, by one command.
fn carried_out(plan: Plan) -> PassRecord {
    let outcomes = vec![Outcome::Done; plan.steps.len()];
    let commands_sent = plan.steps.len();
    record(plan, Report { outcomes, commands_sent, ..Report::nothing(Some(3)) })
}

fn nothing_to_do() -> PassRecord {
    record(Plan::default(), Report::nothing(Some(3)))
}

#[test]
fn a_pass_without_a_rest_makes_it_ready() {
    let mut told = Told::new();
    assert_eq!(told.ready(), (Truth::Unknown, "Starting"));
    told.begin(PassCause::Start);
    assert_eq!(told.is(About::Reconciling), (Truth::True, "Comparing"));
    told.after(2).pass(PassCause::Files, carried_out(samples::runtime_plan()));
    assert_eq!(told.ready(), (Truth::True, "Applied"));
    assert_eq!(told.is(About::Reconciling), (Truth::False, "AtRest"));
    assert_eq!(told.is(About::Stalled).0, Truth::False);
    // Those of the samples.
    assert_eq!((told.is(About::Held).0, told.board.held), (Truth::True, 2));
    let revision = Revision { name: "a".into(), at: told.now.wall };
    assert_eq!(told.board.applied, Some(revision.clone()));
    assert_eq!(told.board.attempted, Some(revision));
    assert_eq!(told.board.plan, samples::runtime_plan().summary());
}

#[test]
fn what_is_left_is_worked_on_and_what_is_invalid_waits_for_a_person() {
    let mut told = Told::new();
    told.pass(PassCause::Start, nothing_to_do());
    let since = told.board.conditions.get(About::Ready).since;
    let mut report = samples::mixed_report();
    report.outcomes[0] = Outcome::Done;
    told.after(5).pass(PassCause::Files, record(samples::runtime_plan(), report));
    assert_eq!(told.ready(), (Truth::False, "Pending"));
    assert_eq!(told.is(About::Reconciling), (Truth::True, "Retrying"));
    assert_eq!(told.board.pending, 1);
    let ready = told.board.conditions.get(About::Ready);
    assert!(ready.message.contains("no good check"), "{ready:?}");
    assert_eq!(ready.since, since + Duration::from_secs(5));

    let invalid = PassResult::Invalid("all.yaml:2:7: there is no kind".into());
    let revision = Some("b".into());
    let record = PassRecord { result: invalid, revision, ..PassRecord::default() };
    told.after(5).pass(PassCause::Files, record);
    assert_eq!(told.ready(), (Truth::False, "InvalidManifests"));
    assert_eq!(told.is(About::Stalled), (Truth::True, "InvalidManifests"));
    assert_eq!(told.is(About::Reconciling), (Truth::False, "AtRest"));
    // It was not ready all the time, for one reason or another.
    assert_eq!(told.board.conditions.get(About::Ready).since, since + Duration::from_secs(5));
    assert_eq!(told.board.applied.as_ref().unwrap().name, "a");
    assert_eq!(told.board.attempted.as_ref().unwrap().name, "b");

    let partial = PassResult::Partial("all.yaml:9:1: what is this?".into());
    told.pass(PassCause::Files, PassRecord { result: partial, ..nothing_to_do() });
    assert_eq!(told.ready(), (Truth::False, "InvalidObjects"));
    assert_eq!(told.is(About::Stalled).0, Truth::True);

    let message = "can't reach it".to_owned();
    let failed = PassRecord { result: PassResult::Failed(message), ..PassRecord::default() };
    told.pass(PassCause::Retry, failed);
    assert_eq!(told.is(About::Stalled).0, Truth::False);
    assert_eq!(told.is(About::Reconciling).0, Truth::True);
}

#[test]
fn a_refusal_waits_for_other_manifests() {
    let loading = Loading::Refused { message: "bad".into(), generation: "g".into() };
    let report = Report { loading, ..Report::nothing(Some(2)) };
    let mut told = Told::new();
    told.pass(PassCause::Files, record(samples::reload_plan(), report));
    assert_eq!(told.ready(), (Truth::False, "Refused"));
    assert_eq!(told.is(About::Stalled).0, Truth::True);
    assert_eq!(told.board.applied, None);
}

#[test]
fn a_guard_waits_for_a_person_but_not_where_time_helps() {
    let mut told = Told::new();
    let mut refuse = |refusals: &[Guard]| {
        let result = PassResult::Failed("guards refuse this plan: it deletes 12 of 20".into());
        let record = PassRecord { result, refusals: refusals.to_vec(), ..PassRecord::default() };
        told.pass(PassCause::Retry, record);
        assert_eq!(told.ready(), (Truth::False, "GuardRefused"));
        (told.is(About::Stalled), told.is(About::Reconciling))
    };
    let stalled = ((Truth::True, "GuardRefused"), (Truth::False, "AtRest"));
    assert_eq!(refuse(&[Guard::MassDelete]), stalled);
    let retrying = ((Truth::False, "Progressing"), (Truth::True, "Retrying"));
    assert_eq!(refuse(&[Guard::OldWorkers]), retrying);
    assert_eq!(refuse(&[Guard::OldWorkers, Guard::EmptyBackend]), stalled);
    let ready = told.board.conditions.get(About::Ready);
    assert!(ready.message.contains("12 of 20"), "{ready:?}");
}

#[test]
fn ready_ends_with_time_and_with_haproxy() {
    let mut told = Told::new();
    told.pass(PassCause::Start, nothing_to_do());
    told.after(FRESH.as_secs());
    assert_eq!(told.ready(), (Truth::True, "Applied"));
    let gone = told.board.ready(told.now, &sight(false), FRESH);
    assert_eq!((gone.truth, gone.reason), (Truth::False, "HaproxySilent"));
    assert_eq!(gone.since, Duration::from_secs(1));
    told.after(1);
    assert_eq!(told.ready(), (Truth::False, "Stale"));
    // Nobody sees to it any more that HAProxy is as the manifests say.
    let event = WatchEvent::Suspended { reason: "night", by: "a@b", since: 0, until: None };
    told.tell(&event);
    assert_eq!(told.ready(), (Truth::False, "Suspended"));
    assert_eq!(told.is(About::Suspended), (Truth::True, "Suspended"));
    assert!(told.board.summary().starts_with("Suspended: night"), "{}", told.board.summary());
    told.tell(&WatchEvent::Resumed);
    assert_eq!(told.is(About::Suspended).0, Truth::False);
    told.pass(PassCause::Resync, nothing_to_do());
    assert_eq!(told.ready(), (Truth::True, "Applied"));
    // A jump of the wall clock is no time that passed.
    let mut told = Told::new();
    told.pass(PassCause::Start, nothing_to_do());
    told.now.wall += Duration::from_secs(86_400);
    assert_eq!(told.ready(), (Truth::True, "Applied"));
}

#[test]
fn while_following_is_suspended_gw_is_at_rest() {
    let mut told = Told::new();
    told.pass(PassCause::Start, nothing_to_do());
    // It was so before gw began.
    let since = Duration::from_secs(1_600_000_000);
    let suspended = |reason: &'static str, since: Duration| {
        let since = since.as_secs();
        WatchEvent::Suspended { reason, by: "a@b", since, until: None }
    };
    let given_up = |told: &mut Told| {
        let result = PassResult::Ended;
        let record = PassRecord { number: told.passes, result, ..PassRecord::default() };
        told.after(1).tell(&WatchEvent::PassEnded(&record));
        assert_eq!(told.is(About::Reconciling), (Truth::False, "AtRest"));
        assert_eq!(told.ready(), (Truth::False, "Suspended"));
    };
    told.begin(PassCause::Operator).tell(&suspended("night", since));
    given_up(&mut told);
    assert_eq!(told.board.conditions.get(About::Suspended).since, since);
    // Somebody asks for a look nevertheless.
    told.begin(PassCause::Asked);
    assert_eq!(told.is(About::Reconciling), (Truth::True, "Comparing"));
    given_up(&mut told);
    // Somebody suspends it anew, for another reason.
    let again = told.now.wall;
    told.begin(PassCause::Operator).tell(&suspended("INC-42", again));
    given_up(&mut told);
    let condition = told.board.conditions.get(About::Suspended);
    assert_eq!((condition.since, &*condition.message), (again, "INC-42 (by a@b)"));
}

#[test]
fn a_stopped_haproxy_is_not_ready() {
    let mut told = Told::new();
    let record = PassRecord { is_running: Some(false), ..nothing_to_do() };
    told.pass(PassCause::Start, record);
    assert_eq!(told.ready(), (Truth::False, "HaproxyStopped"));
    assert_eq!(told.board.last_success, None);
}

#[test]
fn what_was_taken_back_stays_told_until_something_runs() {
    let of = |revision: &str| PassRecord { revision: Some(revision.into()), ..nothing_to_do() };
    let partial = PassResult::Partial("all.yaml:9:1: what is this?".into());
    for (next, expected) in [
        (of("c"), "Replaced"),
        (PassRecord { result: partial, ..of("c-partial") }, "Replaced"),
        // Nothing else makes the pass of a revision that was bad a good one.
        (of("a"), "Retried"),
    ] {
        let mut told = Told::new();
        told.pass(PassCause::Start, nothing_to_do());
        let (revision, message) = (Some("a"), "it can't parse");
        told.tell(&WatchEvent::RolledBack { revision, message, is_good: true });
        assert_eq!(told.is(About::RolledBack), (Truth::True, "TakenBack"));
        assert_eq!((told.ready().0, told.is(About::Stalled).0), (Truth::False, Truth::True));
        // HAProxy is kept at what was good before.
        let stays = PassResult::TakenBack(message.into());
        told.pass(PassCause::Resync, PassRecord { result: stays, ..of("a") });
        assert_eq!(told.is(About::RolledBack), (Truth::True, "TakenBack"));
        told.pass(PassCause::Operator, next);
        assert_eq!(told.is(About::RolledBack), (Truth::False, expected));
        assert_eq!(told.board.taken_back, None);
    }
}

#[test]
fn whoever_has_the_lock_is_waited_for_until_a_pass_is_made() {
    let mut told = Told::new();
    let failed = PassResult::Failed("another gw".into());
    let obstacle = Some(Obstacle::Lock);
    let locked = PassRecord { result: failed, obstacle, ..PassRecord::default() };
    let begun = told.now;
    told.pass(PassCause::Start, locked.clone()).after(5).pass(PassCause::Retry, locked);
    assert_eq!(told.board.locked_out, Some(begun));
    told.pass(PassCause::Retry, nothing_to_do());
    assert_eq!(told.board.locked_out, None);
}

#[test]
fn the_summary_is_one_short_line() {
    let mut told = Told::new();
    let failed = PassResult::Failed(format!("a\nb\u{1b}[2J{}", "x".repeat(1000)));
    told.pass(PassCause::Start, PassRecord { result: failed, ..PassRecord::default() });
    let line = told.board.summary();
    assert!(line.len() <= LINE_MAX && !line.contains(char::is_control), "{line:?}");
    told.tell(&WatchEvent::Stopping);
    assert!(told.board.summary().contains("stopping"));
}
