use crate::guard::Guard;

use super::*;

impl Told {
    fn stands(&self, haproxy: &Sight) -> (Sync, Health) {
        let is_ready = self.board.ready(self.now, haproxy, FRESH).truth == Truth::True;
        (self.board.sync(haproxy, is_ready), self.board.health(haproxy))
    }
}

#[test]
fn what_runs_and_how_it_serves_are_two_things() {
    let (up, down) = (sight(true), sight(false));
    let mut told = Told::new();
    assert_eq!(told.stands(&Sight::default()), (Sync::Unknown, Health::Unknown));
    assert_eq!(told.stands(&up), (Sync::Unknown, Health::Healthy));
    told.pass(PassCause::Start, nothing_to_do());
    assert_eq!(told.stands(&up), (Sync::Synced, Health::Healthy));
    assert_eq!(told.stands(&down), (Sync::Unknown, Health::Down));
    // What is seen too seldom.
    told.after(FRESH.as_secs() + 1);
    assert_eq!(told.stands(&up), (Sync::Unknown, Health::Healthy));

    // A mistake in the manifests is no matter of HAProxy's.
    let invalid = PassResult::Invalid("all.yaml:2:7: there is no kind".into());
    told.pass(PassCause::Files, PassRecord { result: invalid, ..PassRecord::default() });
    assert_eq!(told.stands(&up), (Sync::OutOfSync, Health::Healthy));
    assert_eq!(told.stands(&down), (Sync::Unknown, Health::Down));
    let failed = PassRecord { result: PassResult::Failed("m".into()), ..PassRecord::default() };
    told.pass(PassCause::Files, failed.clone());
    assert_eq!(told.stands(&up), (Sync::Unknown, Health::Healthy));
    let refusals = vec![Guard::MassDelete];
    told.pass(PassCause::Files, PassRecord { refusals, ..failed });
    assert_eq!(told.stands(&up), (Sync::OutOfSync, Health::Healthy));
    let suspended = WatchEvent::Suspended { reason: "night", by: "a@b", since: 0, until: None };
    told.begin(PassCause::Operator).tell(&suspended).tell(&WatchEvent::PassEnded(&{
        PassRecord { result: PassResult::Ended, ..PassRecord::default() }
    }));
    assert_eq!(told.stands(&up), (Sync::Unknown, Health::Healthy));
}

#[test]
fn drift_that_is_left_is_out_of_sync() {
    let mut told = Told::new();
    let drift_left = vec![samples::server("web", "a")];
    told.pass(PassCause::Resync, PassRecord { drift_left, ..nothing_to_do() });
    assert_eq!(told.stands(&sight(true)), (Sync::OutOfSync, Health::Healthy));
}

#[test]
fn what_waits_for_its_first_good_check_degrades() {
    let mut told = Told::new();
    let pending = |index: usize, plan: Plan| {
        let mut outcomes = vec![Outcome::Done; plan.steps.len()];
        outcomes[index] = Outcome::Pending("it waits".into());
        record(plan, Report { outcomes, ..Report::nothing(Some(3)) })
    };
    let up = sight(true);
    // The second one adds a server.
    told.pass(PassCause::Files, pending(1, samples::runtime_plan()));
    assert_eq!(told.stands(&up), (Sync::OutOfSync, Health::Degraded));
    // A pass that sees nothing of HAProxy does not know better.
    let failed = PassResult::Failed("m".into());
    told.pass(PassCause::Retry, PassRecord { result: failed, ..PassRecord::default() });
    assert_eq!(told.stands(&up), (Sync::Unknown, Health::Degraded));
    // The second one takes a server away.
    told.pass(PassCause::Retry, pending(1, samples::reload_plan()));
    assert_eq!(told.stands(&up), (Sync::OutOfSync, Health::Healthy));
    let loading = Loading::Broken { message: "bad".into() };
    let broken = Report { loading, ..Report::nothing(Some(3)) };
    told.pass(PassCause::Files, record(samples::reload_plan(), broken));
    assert_eq!(told.stands(&up), (Sync::OutOfSync, Health::Degraded));
}
