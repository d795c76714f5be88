//! `show backend`: the names of all backends, the internal ones of HAProxy left out by itself.

use super::ReplyError;

/// Reads a reply.
pub fn parse(text: &str) -> Result<Vec<String>, ReplyError> {
    let mut lines = text.lines();
    if lines.next().is_none_or(|header| header.trim_end() != "# name") {
        return Err(ReplyError::new("show backend", "no header", text));
    }
    Ok(lines.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}
