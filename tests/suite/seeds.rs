//! Chains of random steps, each drawn from a seed: those that failed once, then new ones.

use std::env;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::support::versions::{self, Version, newest, oldest};

/// So many chains run at the same time.
const THREADS: usize = 2;

/// A property, tried on chains of steps.
///
/// `<PREFIX>_<UNIT>` sets how many steps are tried, with new seeds each time and on all versions;
/// `<PREFIX>_SEED` sets the first seed, `<PREFIX>_VERSION` the one version, and `<PREFIX>_FAILURES`
/// after how many failures the rest is not worth the time.
pub(crate) struct Campaign {
    /// How the names of its variables begin.
    pub(crate) prefix: &'static str,
    /// What the steps of a chain are called in them.
    pub(crate) unit: &'static str,
    /// So many steps are tried unless the environment says otherwise.
    pub(crate) steps: usize,
    /// So many steps are a chain.
    pub(crate) chain: usize,
    /// The file with the chains that failed once, version and seed a line.
    pub(crate) file: &'static str,
    /// What is in it.
    pub(crate) kept: &'static str,
}

/// A chain: a seed on a version.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) version: &'static Version,
    pub(crate) seed: u64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.seed)
    }
}

impl Campaign {
    /// Runs all chains. Panics where one fails, with the lines to keep and how to run one again.
    pub(crate) fn run(&self, chain: impl Fn(&Sample) -> Result<(), String> + Sync) {
        let samples = self.samples();
        let (queue, failures) = (Mutex::new(samples.iter()), Mutex::new(Vec::new()));
        let (start, over) = (Instant::now(), AtomicBool::new(false));
        let most = self.number("FAILURES").unwrap_or(3);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let next = queue.lock().expect("nobody panics").next();
                        let Some(sample) = next else { return };
                        if let Err(failure) = chain(sample) {
                            eprintln!("{failure}");
                            let mut failures = failures.lock().expect("nobody panics");
                            failures.push(*sample);
                            let is_enough = failures.len() as u64 >= most;
                            over.fetch_or(is_enough, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        println!("{} chains of {} in {:.1?}", samples.len(), self.chain, start.elapsed());
        let failures = failures.into_inner().expect("nobody panics");
        let Some(Sample { version, seed }) = failures.first() else { return };
        let (file, prefix, unit, chain) = (self.file, self.prefix, self.unit, self.chain);
        let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
        panic!(
            "see above; keep these in {file}:\n{}\nand to run one again: {prefix}_SEED={seed} \
             {prefix}_VERSION={version} {prefix}_{unit}={chain} cargo test --test suite -- \
             --nocapture {}",
            lines.join("\n"),
            thread::current().name().unwrap_or_default(),
        );
    }

    fn samples(&self) -> Vec<Sample> {
        let kept = self.kept.lines();
        let kept = kept.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut samples: Vec<Sample> = kept.filter_map(kept_sample).collect();
        let steps = self.number(self.unit);
        // CI repeats itself; whoever asks for more wants something new.
        let fresh = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(0, |now| now.as_secs() << 20)
        };
        let first = match (self.number("SEED"), steps) {
            (Some(seed), _) => {
                samples.clear();
                seed
            }
            (None, Some(_)) => fresh(),
            (None, None) => 0,
        };
        let steps = steps.map_or(self.steps, |steps| usize::try_from(steps).expect("a count"));
        let all: Vec<&Version> = match env::var(format!("{}_VERSION", self.prefix)) {
            Ok(name) => versions::versions().iter().filter(|one| one.to_string() == name).collect(),
            Err(_) if steps > self.steps => versions::versions().iter().collect(),
            Err(_) => vec![oldest(), newest()],
        };
        let seeds = (first..).take(steps.div_ceil(self.chain));
        let versions = all.into_iter().cycle();
        samples.extend(seeds.zip(versions).map(|(seed, version)| Sample { version, seed }));
        samples
    }

    fn number(&self, what: &str) -> Option<u64> {
        let variable = format!("{}_{what}", self.prefix);
        let text = env::var(&variable).ok()?;
        Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
    }
}

/// A line of a file of seeds: version and seed. `None` where that version is not there.
fn kept_sample(line: &str) -> Option<Sample> {
    let mut words = line.split_whitespace();
    let (name, seed) = (words.next()?, words.next()?);
    let seed = seed.parse().unwrap_or_else(|_| panic!("{line:?} names no seed"));
    let version = versions::versions().iter().find(|version| version.to_string() == name)?;
    Some(Sample { version, seed })
}

/// What a chain comes to. A panic of its fixtures is a failure of it like any other.
pub(crate) fn caught(run: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned())
    })
}
