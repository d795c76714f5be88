//! Steps about what only a reload changes: sockets and the global part.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    diff::{Differences, merge_join},
    render::PROGRAM_FILE,
};

use super::{
    Context,
    reason::Reason,
    step::{Action, FieldChange, Object, Step},
};

/// One section of a configuration file, without comments and blank lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section<'a> {
    /// The rest of the section's first line, such as `from profile:…`.
    pub from: &'a str,
    /// The directives, trimmed.
    pub lines: Vec<&'a str>,
}

/// The sections of a file that gw wrote, by their keyword and name: `frontend http:80`.
pub fn sections(text: &str) -> BTreeMap<String, Section<'_>> {
    let mut sections: BTreeMap<String, Section<'_>> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with(' ') {
            sections.entry(current.clone()).or_default().lines.push(line.trim());
            continue;
        }
        let (head, from) = line.split_once(" from ").unwrap_or((line, ""));
        head.clone_into(&mut current);
        sections.entry(current.clone()).or_default().from = from;
    }
    sections
}

pub(super) fn steps(differences: &Differences<'_>, context: Context<'_>) -> Vec<Step> {
    let Some((running, _)) = differences.structure else { return Vec::new() };
    let empty: Arc<str> = Arc::default();
    let file = |files: &BTreeMap<String, Arc<str>>| {
        files.get(PROGRAM_FILE).cloned().unwrap_or_else(|| empty.clone())
    };
    let (old, new) = (file(context.loaded), file(context.rendered));
    let (old, new) = (sections(&old), sections(&new));
    let mut steps = Vec::new();
    let mut settings = false;
    for (head, old, new) in merge_join(&old, &new) {
        let Some(name) = head.strip_prefix("frontend ") else {
            settings |= comparable(old) != comparable(new);
            continue;
        };
        let action = match (old, new) {
            (None, Some(_)) => Action::Add,
            (Some(_), None) => Action::Remove,
            (Some(old), Some(new)) if socket(old) != socket(new) => Action::Change,
            (Some(old), Some(new)) => {
                settings |= old != new;
                continue;
            }
            (None, None) => continue,
        };
        let mut step = Step::new(Object::Frontend(name.to_owned()), action, Reason::Socket);
        let bind =
            |section: Option<&Section<'_>>| section.map(|section| socket(section).join("; "));
        step.fields = vec![FieldChange::new("bind", bind(old), bind(new))];
        step.origin = context
            .desired
            .frontends
            .iter()
            .find(|(frontend, _)| frontend.to_string() == name)
            .and_then(|(_, frontend)| frontend.origins.first().cloned());
        steps.push(step);
    }
    let lists_differ = || {
        let is_list = |file: &&String| file.ends_with(".list");
        let lists = |files: &BTreeMap<String, Arc<str>>| -> Vec<(String, Arc<str>)> {
            files
                .iter()
                .filter(|(file, _)| is_list(file))
                .map(|(file, text)| (file.clone(), Arc::clone(text)))
                .collect()
        };
        lists(context.loaded) != lists(context.rendered)
    };
    if settings || steps.is_empty() {
        let because = match running {
            None => Reason::NotLoaded,
            Some(_) if !settings && lists_differ() => Reason::Socket,
            Some(_) => Reason::Program,
        };
        steps.insert(0, Step::new(Object::Settings, Action::Change, because));
    }
    steps
}

/// The lines of a frontend that make its socket.
fn socket<'a>(section: &Section<'a>) -> Vec<&'a str> {
    section.lines.iter().filter_map(|line| line.strip_prefix("bind ")).collect()
}

/// A section without the line that holds the digest of everything.
fn comparable<'a>(section: Option<&Section<'a>>) -> Option<Vec<&'a str>> {
    let lines = &section?.lines;
    Some(lines.iter().filter(|line| !line.starts_with("set-var proc.gw_")).copied().collect())
}
