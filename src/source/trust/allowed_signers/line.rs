//! One line: principals, options, key type, key, comment.

use ssh_key::{Algorithm, PublicKey, public::KeyData};

use crate::model::Span;

use super::{Entry, options};

/// RSA keys of fewer bits are too weak to vouch for anything, and of more can't be checked.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Something about a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What: a sentence without full stop.
    pub(super) message: String,
    /// Whether the line makes no sense, rather than allow nobody.
    pub(super) is_fatal: bool,
    /// Where, in bytes.
    at: usize,
    length: usize,
}

impl Found {
    /// The place, where `text` is line `line`.
    pub(super) fn span(&self, text: &str, line: u32) -> Span {
        let characters = |bytes: Option<&str>| {
            u32::try_from(bytes.unwrap_or_default().chars().count()).unwrap_or(u32::MAX)
        };
        let column = characters(text.get(..self.at)).saturating_add(1);
        Span { line, column, length: characters(text.get(self.at..self.at + self.length)) }
    }
}

/// A part of a line, and where it begins.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl Word<'_> {
    pub(super) fn wrong(self, message: impl Into<String>) -> Found {
        Found { message: message.into(), is_fatal: true, at: self.at, length: self.text.len() }
    }

    pub(super) fn odd(self, message: impl Into<String>) -> Found {
        Found { is_fatal: false, ..self.wrong(message) }
    }
}

/// Understands a line. What is wrong with it goes to `found`; then it allows nobody.
pub(super) fn parse(line: &str, found: &mut Vec<Found>) -> Option<Entry> {
    let mut rest = Rest { line, at: 0 };
    rest.skip_blanks();
    if rest.text().is_empty() || rest.text().starts_with('#') {
        return None;
    }
    match entry(rest, found) {
        Ok(entry) => entry,
        Err(problem) => {
            found.push(problem);
            None
        }
    }
}

fn entry(mut rest: Rest<'_>, found: &mut Vec<Found>) -> Result<Option<Entry>, Found> {
    let principals = rest.principals()?;
    if principals.text.is_empty() {
        return Err(principals.wrong("the line names no principal"));
    }
    let mut word = rest.word();
    let mut options = options::Options::default();
    if word.text.parse::<Algorithm>().is_err() && options::is_one(word.text) {
        options = options::parse(word, found)?;
        word = rest.word();
    }
    if word.text.is_empty() {
        return Err(word.wrong("the line has no key"));
    }
    let encoded = rest.word();
    if word.text.contains("-cert-v01@") {
        return Err(word.wrong("a certificate stands where a plain key belongs"));
    }
    if word.text.parse::<Algorithm>().is_err() {
        let message = format!("{:?} is neither an option nor a type of SSH keys", word.text);
        return Err(word.wrong(message));
    }
    let key = PublicKey::from_openssh(&format!("{} {}", word.text, encoded.text))
        .map_err(|error| encoded.wrong(format!("this is no key of type {}: {error}", word.text)))?;
    if options.is_authority {
        found.push(word.odd("certificate authorities are not supported, so this allows nobody"));
        return Ok(None);
    }
    if let Some(why) = unsupported(key.key_data()) {
        found.push(word.odd(format!("{why}, so this allows nobody")));
        return Ok(None);
    }
    Ok(Some(Entry {
        principals: principals.text.to_owned(),
        key: key.key_data().clone(),
        is_for_git: options.is_for_git,
        valid_after: options.valid_after,
        valid_before: options.valid_before,
    }))
}

/// Why signatures by a key can't be checked.
fn unsupported(key: &KeyData) -> Option<String> {
    match key {
        KeyData::Rsa(key) => {
            let modulus = key.n.as_positive_bytes().unwrap_or_default();
            let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
            let bits = modulus.len() * 8 - zeros;
            (!RSA_BITS.contains(&bits)).then(|| {
                let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
                format!("RSA keys must have {least} to {most} bits, this one has {bits}")
            })
        }
        KeyData::Ed25519(_)
        | KeyData::Ecdsa(_)
        | KeyData::SkEd25519(_)
        | KeyData::SkEcdsaSha2NistP256(_) => None,
        other => Some(format!("keys of type {} are not supported", other.algorithm())),
    }
}

/// What is left of a line.
struct Rest<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn text(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.at += self.text().len() - self.text().trim_start_matches([' ', '\t', '\r']).len();
    }

    fn take(&mut self, length: usize) -> Word<'a> {
        let word = Word { text: self.text().get(..length).unwrap_or_default(), at: self.at };
        self.at += length;
        word
    }

    /// The first field, which may stand in double quotes.
    fn principals(&mut self) -> Result<Word<'a>, Found> {
        if !self.text().starts_with('"') {
            return Ok(self.word());
        }
        let quote = self.take(1);
        let Some(length) = self.text().find('"') else {
            return Err(quote.wrong("this quote is never closed"));
        };
        let word = self.take(length);
        self.at += 1;
        self.skip_blanks();
        Ok(word)
    }

    /// The next word. A quoted part of it may hold blanks, and quotes after backslashes.
    fn word(&mut self) -> Word<'a> {
        let mut is_quoted = false;
        let mut is_escaped = false;
        let end = self.text().char_indices().find(|(_, character)| {
            let ends = !is_quoted && matches!(character, ' ' | '\t' | '\r');
            if *character == '"' && !is_escaped {
                is_quoted = !is_quoted;
            }
            is_escaped = *character == '\\' && !is_escaped;
            ends
        });
        let word = self.take(end.map_or(self.text().len(), |(at, _)| at));
        self.skip_blanks();
        word
    }
}
