//! How problems are worded: values quoted, choices listed, the nearest spelling found.

use std::fmt;

use super::{
    context::Context,
    yaml::{Node, Value},
};

/// A text from the input as it appears in messages: quoted, escaped, and shortened.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 60;
        match self.0.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// The hint that names the nearest of the `known` spellings, where one is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// Below this similarity (Jaro-Winkler, 0 to 1) a suggestion puzzles more than it helps.
    const NEAR: f64 = 0.8;
    /// No name of ours is longer, and the comparison costs the square of the length.
    const WORD_MAX: usize = 64;
    if word.len() > WORD_MAX {
        return None;
    }
    let score = |name: &str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    known
        .into_iter()
        .map(|name| (score(name), name))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

/// Words as a choice: "`a`, `b` or `c`".
pub(super) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Reports that a node is not of the type that is wanted.
pub(super) fn wrong_type(node: &Node, wanted: &str, hint: Option<&str>, context: &mut Context) {
    let found = match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Integer(value) => format!("the number {value}"),
        Value::Number(text) => format!("the number {text:.60}"),
        Value::Text(text) => format!("the text {}", Quoted(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    };
    let message = format!("expected {wanted}; found {found}");
    match hint {
        Some(hint) => context.error_hint(node.span, message, hint),
        None => context.error(node.span, message),
    }
}
