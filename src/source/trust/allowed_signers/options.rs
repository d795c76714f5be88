//! The options of a line, as sshsig.c of OpenSSH reads them.

use crate::source::trust::Moment;

use super::line::{Found, Word};

/// What the options of a line say.
#[derive(Debug)]
pub(super) struct Options {
    /// `cert-authority`.
    pub(super) is_authority: bool,
    /// Whether `namespaces` lets `git` pass.
    pub(super) is_for_git: bool,
    /// `valid-after`.
    pub(super) valid_after: Option<Moment>,
    /// `valid-before`.
    pub(super) valid_before: Option<Moment>,
}

impl Default for Options {
    fn default() -> Self {
        Self { is_authority: false, is_for_git: true, valid_after: None, valid_before: None }
    }
}

const AUTHORITY: &str = "cert-authority";
const NAMESPACES: &str = "namespaces";
const AFTER: &str = "valid-after";
const BEFORE: &str = "valid-before";

/// Whether a word looks like options: anything with `=`, and the option that has none.
pub(super) fn is_one(word: &str) -> bool {
    let name = word.split([',', '=']).next().unwrap_or_default();
    word.contains('=') || name.eq_ignore_ascii_case(AUTHORITY)
}

/// Understands the options in `word`.
pub(super) fn parse(word: Word<'_>, found: &mut Vec<Found>) -> Result<Options, Found> {
    let mut options = Options::default();
    let mut seen: Vec<String> = Vec::new();
    for option in split(word) {
        let (name, value) = match option.text.split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), Some(value)),
            None => (option.text.to_ascii_lowercase(), None),
        };
        if seen.contains(&name) {
            return Err(option.wrong(format!("{name} stands here twice")));
        }
        let value = match value.map(|value| value.strip_prefix('"')?.strip_suffix('"')) {
            Some(None) => return Err(option.wrong(format!("{name} needs a value in quotes"))),
            Some(Some(value)) => Some(value),
            None => None,
        };
        match (name.as_str(), value) {
            (AUTHORITY, None) => options.is_authority = true,
            (NAMESPACES, Some(value)) => options.is_for_git = lists(value, "git"),
            (AFTER, Some(value)) => options.valid_after = Some(time(option, value, found)?),
            (BEFORE, Some(value)) => options.valid_before = Some(time(option, value, found)?),
            (AUTHORITY, Some(_)) => {
                return Err(option.wrong(format!("{AUTHORITY} takes no value")));
            }
            (NAMESPACES | AFTER | BEFORE, None) => {
                return Err(option.wrong(format!("{name} needs a value in quotes")));
            }
            _ => return Err(option.wrong(format!("{name:?} is no option of allowed signers"))),
        }
        seen.push(name);
    }
    if let (Some(after), Some(before)) = (options.valid_after, options.valid_before)
        && before <= after
    {
        return Err(word.wrong("valid-before is not later than valid-after"));
    }
    Ok(options)
}

/// The parts between commas that stand outside of quotes.
fn split(word: Word<'_>) -> Vec<Word<'_>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    for (at, character) in word.text.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                parts.push(Word { text: &word.text[start..at], at: word.at + start });
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(Word { text: &word.text[start..], at: word.at + start });
    parts
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without `Z`.
fn time(option: Word<'_>, value: &str, found: &mut Vec<Found>) -> Result<Moment, Found> {
    let (digits, zone) = match value.strip_suffix('Z') {
        Some(digits) => (digits, true),
        None => (value, false),
    };
    let no_time = || {
        option.wrong(format!(
            "{value:?} is no time: write YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ"
        ))
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_time());
    }
    let full = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits.to_owned(),
        _ => return Err(no_time()),
    };
    let (date, clock) = full.split_at(8);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    );
    let time = humantime::parse_rfc3339(&text).map_err(|_| no_time())?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| no_time())?;
    if !zone {
        // ssh-keygen takes it as local time, but machines in several zones share this file.
        found.push(option.odd(format!("{value:?} is taken as UTC: append Z")));
    }
    i64::try_from(since.as_secs()).map(Moment).map_err(|_| no_time())
}

/// Whether a list of patterns, such as `file,!git,*`, lets `name` pass. A pattern after `!` that
/// matches decides against it, wherever it stands (ssh_config(5), PATTERNS).
fn lists(patterns: &str, name: &str) -> bool {
    let mut passes = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern, name) => return false,
            Some(_) => {}
            None => passes |= matches(pattern, name),
        }
    }
    passes
}

/// Whether `name` matches a pattern in which `*` is any text and `?` any character.
fn matches(pattern: &str, name: &str) -> bool {
    // reach[n]: whether what was read of the pattern matches the first n bytes of the name.
    let mut reach = vec![false; name.len() + 1];
    reach[0] = true;
    for byte in pattern.bytes() {
        let mut next = vec![false; reach.len()];
        for at in 0..reach.len() {
            next[at] = match byte {
                b'*' => reach[at] || at > 0 && next[at - 1],
                b'?' => at > 0 && reach[at - 1],
                _ => at > 0 && reach[at - 1] && name.as_bytes()[at - 1] == byte,
            };
        }
        reach = next;
    }
    reach[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_ssh() {
        for list in ["git", "*", "g?t", "file,git", "g*t", "**", "!file,*", "gi*t"] {
            assert!(lists(list, "git"), "{list}");
        }
        for list in ["", "file", "git2", "gi", "!git,*", "*,!g*", "!file", "g??t", "GIT"] {
            assert!(!lists(list, "git"), "{list}");
        }
    }
}
