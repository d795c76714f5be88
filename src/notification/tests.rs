use crate::plan::{Outcome, Plan, Report};

use super::*;

fn pass(revision: &str, result: PassResult) -> PassRecord {
    PassRecord { revision: Some(revision.to_owned()), result, ..PassRecord::default() }
}

/// So long after gw began.
fn at(up: u64) -> Moment {
    Moment { up: Duration::from_secs(up), ..Moment::default() }
}

/// Who is told, and of what: the number of the pass and the outcome.
struct Told {
    notifier: Notifier,
    inbox: mpsc::Receiver<Bytes>,
}

impl Told {
    fn new() -> Self {
        let mut notifier = Notifier::start(&[], "h".into(), Counter::default());
        let (sender, inbox) = mpsc::channel(QUEUE);
        let url = "http://127.0.0.1:9/".parse().unwrap();
        notifier.queues.push((Target { url, success: true, failure: true }, sender));
        Self { notifier, inbox }
    }

    fn hear(&mut self, pass: &PassRecord) -> Vec<String> {
        self.hear_at(0, pass)
    }

    fn hear_at(&mut self, up: u64, pass: &PassRecord) -> Vec<String> {
        self.notifier.tell(pass, at(up));
        self.all()
    }

    fn judge(&mut self, generation: u64) -> Vec<String> {
        self.notifier.hear_judgement(generation, true);
        self.all()
    }

    fn end_look(&mut self, generation: u64) -> Vec<String> {
        self.notifier.hear_judgement(generation, false);
        self.all()
    }

    fn all(&mut self) -> Vec<String> {
        let read = |body: Bytes| {
            let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let word = |key: &str| document[key].as_str().unwrap().to_owned();
            format!("{} {} {}", document["pass"], word("revision"), word("outcome"))
        };
        std::iter::from_fn(|| self.inbox.try_recv().ok()).map(read).collect()
    }
}

const NOTHING: [&str; 0] = [];

fn failed() -> PassResult {
    PassResult::Failed("m".into())
}

#[tokio::test]
async fn a_revision_is_told_once_for_each_outcome() {
    let mut told = Told::new();
    let mut hear = |revision, result| told.hear(&pass(revision, result));
    assert_eq!(hear("a", PassResult::Done), ["0 a success"]);
    assert_eq!(hear("a", PassResult::Done), NOTHING);
    assert_eq!(hear("a", PassResult::Pending("w".into())), NOTHING);
    assert_eq!(hear("b", failed()), ["0 b failure"]);
    assert_eq!(hear("b", PassResult::Refused("m".into())), NOTHING);
    assert_eq!(hear("b", PassResult::Done), ["0 b success"]);
    assert_eq!(hear("c", PassResult::Done), ["0 c success"]);
}

#[tokio::test]
async fn a_start_at_which_all_is_well_is_no_news() {
    let start = |plan: Plan| PassRecord {
        number: 1,
        plan: Some(plan),
        report: Some(Report::nothing(None)),
        ..pass("a", PassResult::Done)
    };
    let mut told = Told::new();
    assert_eq!(told.hear(&start(Plan::default())), NOTHING);
    assert_eq!(told.hear(&pass("a", PassResult::Done)), NOTHING);
    let plan = crate::report::samples::reload_plan();
    let report =
        Some(Report { outcomes: vec![Outcome::Done; plan.steps.len()], ..Report::nothing(None) });
    let first = PassRecord { report, ..start(plan) };
    assert_eq!(Told::new().hear(&first), ["1 a success"]);
}

#[tokio::test]
async fn success_waits_for_the_health_gate() {
    let on_trial = |number, revision, generation| PassRecord {
        number,
        on_trial: Some(generation),
        ..pass(revision, PassResult::Done)
    };
    let mut told = Told::new();
    assert_eq!(told.hear(&pass("a", PassResult::Done)), ["0 a success"]);
    assert_eq!(told.hear(&on_trial(1, "b", 7)), NOTHING);
    // The pass that made the change tells more than a later look.
    assert_eq!(told.hear(&on_trial(2, "b", 7)), NOTHING);
    assert_eq!(told.judge(6), NOTHING);
    assert_eq!(told.judge(7), ["1 b success"]);
    assert_eq!(told.hear(&pass("b", PassResult::Done)), NOTHING);
    // A correction of what was told.
    assert_eq!(told.hear(&on_trial(3, "b", 8)), NOTHING);
    assert_eq!(told.judge(8), NOTHING);

    // Two that ask for the same are judged together.
    assert_eq!(told.hear(&on_trial(4, "c", 9)), NOTHING);
    assert_eq!(told.hear(&on_trial(5, "d", 9)), NOTHING);
    assert_eq!(told.judge(9), ["4 c success", "5 d success"]);
    // One that another one replaces is not judged.
    assert_eq!(told.hear(&on_trial(6, "e", 10)), NOTHING);
    assert_eq!(told.hear(&on_trial(7, "f", 11)), NOTHING);
    assert_eq!(told.judge(11), ["7 f success"]);
}

#[tokio::test]
async fn what_fails_while_another_one_is_on_trial_takes_nothing_from_it() {
    let on_trial = |revision| PassRecord { on_trial: Some(7), ..pass(revision, PassResult::Done) };
    let mut told = Told::new();
    assert_eq!(told.hear(&on_trial("b")), NOTHING);
    assert_eq!(told.hear(&pass("c", failed())), ["0 c failure"]);
    assert_eq!(told.judge(7), ["0 b success"]);
    assert_eq!(told.hear(&pass("c", failed())), NOTHING, "it is told once");

    // Its own failure does, also one that was told before.
    assert_eq!(told.hear(&pass("d", failed())), ["0 d failure"]);
    assert_eq!(told.hear(&on_trial("d")), NOTHING);
    assert_eq!(told.hear(&pass("d", failed())), NOTHING);
    assert_eq!(told.judge(7), NOTHING);
    // Where the gate gave up, the next pass tells.
    assert_eq!(told.hear(&on_trial("d")), NOTHING);
    assert_eq!(told.hear(&pass("d", PassResult::Done)), ["0 d success"]);
    assert_eq!(told.judge(7), NOTHING);
}

#[tokio::test]
async fn what_nobody_judged_is_not_told_as_good() {
    let on_trial = |number, revision| PassRecord {
        number,
        on_trial: Some(7),
        ..pass(revision, PassResult::Done)
    };
    let mut told = Told::new();
    assert_eq!(told.hear(&pass("a", PassResult::Done)), ["0 a success"]);
    // Another generation took its place, by `gw rollback` by hand for one.
    assert_eq!(told.hear(&on_trial(1, "b")), NOTHING);
    assert_eq!(told.end_look(6), NOTHING);
    assert_eq!(told.end_look(7), NOTHING);
    assert_eq!(told.judge(7), NOTHING);
    assert_eq!(told.hear(&pass("a", PassResult::Done)), NOTHING);
    // Somebody suspended following and resumed it: the pass after that finds it to run.
    assert_eq!(told.hear(&on_trial(2, "c")), NOTHING);
    assert_eq!(told.hear(&pass("c", PassResult::Ended)), NOTHING);
    assert_eq!(told.end_look(7), NOTHING);
    assert_eq!(told.hear(&pass("c", PassResult::Done)), ["0 c success"]);
}

#[tokio::test]
async fn what_waits_for_long_is_told_once() {
    let pending = || PassResult::Pending("no good check".into());
    let mut told = Told::new();
    let mut hear = |up, revision, result| told.hear_at(up, &pass(revision, result));
    assert_eq!(hear(0, "a", PassResult::Done), ["0 a success"]);
    // Each revision has its time, and so has each wait.
    assert_eq!(hear(10, "a", pending()), NOTHING);
    assert_eq!(hear(200, "b", pending()), NOTHING);
    assert_eq!(hear(499, "b", pending()), NOTHING);
    assert_eq!(hear(500, "b", pending()), ["0 b failure"]);
    assert_eq!(hear(560, "b", pending()), NOTHING);
    assert_eq!(hear(600, "b", PassResult::Done), ["0 b success"]);
    assert_eq!(hear(900, "b", pending()), NOTHING);
}

#[tokio::test]
async fn a_repository_that_can_not_be_followed_is_told() {
    let mut told = Told::new();
    told.notifier.tell_source(SourceAnswer::Unverified("it is not signed"), 3, at(0));
    let document = told.inbox.try_recv().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    let word = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((&*word("about"), &*word("outcome")), ("source", "failure"));
    assert_eq!((&*word("result"), &*word("message")), ("failed", "it is not signed"));
    assert_eq!((&document["pass"], &document["revision"]), (&3.into(), &().into()));
    let good = SourceAnswer::Revision { name: "b", is_verified: true };
    told.notifier.tell_source(good, 3, at(30));
    let document = told.inbox.try_recv().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!((&document["about"], &document["outcome"]), (&"source".into(), &"success".into()));
    assert!(document["message"].is_null(), "{document}");
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let url = "http://127.0.0.1:9/".parse().unwrap();
    let target = Target { url, success: true, failure: false };
    let failures = Counter::default();
    let mut notifier = Notifier::start(&[target], "h".into(), failures.clone());
    for number in 0..QUEUE + 7 {
        notifier.tell(&pass(&number.to_string(), PassResult::Done), at(0));
        // Not wanted, so not queued.
        let failed = PassResult::Failed("m".into());
        notifier.tell(&pass(&number.to_string(), failed), at(0));
    }
    assert_eq!(failures.get(), 7);
}
