//! The structure of `gw.yaml`: which settings there are, and where a mapping, a list or a single value
//! belongs. Every mistake in it is found, although the parser stops at the first one.

use std::{ops::Range, sync::Arc};

use serde_yaml::Error;

use crate::model::{Location, Problem, Problems, SourceFile, Span};

use super::file::Document;

/// So many mistakes are enough for one reading.
const MISTAKES_MAX: usize = 50;

/// Reads what of the file has the right structure; `None` where nothing does.
pub(super) fn read(file: &SourceFile) -> (Option<Document>, Problems) {
    let mut problems = Problems::default();
    let mut lines: Vec<&str> = file.text.lines().collect();
    loop {
        let error = match serde_yaml::from_str::<Option<Document>>(&lines.join("\n")) {
            Ok(document) => return (document, problems),
            Err(error) => error,
        };
        let error = error.without_snippet();
        let wrong = error.location().and_then(|at| wrong_lines(error, at, &lines));
        // What is missing there may be what was left out before, and what is no YAML, too.
        let in_wrong = |problem: &Problem| {
            let line = problem.at.span.line.saturating_sub(1) as usize;
            wrong.as_ref().is_none_or(|wrong| wrong.contains(&line))
        };
        let is_consequence = is_missing(error) || wrong.is_none();
        if !(is_consequence && problems.iter().any(in_wrong)) {
            problems.push(problem(error, file));
        }
        match wrong {
            Some(wrong) if problems.iter().len() < MISTAKES_MAX => lines[wrong].fill(""),
            Some(_) | None => return (None, problems),
        }
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::SerdeMissingField { .. })
}

/// The lines, counted from zero, without which the rest of the file can be read: that of the mistake,
/// and those after it that belong to it. `None` where there are none: it is no YAML.
fn wrong_lines(error: &Error, at: serde_yaml::Location, lines: &[&str]) -> Option<Range<usize>> {
    let is_of_one_place = matches!(
        error,
        Error::SerdeUnknownField { .. }
            | Error::SerdeMissingField { .. }
            | Error::SerdeInvalidType { .. }
            | Error::DuplicateMappingKey { .. }
            | Error::Unexpected { .. }
    );
    let column = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len() + 1;
    let is_part = |line: &str| line.trim_start().is_empty() || line.trim_start().starts_with('#');
    let mut begin = usize::try_from(at.line()).ok()?.checked_sub(1)?;
    let mut first = *lines.get(begin)?;
    if is_missing(error)
        && !first.trim_start().starts_with('-')
        && at.column() == column(first) as u64
    {
        // It is the mapping, which begins after its key.
        let is_key = |line: &str| !is_part(line) && column(line) < column(first);
        begin = lines[..begin].iter().rposition(|line| is_key(line))?;
        first = lines[begin];
    }
    // The other keys of an item stand below its first one, and a list may stand below its key.
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_item = |line: &str| line.trim_start().starts_with('-');
    let belongs = |line: &str| {
        let is_list = is_item(line) && !is_item(first) && indent(line) == indent(first);
        is_part(line) || indent(line) > indent(first) || is_list
    };
    let after = lines[begin + 1..].iter().take_while(|line| belongs(line)).count();
    (is_of_one_place && !is_part(first)).then_some(begin..begin + 1 + after)
}

/// What the parser of YAML says, as a problem like those of manifests.
fn problem(error: &Error, file: &SourceFile) -> Problem {
    let at = |length| match error.location() {
        Some(location) => place(file, location, length),
        None => Location { file: Arc::clone(&file.path), span: Span::default() },
    };
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let message = format!("there is no setting {field:?}");
            let problem = Problem::error(at(field.chars().count()), message);
            let near = |name: &&&str| strsim::jaro_winkler(&field.to_lowercase(), name) > 0.8;
            match expected.iter().find(near) {
                Some(name) => problem.hint(format!("did you mean `{name}`?")),
                None => problem.hint(format!("the settings are {}", expected.join(", "))),
            }
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            Problem::error(at(key.chars().count()), format!("{key:?} is set twice"))
        }
        Error::Unexpected { expected, .. } => {
            let belongs = match *expected {
                "mapping start" => "a mapping (`key: value`) belongs here",
                "sequence start" => "a list (`[one, two]`) belongs here",
                "string scalar" => "a single value belongs here",
                other => other,
            };
            Problem::error(at(0), belongs)
        }
        Error::SerdeMissingField { field, .. } => {
            Problem::error(at(0), format!("`{field}` is missing"))
        }
        _ => {
            let shown = error.to_string();
            // Its place is shown apart.
            let end = shown.find(" at line ").unwrap_or(shown.len());
            Problem::error(at(0), &shown[..end])
        }
    }
}

/// Where something stands.
pub(super) fn place(file: &SourceFile, at: serde_yaml::Location, length: usize) -> Location {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let span = Span {
        line: number(at.line()),
        column: number(at.column()),
        length: number(length as u64),
    };
    Location { file: Arc::clone(&file.path), span }
}
