use crate::{plan::Outcome, report::samples};

use super::*;

fn ends(loading: Loading, outcomes: &[Outcome]) -> Exit {
    exit(&Report { outcomes: outcomes.to_vec(), loading, ..Report::nothing(None) })
}

#[test]
fn the_worst_decides_how_an_apply_ends() {
    let why = || "why".to_owned();
    let pending = Outcome::Pending(why());
    let running = || Loading::Running;
    assert_eq!(ends(running(), &[]), Exit::Ok);
    assert_eq!(ends(Loading::AtStart, &[Outcome::Done]), Exit::Ok);
    assert_eq!(ends(running(), &[Outcome::Done, pending.clone()]), Exit::Incomplete);
    assert_eq!(ends(running(), &[Outcome::Skipped(why())]), Exit::Incomplete);
    assert_eq!(ends(running(), &[pending, Outcome::Failed(why())]), Exit::Error);
    let skipped = [Outcome::Skipped(why())];
    let refused = Loading::Refused { message: why(), generation: why() };
    assert_eq!(ends(refused, &skipped), Exit::Refused);
    assert_eq!(ends(Loading::Broken { message: why() }, &skipped), Exit::Broken);
}

#[test]
fn only_what_removes_or_reloads_is_asked() {
    let (runtime, reload) = (samples::runtime_plan(), samples::reload_plan());
    let asks = |view| disturbance(view).unwrap_or_default();
    assert_eq!(asks(samples::view(&runtime)), "");
    assert_eq!(asks(samples::view(&reload)), "removes 1 object and reloads HAProxy");
    let stopped = PlanView { running: false, ..samples::view(&reload) };
    assert_eq!(asks(stopped), "removes 1 object");
    assert_eq!(asks(samples::view(&samples::long_plan())), "removes 15 objects");
}
