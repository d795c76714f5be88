//! What is measured, from the environment.

use std::{env, fmt, str::FromStr};

use crate::support::versions::{self, Version};

/// A group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Ten servers of one backend.
    Moving,
    /// The same by a push to a repository.
    Push,
    /// A plan with nothing to do, and memory.
    Idle,
    /// Ten thousand servers.
    Bulk,
    /// Requests while gw is at work.
    Latency,
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "moving" => Ok(Self::Moving),
            "push" => Ok(Self::Push),
            "idle" => Ok(Self::Idle),
            "bulk" => Ok(Self::Bulk),
            "latency" => Ok(Self::Latency),
            other => Err(format!("{other:?} is none of moving, push, idle, bulk, latency")),
        }
    }
}

/// What is measured:
/// - `GW_BENCH_SIZES`, numbers of backends: `100 1000 10000`
/// - `GW_BENCH_VERSIONS`, of HAProxy: `2.6 3.4`, or the oldest and the newest there are
/// - `GW_BENCH_FIGURES`: `moving push idle bulk latency`
/// - `GW_BENCH_RUNS`, how often each is measured: 5
pub(crate) struct Options {
    pub(crate) sizes: Vec<usize>,
    pub(crate) versions: Vec<Version>,
    /// The versions on which latency is measured: all, unless `GW_BENCH_VERSIONS` says otherwise.
    pub(crate) all_versions: Vec<Version>,
    /// The estate on which latency is measured.
    pub(crate) latency_size: usize,
    pub(crate) runs: usize,
    figures: Vec<Figure>,
}

impl Options {
    pub(crate) fn from_environment() -> Self {
        let named = words::<String>("GW_BENCH_VERSIONS");
        let chosen = |version: &&Version| named.contains(&version.to_string());
        let all = versions::versions();
        let (versions, all_versions) = if named.is_empty() {
            let mut ends = vec![versions::oldest().clone(), versions::newest().clone()];
            ends.dedup();
            (ends, all.to_vec())
        } else {
            let chosen: Vec<Version> = all.iter().filter(chosen).cloned().collect();
            (chosen.clone(), chosen)
        };
        assert!(!versions.is_empty(), "no HAProxy {} here", named.join(" "));
        Self {
            sizes: or(words("GW_BENCH_SIZES"), &[100, 1_000, 10_000]),
            versions,
            all_versions,
            latency_size: or(words("GW_BENCH_LATENCY_SIZE"), &[1_000])[0],
            runs: or(words("GW_BENCH_RUNS"), &[5])[0],
            figures: or(
                words("GW_BENCH_FIGURES"),
                &[Figure::Moving, Figure::Push, Figure::Idle, Figure::Bulk, Figure::Latency],
            ),
        }
    }

    pub(crate) fn measures(&self, figure: Figure) -> bool {
        self.figures.contains(&figure)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<&str> =
            self.all_versions.iter().map(|version| version.full.as_str()).collect();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        write!(f, "HAProxy {}, {cores} cores, medians of {} runs", versions.join(", "), self.runs)
    }
}

/// The words of a variable.
fn words<T: FromStr<Err: fmt::Display>>(name: &str) -> Vec<T> {
    let text = env::var(name).unwrap_or_default();
    let parse =
        |word: &str| word.parse().unwrap_or_else(|error| panic!("{name}: {word:?}: {error}"));
    text.split_whitespace().map(parse).collect()
}

fn or<T: Clone>(chosen: Vec<T>, otherwise: &[T]) -> Vec<T> {
    if chosen.is_empty() { otherwise.to_vec() } else { chosen }
}
