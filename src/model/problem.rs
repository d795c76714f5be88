//! What is wrong with the input, as data. Display belongs to the command line.

use std::sync::Arc;

use super::{name::ObjectName, text::Location};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Accepted and without effect, such as a field that makes sense only in a cluster.
    Note,
    /// Accepted, but surely not what was meant, such as a reference to a missing backend.
    Warning,
    /// Refused.
    Error,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: Location,
    /// How bad.
    pub severity: Severity,
    /// What is wrong: a sentence without full stop, naming the value.
    pub message: String,
    /// What to do, or the nearest valid spelling.
    pub hint: Option<String>,
    /// Whether it is about an object that is nowhere. Where some object was refused, that one may
    /// be it, and this is no news.
    pub dangling: bool,
}

impl Problem {
    /// A problem that refuses its object.
    pub fn error(at: Location, message: impl Into<String>) -> Self {
        Self { at, severity: Severity::Error, message: message.into(), hint: None, dangling: false }
    }

    /// A problem that lets its object pass.
    pub fn warning(at: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, message) }
    }

    /// A remark.
    pub fn note(at: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(at, message) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An object that stays what it was when it was last good, because it is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: ObjectName,
    /// The file where it is wrong now.
    pub file: Arc<str>,
}

/// All problems of an input, in the order found until [`Problems::sort`] puts them in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Problem>) {
        self.0.extend(other);
    }

    /// Sorts by file and place and drops what is said twice.
    pub fn sort(&mut self) {
        self.0.sort();
        self.0.dedup();
    }

    /// The problems in their present order.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The gravest severity, `None` where nothing was found.
    pub fn worst(&self) -> Option<Severity> {
        self.0.iter().map(|problem| problem.severity).max()
    }

    /// The first error, `None` where there is none.
    pub fn first_error(&self) -> Option<&Problem> {
        self.0.iter().find(|problem| problem.severity == Severity::Error)
    }

    /// How many problems have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|problem| problem.severity == severity).count()
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
