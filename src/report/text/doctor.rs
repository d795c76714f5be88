//! What the doctor found.

use std::fmt::Write as _;

use crate::report::{
    doctor::{Check, Diagnosis, State},
    snippet::printable,
};

use super::style::{BAD, DIM, GOOD, WARN};

/// The width of the longest word for a state, `not checked`.
const WIDTH: usize = 11;

/// A diagnosis as text: a line for each check, and below it how to mend what is wrong.
pub fn doctor(diagnosis: &Diagnosis) -> String {
    let mut out = String::new();
    for check in &diagnosis.checks {
        line(&mut out, check);
    }
    let counts: Vec<String> = State::ALL
        .into_iter()
        .filter(|state| diagnosis.count(*state) > 0)
        .map(|state| format!("{} {}", diagnosis.count(state), state.as_str()))
        .collect();
    let style = if diagnosis.is_healthy() { GOOD } else { BAD };
    let _ = writeln!(out, "\n{style}{}.{style:#}", counts.join(", "));
    out
}

fn line(out: &mut String, check: &Check) {
    let style = match check.state {
        State::Ok => GOOD,
        State::Warning => WARN,
        State::Failed => BAD,
        State::NotChecked => DIM,
    };
    let (word, title) = (check.state.as_str(), check.title());
    let found = one_line(&check.found);
    let _ = writeln!(out, "{style}{word:WIDTH$}{style:#}  {title}: {found}");
    if let Some(mend) = &check.mend {
        let _ = writeln!(out, "{:WIDTH$}  mend: {}", "", one_line(mend));
    }
}

/// Without line ends and control characters.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(printable).collect::<Vec<_>>().join("; ")
}
