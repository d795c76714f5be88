//! What the reading of one file carries along: its problems, and the namespace of the document.

use std::sync::Arc;

use crate::model::{Location, ObjectName, Problem, Problems, Severity, Span};

/// More problems than this in one file are counted, not told: nobody reads them, and a hostile file
/// must not cost more memory than its size.
const TOLD_MAX: usize = 1_000;

/// The state of reading one file.
pub(super) struct Context {
    file: Arc<str>,
    problems: Problems,
    told: usize,
    errors: usize,
    /// The namespace of the document being read.
    pub(super) namespace: Arc<str>,
}

impl Context {
    /// Begins a file.
    pub(super) fn new(file: Arc<str>) -> Self {
        Self {
            file,
            problems: Problems::default(),
            told: 0,
            errors: 0,
            namespace: ObjectName::DEFAULT_NAMESPACE.into(),
        }
    }

    /// The path of the file.
    pub(super) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// How many errors were found so far: a document is good if it adds none.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether further problems would not be told, so that the search for hints is idle.
    pub(super) fn is_full(&self) -> bool {
        self.told > TOLD_MAX
    }

    /// Reports a problem.
    pub(super) fn report(&mut self, problem: Problem) {
        if problem.severity == Severity::Error {
            self.errors += 1;
        }
        self.told += 1;
        if self.told <= TOLD_MAX {
            self.problems.push(problem);
        } else if self.told == TOLD_MAX + 1 {
            let message =
                format!("more than {TOLD_MAX} problems in this file; the rest is not told");
            self.problems.push(Problem { message, hint: None, ..problem });
        }
    }

    /// A place in this file.
    pub(super) fn at(&self, span: Span) -> Location {
        Location { file: Arc::clone(&self.file), span }
    }

    /// Reports an error.
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.report(Problem::error(self.at(span), message));
    }

    /// Reports an error and what to do about it.
    pub(super) fn error_hint(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report(Problem::error(self.at(span), message).hint(hint));
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Problems {
        self.problems.sort();
        self.problems
    }
}
