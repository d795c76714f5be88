//! Problems as they are written.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Problem, Problems, Severity};

use super::{VERSION, word::SeverityWord};

/// The output of `gw validate --output json`: what is wrong with the manifests.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(title = "gw problems")]
pub struct ProblemsDocument {
    /// The version of this format.
    pub version: u32,
    /// Whether the manifests could be applied: there are no errors.
    pub valid: bool,
    /// How many errors there are.
    pub errors: usize,
    /// How many warnings there are.
    pub warnings: usize,
    /// How many notes there are.
    pub notes: usize,
    /// All of them, by file and place.
    pub problems: Vec<ProblemDocument>,
}

impl ProblemsDocument {
    pub(super) fn of(problems: &Problems) -> Self {
        let errors = problems.count(Severity::Error);
        Self {
            version: VERSION,
            valid: errors == 0,
            errors,
            warnings: problems.count(Severity::Warning),
            notes: problems.count(Severity::Note),
            problems: problems.iter().map(ProblemDocument::of).collect(),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument {
    /// How bad.
    pub severity: SeverityWord,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 where it is about the whole file.
    pub line: u32,
    /// The column in characters, from 1; 0 where it is about the whole file.
    pub column: u32,
    /// The length in characters; 0 where unknown.
    pub length: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ProblemDocument {
    fn of(problem: &Problem) -> Self {
        let span = problem.at.span;
        Self {
            severity: SeverityWord::from(problem.severity),
            file: problem.at.file.to_string(),
            line: span.line,
            column: span.column,
            length: span.length,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        }
    }
}
