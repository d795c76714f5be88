//! One line of the journal, and what binds it to the line before.

use serde::{Deserialize, Serialize};

use crate::{
    model::Digest,
    report::json::{BegunDocument, EndedDocument},
};

/// What stands before the digest of a line itself, which is its last field.
const SEAL: &str = r#","sha256":""#;
/// What follows the digest.
const END: &str = r#""}"#;
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// A line: the beginning of a record, its end, or both at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The number of the record, from 1.
    pub(super) number: u64,
    /// The SHA-256 of the line before, without its newline; `None` in the first line of all.
    pub(super) previous: Option<String>,
    /// How many bytes of an unfinished line were cut off before this one was written.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) cut: u64,
    /// The beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begun: Option<BegunDocument>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<EndedDocument>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Line {
    /// The line as it is written, without newline.
    pub(super) fn seal(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(self)?;
        // The digest goes in before the brace that closes the object.
        text.pop();
        let digest = Digest::of(&text);
        Ok(format!("{text}{SEAL}{digest}{END}"))
    }

    /// Reads a line, given without newline; what is wrong with it otherwise.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        if !is_sealed(bytes) {
            return Err("it is not what gw wrote: its digest is another one".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|error| format!("it can't be understood: {error}"))
    }
}

/// Whether a line is what was written.
fn is_sealed(bytes: &[u8]) -> bool {
    let tail = SEAL.len() + DIGITS + END.len();
    let Some(length) = bytes.len().checked_sub(tail) else { return false };
    let (text, seal) = bytes.split_at(length);
    seal == format!("{SEAL}{}{END}", Digest::of(text)).as_bytes()
}

/// What the next line says of this one.
pub(super) fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
