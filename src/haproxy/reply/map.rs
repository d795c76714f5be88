//! `show map` and `get map`.

use super::ReplyError;

/// An entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// Its reference, for [`del_map_ref`](crate::haproxy::Command::del_map_ref). Good for as long
    /// as the entry.
    pub reference: u64,
    /// The key.
    pub key: String,
    /// The value: the rest of the line.
    pub value: String,
}

/// Reads one line of the entries of a map; None where it is empty.
pub fn parse_entry(line: &str) -> Result<Option<MapEntry>, ReplyError> {
    if line.is_empty() {
        return Ok(None);
    }
    let error = |what| ReplyError::new("show map", what, line);
    let (reference, rest) = line.split_once(' ').ok_or_else(|| error("no key"))?;
    let digits = reference.strip_prefix("0x").ok_or_else(|| error("no reference"))?;
    let reference = u64::from_str_radix(digits, 16).map_err(|_| error("no reference"))?;
    let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
    Ok(Some(MapEntry { reference, key: key.to_owned(), value: value.to_owned() }))
}

/// Reads all entries of a map, in the order in which HAProxy has them.
pub fn parse_entries(text: &str) -> Result<Vec<MapEntry>, ReplyError> {
    text.split('\n').filter_map(|line| parse_entry(line).transpose()).collect()
}

/// Reads the reply to `get map`: the value that the key finds; None where it finds nothing.
/// `type=str, case=sensitive, found=yes, idx=tree, key="k", value="v", type="str"`.
pub fn parse_lookup(text: &str) -> Result<Option<String>, ReplyError> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.ends_with(", found=no") {
        return Ok(None);
    }
    let value = text.split_once("\", value=\"").and_then(|(_, rest)| rest.rsplit_once("\", type="));
    let error = || ReplyError::new("get map", "no value", text);
    value.map(|(value, _)| Some(value.to_owned())).ok_or_else(error)
}
