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
    assert_eq!(news("a", PassResult::Done), Some(true));
    assert_eq!(news("a", PassResult::Done), None);
    assert_eq!(news("a", PassResult::Pending("w".into())), None);
    assert_eq!(news("b", failed()), Some(false));
    assert_eq!(news("b", PassResult::Refused("m".into())), None);
    assert_eq!(news("b", PassResult::Done), Some(true));
    assert_eq!(news("c", PassResult::Done), Some(true));
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
    assert_eq!(told.news(&start(Plan::default())), None);
    assert_eq!(told.news(&pass("a", PassResult::Done)), None);
    assert_eq!(Told::default().news(&start(crate::report::samples::reload_plan())), Some(true));
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
