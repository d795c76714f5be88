//! `get var`: `proc.x: type=str value=<abc>`, or `Variable not found.`

use super::ReplyError;

/// Reads the value of a variable; None where there is none.
pub fn parse(text: &str) -> Result<Option<String>, ReplyError> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text == "Variable not found." {
        return Ok(None);
    }
    let value = text.split_once(": type=").and_then(|(_, rest)| rest.split_once(" value=<"));
    let value = value.and_then(|(_, value)| value.strip_suffix('>'));
    value
        .map(|value| Some(value.to_owned()))
        .ok_or_else(|| ReplyError::new("get var", "no value", text))
}
