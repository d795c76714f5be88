//! Whether HAProxy serves worse after a change than before it. Pure: what was seen is handed in.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use crate::{
    haproxy::reply::stat::Answers,
    model::{BackendName, Live, Process},
};

/// Of fewer answers no share is told.
const FEW: u64 = 10;
/// A backend that answered too little before is worse from this share of errors on, in percent: requests
/// that another one answered before may have been turned to it.
const UNKNOWN: u64 = 50;

/// What counts as worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long HAProxy is looked at after a change.
    pub period: Duration,
    /// The least share of a backend's servers, in percent, that must be up at the end of it.
    pub servers_up: u8,
    /// By how many percentage points the share of a backend's answers with a status of 5xx may rise.
    pub errors: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { period: Duration::from_secs(15), servers_up: 50, errors: 5 }
    }
}

/// How many servers of each backend are up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census(BTreeMap<String, Servers>);

/// The servers of a backend that are meant to serve: those in maintenance do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Servers {
    up: usize,
    all: usize,
}

impl Census {
    /// Counts the servers of all backends that were read, or of these.
    pub fn of(live: &Live, backends: Option<&BTreeSet<BackendName>>) -> Self {
        let counts = |name: &str| backends.is_none_or(|names| names.contains(name));
        let backends = live.backends.iter().filter(|(name, _)| counts(name));
        Self(
            backends
                .map(|(name, servers)| {
                    let meant = servers.values().filter(|server| !server.maintenance);
                    let (mut up, mut all) = (0, 0);
                    for server in meant {
                        all += 1;
                        up += usize::from(server.up);
                    }
                    (name.clone(), Servers { up, all })
                })
                .collect(),
        )
    }
}

impl Census {
    /// This one, and of the other one what this one has not.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (backend, servers) in other.0 {
            self.0.entry(backend).or_insert(servers);
        }
        self
    }
}

/// How requests were answered until a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The process that answered them, and began to count at 0.
    pub process: Process,
    /// The answers of each backend.
    pub backends: BTreeMap<String, Answers>,
}

impl Traffic {
    /// What was answered since an earlier moment: all of it where another process answered then.
    fn since(&self, earlier: &Self) -> BTreeMap<&str, Answers> {
        let is_same = self.process == earlier.process;
        let since = |(name, now): (&'_ String, &Answers)| {
            let before =
                earlier.backends.get(name).copied().filter(|_| is_same).unwrap_or_default();
            let all = now.all.saturating_sub(before.all);
            Answers { all, errors: now.errors.saturating_sub(before.errors) }
        };
        self.backends.iter().map(|entry| (entry.0.as_str(), since(entry))).collect()
    }
}

/// How requests to each backend are answered while nothing is on trial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    last: Traffic,
    backends: BTreeMap<String, Answers>,
}

impl Usual {
    /// Takes in what was answered until now. What was answered since the last time counts, or all that
    /// a new process answered; where that is little, what was usual stays so.
    pub fn note(&mut self, now: Traffic) {
        let recent = now.since(&self.last).into_iter().filter(|(_, answers)| answers.all >= FEW);
        self.backends.extend(recent.map(|(backend, answers)| (backend.to_owned(), answers)));
        self.backends.retain(|backend, _| now.backends.contains_key(backend));
        self.last = now;
    }
}

/// What is known of a change on trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What counts as worse.
    pub limits: Limits,
    /// The servers before it.
    pub servers: Census,
    /// The answers before it.
    pub usual: Usual,
    /// The answers until right after it.
    pub begin: Traffic,
}

/// A backend that serves worse than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worse {
    /// The backend.
    pub backend: String,
    /// In what way.
    pub how: How,
}

/// In what way a backend serves worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Too few servers are up: now and before, each out of so many.
    Servers {
        /// Up and all, now.
        now: (usize, usize),
        /// Up and all, before.
        before: (usize, usize),
    },
    /// Too many answers are errors: percent now and before, and of how many answers.
    Errors {
        /// Percent, now.
        now: u64,
        /// Percent, before.
        before: u64,
        /// The answers since the change.
        of: u64,
    },
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = &self.backend;
        match self.how {
            How::Servers { now: (up, all), before: (up_before, all_before) } => write!(
                f,
                "backend {backend} has {up} of {all} servers up, and had {up_before} of \
                 {all_before} before"
            ),
            How::Errors { now, before, of } => write!(
                f,
                "backend {backend} answered {now}% of {of} requests with 5xx, and {before}% before"
            ),
        }
    }
}

impl Trial {
    /// The backends whose requests fail more often than before; of those that answered too little
    /// before, the ones that fail half of them.
    pub fn errors(&self, now: &Traffic) -> Vec<Worse> {
        let since = now.since(&self.begin).into_iter();
        since
            .filter_map(|(backend, answers)| {
                let before = self.usual.backends.get(backend).map(|before| percent(*before));
                let rise = u64::from(self.limits.errors);
                let most = before.map_or(UNKNOWN.max(rise), |before| before + rise);
                let (now, before) = (percent(answers), before.unwrap_or_default());
                let is_worse = answers.all >= FEW && now > most;
                let how = How::Errors { now, before, of: answers.all };
                is_worse.then(|| Worse { backend: backend.to_owned(), how })
            })
            .collect()
    }

    /// Whether all that was answered since the change shows that it is good: nothing is worse, and there
    /// was something to answer.
    pub fn is_proven(&self, now: &Traffic) -> bool {
        let answers = now.since(&self.begin).into_values().map(|answers| answers.all);
        answers.max().is_some_and(|most| most >= FEW) && self.errors(now).is_empty()
    }

    /// The backends that have too few servers up, and a smaller share than before.
    pub fn servers(&self, now: &Census) -> Vec<Worse> {
        let least = usize::from(self.limits.servers_up);
        now.0
            .iter()
            .filter_map(|(backend, now)| {
                let before = self.servers.0.get(backend)?;
                let is_few = now.up * 100 < least * now.all;
                let is_fewer = now.up * before.all < before.up * now.all;
                let how = How::Servers { now: (now.up, now.all), before: (before.up, before.all) };
                (is_few && is_fewer).then(|| Worse { backend: backend.clone(), how })
            })
            .collect()
    }
}

/// The share of errors, rounded up: one error is more than none.
fn percent(answers: Answers) -> u64 {
    (answers.errors * 100).div_ceil(answers.all.max(1))
}
