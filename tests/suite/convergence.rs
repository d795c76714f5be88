//! The convergence property, on real processes: an HAProxy that ran on manifests A and had B
//! applied is in nothing different from one that was started cold on B.
//!
//! A seed leads to a chain of manifest sets, each made from the one before as a commit would make
//! it. HAProxy is started on the first; each further one is applied and checked. Seeds that once
//! failed are kept in `tests/convergence-seeds.txt` and tried first. `GW_CONVERGENCE_PAIRS` and its
//! like ([`Campaign`]) say what is tried.

pub(crate) mod chain;
pub(crate) mod edit;
pub(crate) mod generate;
mod model;
mod oracle;
pub(crate) mod origins;
mod pools;
pub(crate) mod table;
mod write;

use self::chain::STEPS;
use self::origins::Origins;
use crate::seeds::Campaign;
use crate::support::random::Random;

const CAMPAIGN: Campaign = Campaign {
    prefix: "GW_CONVERGENCE",
    unit: "PAIRS",
    steps: 200,
    chain: STEPS,
    file: "tests/convergence-seeds.txt",
    kept: include_str!("../convergence-seeds.txt"),
};

#[test]
fn after_an_apply_haproxy_is_as_if_started_on_the_manifests() {
    let origins = Origins::start();
    CAMPAIGN.run(|sample| chain::run(sample, &origins));
}

#[test]
fn the_limits_of_names_are_reached() {
    assert_eq!(pools::LONGEST_LABEL.len(), 63);
    assert_eq!(pools::LONGEST_HOST.len(), 253);
    assert_eq!(pools::LONGEST_PATH.len(), 1024);
    let mut random = Random::new(1);
    let sets: Vec<String> = (0..500).map(|_| format!("{:?}", generate::set(&mut random))).collect();
    for limit in [pools::LONGEST_LABEL, pools::LONGEST_HOST, pools::LONGEST_PATH] {
        assert!(sets.iter().any(|set| set.contains(limit)), "never drawn: {limit}");
    }
}
