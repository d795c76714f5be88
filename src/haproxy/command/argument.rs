//! The words of a command line: escaped, so that no value ever becomes a second command.

use super::{CommandError, SIZE_MAX};

/// HAProxy's limit of words in a command line (3.2+ refuses more, older versions drop them).
const WORDS_MAX: usize = 64;

/// A command line under construction.
pub(super) struct Line {
    text: String,
    words: usize,
    error: Option<CommandError>,
}

impl Line {
    /// Begins with fixed words of HAProxy's own language.
    pub(super) fn new(command: &'static str) -> Self {
        let words = command.split(' ').count();
        Self { text: command.to_owned(), words, error: None }
    }

    /// Adds a fixed word.
    pub(super) fn word(mut self, word: &'static str) -> Self {
        self.push(word);
        self
    }

    /// Adds a value, escaped: blank ends a word, `;` a command, and `\` is the escape (manual,
    /// section 9.3; quotes mean nothing). `<` is escaped too, because a line that ends in `<<`, or
    /// whose last word begins with it, announces a payload.
    pub(super) fn value(mut self, value: &str) -> Self {
        if value.is_empty() {
            return self.fail(CommandError::Empty("a word of a command"));
        }
        if value.contains(char::is_control) {
            return self.fail(CommandError::Control(value.to_owned()));
        }
        let mut escaped = String::with_capacity(value.len());
        for c in value.chars() {
            if matches!(c, ' ' | ';' | '\\' | '<') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        self.push(&escaped);
        self
    }

    /// Adds a number.
    pub(super) fn number(mut self, number: impl Into<u64>) -> Self {
        self.push(&number.into().to_string());
        self
    }

    /// Adds the name of a backend.
    pub(super) fn backend(mut self, name: &str) -> Self {
        match check_name(name) {
            Ok(()) => self.push(name),
            Err(error) => return self.fail(error),
        }
        self
    }

    /// Adds `backend/server`.
    pub(super) fn server(mut self, backend: &str, server: &str) -> Self {
        match check_name(backend).and_then(|()| check_name(server)) {
            Ok(()) => self.push(&format!("{backend}/{server}")),
            Err(error) => return self.fail(error),
        }
        self
    }

    /// Remembers the first error.
    pub(super) fn fail(mut self, error: CommandError) -> Self {
        self.error.get_or_insert(error);
        self
    }

    /// The finished line.
    pub(super) fn finish(self) -> Result<String, CommandError> {
        match self.error {
            Some(error) => Err(error),
            None if self.words > WORDS_MAX => Err(CommandError::TooManyWords(self.words)),
            None if self.text.len() > SIZE_MAX => Err(CommandError::TooLong(self.text.len())),
            None => Ok(self.text),
        }
    }

    fn push(&mut self, word: &str) {
        self.text.push(' ');
        self.text.push_str(word);
        self.words += 1;
    }
}

/// HAProxy's alphabet for names of proxies and servers (`invalid_char()` of its parser). A live
/// process can hold names that gw would not give, so this is wider than `model`'s.
fn check_name(name: &str) -> Result<(), CommandError> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if name.is_empty() {
        Err(CommandError::Empty("a name"))
    } else if name.chars().all(good) {
        Ok(())
    } else {
        Err(CommandError::Name(name.to_owned()))
    }
}
