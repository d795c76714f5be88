//! One chain of sets on one HAProxy, and what is checked after each step.

use std::fmt::Write as _;
use std::time::Duration;

use super::model::Set;
use super::origins::Origins;
use super::table::{self, Fixed, Request};
use super::{edit, generate, write};
use crate::rig::{Rig, State};
use crate::seeds::{Sample, caught};
use crate::support::clock;
use crate::support::golden;
use crate::support::ports::free_port;
use crate::support::random::Random;
use crate::support::versions::Version;

/// So many sets are applied one after the other to one HAProxy.
pub(super) const STEPS: usize = 5;

/// How long checks may take until servers are in the state that lasts.
const SETTLED: Duration = Duration::from_secs(5);

/// Runs a chain. The error tells all there is to know about the first failure.
pub(super) fn run(sample: &Sample, origins: &Origins) -> Result<(), String> {
    let mut random = Random::new(sample.seed);
    let mut old = generate::set(&mut random);
    let mut pair = Pair::start(sample.version, origins);
    pair.write(&old);
    let mut step = 0;
    let outcome = caught(|| {
        pair.begin()?;
        while step < STEPS {
            step += 1;
            let new = edit::next(&old, &mut random);
            let requests = table::requests(&old, &new, &mut random);
            pair.write(&new);
            pair.reach(&new, &requests)?;
            old = new;
        }
        Ok(())
    });
    outcome.map_err(|why| {
        let mut report = format!("=== seed `{sample}`, step {step} of {STEPS}: {why}\n");
        let _ = writeln!(report, "--- from\n{}--- to\n{}", pair.before, pair.now);
        report
    })
}

/// The HAProxy to which a chain is applied, and what starts a cold one.
pub(crate) struct Pair<'a> {
    origins: &'a Origins,
    version: &'static Version,
    ports: [u16; 3],
    /// Where the cold HAProxy listens.
    cold_ports: [u16; 3],
    pub(crate) rig: Rig,
    /// The manifests of the last step, for the report.
    pub(crate) before: String,
    /// Those of this step.
    pub(crate) now: String,
}

impl<'a> Pair<'a> {
    pub(crate) fn start(version: &'static Version, origins: &'a Origins) -> Self {
        Self {
            origins,
            version,
            ports: [free_port(), free_port(), free_port()],
            cold_ports: [free_port(), free_port(), free_port()],
            rig: Rig::new(version),
            before: String::new(),
            now: String::new(),
        }
    }

    /// Writes the manifests of a set.
    pub(crate) fn write(&mut self, set: &Set) {
        let files = write::files(set, &self.ports, self.origins);
        put(&self.rig, &files);
        let text: String = files.iter().map(|(name, text)| format!("# {name}\n{text}")).collect();
        self.before = std::mem::replace(&mut self.now, text);
    }

    /// Starts HAProxy on the first set.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        applied(&self.rig)?;
        self.rig.start();
        self.rig.contradiction().map_or(Ok(()), Err)
    }

    /// Applies the set that was written and checks everything.
    pub(crate) fn reach(&mut self, set: &Set, requests: &[Request]) -> Result<(), String> {
        let report = applied(&self.rig)?;
        let after = |what: &str, why: String| format!("{what}: {why}\n--- the report\n{report}");
        if let Some(contradiction) = self.rig.contradiction() {
            return Err(after("right after the apply", contradiction));
        }
        let cold = self.cold(set)?;
        let expected = self.answers(set, &cold, &self.cold_ports, requests);
        let expected = expected.map_err(|why| after("a cold start answers wrongly", why))?;
        self.compare(set, &cold, requests, &expected)
            .map_err(|why| after("unlike a cold start", why))?;
        self.rig.haproxy().reload();
        self.compare(set, &cold, requests, &expected)
            .map_err(|why| after("unlike a cold start after somebody's reload", why))?;
        match self.rig.contradiction() {
            Some(contradiction) => Err(after("after somebody's reload", contradiction)),
            None => Ok(()),
        }
    }

    /// An HAProxy that was started on a set and has seen nothing else.
    fn cold(&self, set: &Set) -> Result<Rig, String> {
        let mut rig = Rig::new(self.version);
        put(&rig, &write::files(set, &self.cold_ports, self.origins));
        applied(&rig)?;
        rig.start();
        Ok(rig)
    }

    fn answers(
        &self,
        set: &Set,
        rig: &Rig,
        ports: &[u16],
        requests: &[Request],
    ) -> Result<Fixed, String> {
        table::check(set, self.origins, ports, requests)
            .map_err(|wrong| format!("{}\n{}", wrong.join("\n"), rig.state()))
    }

    /// Compares the state and the answers with those of a cold start.
    fn compare(
        &self,
        set: &Set,
        cold: &Rig,
        requests: &[Request],
        expected: &Fixed,
    ) -> Result<(), String> {
        let (mut ours, mut theirs) = (State::default(), State::default());
        let same = clock::eventually(SETTLED, || {
            ours = self.rig.state();
            theirs = cold.state().with_ports(&self.cold_ports, &self.ports);
            ours == theirs
        });
        if !same {
            return Err(format!("the state:\n{}", theirs.diff(&ours, "cold", "live")));
        }
        let answers = self.answers(set, &self.rig, &self.ports, requests)?;
        if answers != *expected {
            let rows = |answers: &Fixed| -> String {
                answers.iter().map(|(request, who)| format!("{request} → {who:?}\n")).collect()
            };
            let diff = golden::diff(&rows(expected), &rows(&answers), "cold", "live");
            return Err(format!("the answers:\n{diff}"));
        }
        Ok(())
    }
}

fn put(rig: &Rig, files: &[(String, String)]) {
    let files = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    rig.write_all(files).expect("the test's folder is writable");
}

/// Applies what was written; the report.
fn applied(rig: &Rig) -> Result<String, String> {
    let outcome = rig.apply();
    match outcome.code {
        Some(0) => Ok(outcome.stdout),
        _ => Err(format!("the apply failed:\n{}", outcome.transcript())),
    }
}
