//! The convergence property, on real processes: an HAProxy that ran on manifests A and had B
//! applied is in nothing different from one that was started cold on B.
//!
//! A seed leads to a chain of manifest sets, each made from the one before as a commit would make
//! it. HAProxy is started on the first; each further one is applied and checked. Seeds that once
//! failed are kept in `tests/convergence-seeds.txt` and tried first.
//!
//! `GW_CONVERGENCE_PAIRS` sets how many pairs are tried, with new seeds each time and on all
//! versions; `GW_CONVERGENCE_SEED` sets the first seed, and `GW_CONVERGENCE_VERSION` the one version.

mod chain;
mod edit;
mod generate;
mod model;
mod oracle;
mod origins;
mod pools;
mod table;
mod write;

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use self::chain::{STEPS, Sample};
use self::origins::Origins;
use crate::support::random::Random;
use crate::support::versions::{self, Version, newest, oldest};

/// How many pairs are tried unless the environment says otherwise.
const PAIRS: usize = 200;
/// So many chains run at the same time.
const THREADS: usize = 2;

#[test]
fn after_an_apply_haproxy_is_as_if_started_on_the_manifests() {
    let samples = samples();
    let origins = Origins::start();
    let (queue, failures) = (Mutex::new(samples.iter()), Mutex::new(Vec::new()));
    let (start, over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let Some(sample) = queue.lock().expect("nobody panics").next() else { return };
                    if let Err(failure) = chain::run(sample, &origins) {
                        eprintln!("{failure}");
                        let mut failures = failures.lock().expect("nobody panics");
                        failures.push(sample.to_string());
                        over.fetch_or(failures.len() >= most_failures(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!("{} chains of {STEPS} pairs in {:.1?}", samples.len(), start.elapsed());
    let failures = failures.into_inner().expect("nobody panics");
    assert!(
        failures.is_empty(),
        "see above; keep these in tests/convergence-seeds.txt:\n{}",
        failures.join("\n")
    );
}

/// All chains to try: those that once failed, then new ones.
fn samples() -> Vec<Sample> {
    let kept = include_str!("../convergence-seeds.txt").lines();
    let kept = kept.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut samples: Vec<Sample> = kept.filter_map(kept_sample).collect();
    let pairs = number("GW_CONVERGENCE_PAIRS");
    // CI repeats itself; whoever asks for more wants something new.
    let fresh = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs() << 20)
    };
    let first = match (number("GW_CONVERGENCE_SEED"), pairs) {
        (Some(seed), _) => {
            samples.clear();
            seed
        }
        (None, Some(_)) => fresh(),
        (None, None) => 0,
    };
    let pairs = pairs.map_or(PAIRS, |pairs| usize::try_from(pairs).expect("a count"));
    let all: Vec<&Version> = match env::var("GW_CONVERGENCE_VERSION") {
        Ok(name) => versions::versions().iter().filter(|one| one.to_string() == name).collect(),
        Err(_) if pairs > PAIRS => versions::versions().iter().collect(),
        Err(_) => vec![oldest(), newest()],
    };
    let seeds = (first..).take(pairs.div_ceil(STEPS));
    let versions = all.into_iter().cycle();
    samples.extend(seeds.zip(versions).map(|(seed, version)| Sample::new(version, seed)));
    samples
}

/// A line of the file of seeds: version and seed. `None` where that version is not there.
fn kept_sample(line: &str) -> Option<Sample> {
    let mut words = line.split_whitespace();
    let (name, seed) = (words.next()?, words.next()?);
    let seed = seed.parse().unwrap_or_else(|_| panic!("{line:?} names no seed"));
    let version = versions::versions().iter().find(|version| version.to_string() == name)?;
    Some(Sample::new(version, seed))
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// After so many failures the rest is not worth the time.
fn most_failures() -> usize {
    number("GW_CONVERGENCE_FAILURES").map_or(3, |most| usize::try_from(most).expect("a count"))
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
