//! Random commits, and something bad that happens to each.
//!
//! A seed leads to a chain of manifest sets on one HAProxy ([`convergence`](crate::convergence) draws
//! them) and to a calamity for each. After every one of them the next pass must converge, a cold start
//! work and the journal be whole; at the end HAProxy must be in nothing different from one that was
//! started on the last set. Seeds that failed once are kept in `tests/kill-seeds.txt`;
//! `GW_KILL_RUNS` and its like ([`Campaign`]) say what is tried.

mod calamity;

use std::sync::atomic::{AtomicUsize, Ordering};

use self::calamity::Calamity;
use super::unfit;
use crate::convergence::chain::Pair;
use crate::convergence::origins::Origins;
use crate::convergence::{edit, generate, table};
use crate::seeds::{Campaign, Sample, caught};
use crate::support::random::Random;

/// So many calamities come over one HAProxy.
const STEPS: usize = 10;

const CAMPAIGN: Campaign = Campaign {
    prefix: "GW_KILL",
    unit: "RUNS",
    steps: 300,
    chain: STEPS,
    file: "tests/kill-seeds.txt",
    kept: include_str!("../../kill-seeds.txt"),
};

#[test]
fn whatever_happens_the_next_pass_converges() {
    let origins = Origins::start();
    let (runs, cut) = (AtomicUsize::new(0), AtomicUsize::new(0));
    CAMPAIGN.run(|sample| run(sample, &origins, &runs, &cut));
    let (runs, cut) = (runs.into_inner(), cut.into_inner());
    println!("{runs} calamities, {cut} of them ended gw in the middle");
    // Many a moment comes after the end.
    assert!(cut * 6 >= runs, "only {cut} of {runs} calamities ended gw in the middle");
}

/// Runs a chain. The error tells all there is to know about the first failure.
fn run(
    sample: &Sample,
    origins: &Origins,
    runs: &AtomicUsize,
    cut: &AtomicUsize,
) -> Result<(), String> {
    let mut random = Random::new(sample.seed);
    let mut old = generate::set(&mut random);
    let mut pair = Pair::start(sample.version, origins);
    pair.write(&old);
    let (mut step, mut happened) = (0, Calamity::Nothing);
    let outcome = caught(|| {
        pair.begin()?;
        while step < STEPS {
            step += 1;
            let new = edit::next(&old, &mut random);
            pair.write(&new);
            happened = Calamity::draw(&mut random);
            cut.fetch_add(usize::from(happened.strike(&mut pair.rig)?), Ordering::Relaxed);
            runs.fetch_add(1, Ordering::Relaxed);
            recover(&pair)?;
            if step == STEPS {
                pair.reach(&new, &table::requests(&old, &new, &mut random))?;
            }
            old = new;
        }
        Ok(())
    });
    outcome.map_err(|why| {
        let Pair { before, now, .. } = &pair;
        format!(
            "=== seed `{sample}`, step {step} of {STEPS}, {happened:?}: {why}\n\
             --- from\n{before}--- to\n{now}\n"
        )
    })
}

/// What a cold start and the next pass make of what is there.
fn recover(pair: &Pair<'_>) -> Result<(), String> {
    unfit(&pair.rig).map_or(Ok(()), Err)?;
    let outcome = pair.rig.apply();
    if outcome.code != Some(0) {
        return Err(format!("the next pass failed: {}", outcome.transcript()));
    }
    pair.rig.contradiction().map_or(Ok(()), Err)?;
    unfit(&pair.rig).map_or(Ok(()), Err)
}
