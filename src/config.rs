//! The syntax of HAProxy's configuration file: quoting, so that a value can be nothing but a value.

use std::borrow::Cow;

/// Writes `value` as one argument of a configuration line (HAProxy manual, section 2.2).
///
/// Plain arguments stay as they are; everything else goes into single quotes, in which nothing is
/// special. Control characters, which no quoting can hold, become `?`: the types of the manifest
/// layer refuse them long before.
pub fn argument(value: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/,=@+~*()<>[]!?|&^%".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Cow::Borrowed(value);
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('\'');
    for c in value.chars() {
        match c {
            '\'' => quoted.push_str("'\\''"),
            c if c.is_control() => quoted.push('?'),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    Cow::Owned(quoted)
}

/// Joins arguments to a line.
pub fn line<T: AsRef<str>>(arguments: impl IntoIterator<Item = T>) -> String {
    let mut line = String::new();
    for value in arguments {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&argument(value.as_ref()));
    }
    line
}

/// Takes a line that [`line()`] wrote apart again.
pub fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), None, false, false);
    for c in line.chars() {
        let text: &mut String = match (c, quoted || escaped) {
            (' ', false) => {
                words.extend(word.take());
                continue;
            }
            _ => word.get_or_insert_default(),
        };
        if std::mem::take(&mut escaped) {
            text.push(c);
            continue;
        }
        match c {
            '\'' => quoted = !quoted,
            '\\' if !quoted => escaped = true,
            c => text.push(c),
        }
    }
    words.extend(word);
    words
}

/// Writes `text` as a comment: what would end the line becomes `?`.
pub fn comment(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("# {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_argument() {
        assert_eq!(argument("/healthz?a=1&b=2"), "/healthz?a=1&b=2");
        assert_eq!(argument(""), "''");
        assert_eq!(argument("a b"), "'a b'");
        assert_eq!(argument("it's # $HOME \"x\" \\"), r#"'it'\''s # $HOME "x" \'"#);
        assert_eq!(argument("a\nbackend evil"), "'a?backend evil'");
        for words in [vec!["a", "", "b c"], vec!["it's", "x\\y", "'"]] {
            assert_eq!(split(&line(&words)), words);
        }
        assert_eq!(comment("a\nbackend evil"), "# a?backend evil");
    }
}
