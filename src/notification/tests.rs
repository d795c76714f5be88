use crate::plan::{Plan, Report};

use super::*;

fn pass(revision: &str, result: PassResult) -> PassRecord {
    PassRecord { revision: Some(revision.to_owned()), result, ..PassRecord::default() }
}

#[test]
fn a_revision_is_told_once_for_each_outcome() {
    let mut told = Told::default();
    let failed = || PassResult::Failed("m".into());
    let mut news = |revision, result| told.news(&pass(revision, result));
    assert_eq!(news("a", PassResult::Done), News::Good);
    assert_eq!(news("a", PassResult::Done), News::None);
    assert_eq!(news("a", PassResult::Pending("w".into())), News::None);
    assert_eq!(news("b", failed()), News::Bad);
    assert_eq!(news("b", PassResult::Refused("m".into())), News::None);
    assert_eq!(news("b", PassResult::Done), News::Good);
    assert_eq!(news("c", PassResult::Done), News::Good);
}

#[test]
fn a_start_at_which_all_is_well_is_no_news() {
    let start = |plan: Plan| PassRecord {
        number: 1,
        plan: Some(plan),
        report: Some(Report::nothing(None)),
        ..pass("a", PassResult::Done)
    };
    let mut told = Told::default();
    assert_eq!(told.news(&start(Plan::default())), News::None);
    assert_eq!(told.news(&pass("a", PassResult::Done)), News::None);
    assert_eq!(Told::default().news(&start(crate::report::samples::reload_plan())), News::Good);
}

#[test]
fn what_the_health_gate_has_not_judged_is_no_success_yet() {
    let on_trial = |revision| PassRecord { is_on_trial: true, ..pass(revision, PassResult::Done) };
    let mut told = Told::default();
    assert_eq!(told.news(&on_trial("a")), News::Withheld);
    assert_eq!(told.news(&on_trial("a")), News::Withheld);
    assert_eq!(told.news(&pass("a", PassResult::TakenBack("w".into()))), News::Bad);
    assert_eq!(told.news(&on_trial("b")), News::Withheld);
    assert_eq!(told.news(&pass("b", PassResult::Done)), News::Good);
    // A correction of what was told.
    assert_eq!(told.news(&on_trial("b")), News::None);
}

#[tokio::test]
async fn what_was_withheld_is_of_the_revision_that_is_judged() {
    let on_trial = |revision| PassRecord { is_on_trial: true, ..pass(revision, PassResult::Done) };
    let mut notifier = Notifier::start(&[], "h".into(), Counter::default());
    let mut tell = |record: &PassRecord, now: u64| {
        notifier.tell(record, Duration::from_secs(now));
        notifier.withheld.clone()
    };
    let first = tell(&on_trial("a"), 1).unwrap();
    // The pass that made the change tells more than a later look.
    assert_eq!(tell(&on_trial("a"), 2), Some(first));
    let other = tell(&on_trial("b"), 3).unwrap();
    assert_eq!(other.0.as_deref(), Some("b"));
    assert_eq!(tell(&pass("b", PassResult::Failed("m".into())), 4), None);
    assert!(tell(&on_trial("b"), 5).is_some());
    notifier.tell_withheld();
    assert_eq!(notifier.told.news(&pass("b", PassResult::Done)), News::None);
    // Back at what was told as good: there is nothing to tell of what came in between.
    notifier.tell(&on_trial("c"), Duration::from_secs(6));
    notifier.tell(&on_trial("b"), Duration::from_secs(7));
    assert_eq!(notifier.withheld, None);
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let url = "http://127.0.0.1:9/".parse().unwrap();
    let target = Target { url, success: true, failure: false };
    let failures = Counter::default();
    let mut notifier = Notifier::start(&[target], "h".into(), failures.clone());
    for number in 0..QUEUE + 7 {
        notifier.tell(&pass(&number.to_string(), PassResult::Done), Duration::ZERO);
        // Not wanted, so not queued.
        let failed = PassResult::Failed("m".into());
        notifier.tell(&pass(&number.to_string(), failed), Duration::ZERO);
    }
    assert_eq!(failures.get(), 7);
}
