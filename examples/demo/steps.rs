//! The edits of the demo, each with what it must lead to.

use crate::Outcome;
use crate::report::{ApplyReport, Mechanism};
use crate::show;
use crate::stage::Stage;
use crate::support::client::{Client, Table};
use crate::support::connection::Ask;

/// How often each request is made: enough to meet every server of a backend.
pub(crate) const TIMES: u32 = 12;

/// One edit.
pub(crate) struct Step {
    /// Its name.
    pub(crate) heading: &'static str,
    /// What to look at, in a sentence.
    explanation: &'static str,
    /// The manifest it changes or adds.
    file: &'static str,
    edit: Edit,
    /// The request that shows its effect.
    ask: (&'static str, &'static str),
    before: &'static [&'static str],
    after: &'static [&'static str],
    expected: Expected,
}

enum Edit {
    /// Writes one text in place of another.
    Replace(&'static str, &'static str),
    /// Adds to the end of the file, which may be new.
    Append(&'static str),
}

/// By which means a change must arrive.
enum Expected {
    /// At runtime, on every version.
    Runtime,
    /// At runtime from this version on, by a reload before.
    RuntimeSince(u16, u16),
    /// By a reload, on every version.
    Reload,
}

/// All steps in order. Ports are those of the quickstart.
pub(crate) fn all() -> [Step; 5] {
    [
        Step {
            heading: "Move a server",
            explanation: "web-2 gets another port. HAProxy changes it in place.",
            file: "backends.yaml",
            edit: Edit::Replace("port: 8082", "port: 8091"),
            ask: ("shop.localhost", "/"),
            before: &["200 web-1", "200 web-2"],
            after: &["200 web-1", "200 web-2 (moved)"],
            expected: Expected::Runtime,
        },
        Step {
            heading: "Add a server",
            explanation: "api-2 joins. It gets no request before its first good health check.",
            file: "backends.yaml",
            edit: Edit::Append("    - { name: api-2, address: 127.0.0.1, port: 8092 }\n"),
            ask: ("shop.localhost", "/api"),
            before: &["200 api-1"],
            after: &["200 api-1", "200 api-2"],
            expected: Expected::Runtime,
        },
        Step {
            heading: "Add a route",
            explanation: "A new host for servers that run already. Routes are entries of a map.",
            file: "routes.yaml",
            edit: Edit::Append(
                "---\napiVersion: gw/v1\nkind: Route\nmetadata:\n  name: docs\nspec:\n  \
                 hosts: [docs.localhost]\n  backend: web\n",
            ),
            ask: ("docs.localhost", "/"),
            before: &["404"],
            after: &["200 web-1", "200 web-2 (moved)"],
            expected: Expected::Runtime,
        },
        Step {
            heading: "Add a backend",
            explanation: "A new site with its own server, in a file of its own.",
            file: "blog.yaml",
            edit: Edit::Append(
                "apiVersion: gw/v1\nkind: Backend\nmetadata:\n  name: blog\nspec:\n  servers:\n    \
                 - { name: blog-1, address: 127.0.0.1, port: 8093 }\n---\n\
                 apiVersion: gw/v1\nkind: Route\nmetadata:\n  name: blog\nspec:\n  \
                 hosts: [blog.localhost]\n  backend: blog\n",
            ),
            ask: ("blog.localhost", "/"),
            before: &["404"],
            after: &["200 blog-1"],
            expected: Expected::RuntimeSince(3, 4),
        },
        Step {
            heading: "Change a timeout",
            explanation: "HAProxy can't change it in place: gw says so, checks, and reloads.",
            file: "backends.yaml",
            edit: Edit::Replace("server: 30s", "server: 5s"),
            ask: ("shop.localhost", "/api"),
            before: &["200 api-1", "200 api-2"],
            after: &["200 api-1", "200 api-2"],
            expected: Expected::Reload,
        },
    ]
}

impl Step {
    /// Makes the edit, shows its plan, applies it, and checks that it had the effect expected.
    pub(crate) fn perform(&self, stage: &Stage, client: &Client) -> Outcome<ApplyReport> {
        show::heading(self.heading, self.explanation);
        let old = stage.read(self.file);
        let new = self.edited(stage, &old)?;
        show::edit(self.file, &old, &new);

        let ask = [Ask::get(self.ask.0, self.ask.1)];
        let before = client.table(&ask, TIMES);
        stage.write(self.file, &new)?;
        show::output("gw plan manifests", &stage.gw(&["plan", "manifests"])?);
        let report = stage.apply()?;
        let after = client.table(&ask, TIMES);
        show::report("gw apply manifests --yes", &report);
        show::requests(Some(&before), &after);

        expect_answers(&before, self.before)?;
        expect_answers(&after, self.after)?;
        self.expect_mechanism(stage, &report)?;
        Ok(report)
    }

    fn edited(&self, stage: &Stage, old: &str) -> Outcome<String> {
        match self.edit {
            Edit::Append(text) => Ok(old.to_owned() + &stage.localize(text)),
            Edit::Replace(from, to) => {
                let (from, to) = (stage.localize(from), stage.localize(to));
                let missing = || format!("{} does not contain {from:?}", self.file);
                old.contains(&from).then(|| old.replace(&from, &to)).ok_or_else(missing)
            }
        }
    }

    /// Whether the change arrived by the right means, and the report says how or why.
    fn expect_mechanism(&self, stage: &Stage, report: &ApplyReport) -> Outcome {
        let version = &stage.haproxy.version;
        let expected = match self.expected {
            Expected::Runtime => Mechanism::Runtime,
            Expected::RuntimeSince(major, minor) if version.is_at_least(major, minor) => {
                Mechanism::Runtime
            }
            Expected::RuntimeSince(..) | Expected::Reload => Mechanism::Reload,
        };
        if report.mechanism() != expected {
            return Err(format!("expected {expected:?} on HAProxy {version}, not {report:#?}"));
        }
        let mut steps = report.steps.iter().filter(|step| step.mechanism == expected);
        let is_explained = match expected {
            Mechanism::Runtime => report.commands_sent > 0 && steps.all(|s| !s.commands.is_empty()),
            Mechanism::Reload => steps.any(|step| step.because.is_some()),
        };
        if !is_explained {
            return Err(format!("the report does not say how or why: {report:#?}"));
        }
        Ok(())
    }
}

/// Checks who answered, each at least once and nobody else.
pub(crate) fn expect_answers(table: &Table, expected: &[&str]) -> Outcome {
    if table.answers() == expected {
        return Ok(());
    }
    Err(format!("expected answers {expected:?}, got\n{table}"))
}
