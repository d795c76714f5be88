//! `show map`, the list and the entries, and `prepare map`.

use super::ReplyError;

/// A map that the configuration refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapFile {
    /// The name by which commands know it: the byte-equal string of the configuration.
    pub name: String,
    /// The number of the visible version.
    pub version: Option<u32>,
    /// Entries, those of prepared versions included.
    pub entries: Option<u64>,
}

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

/// Reads the list of maps: `0 (/path) pattern loaded from … curr_ver=0 next_ver=0 entry_cnt=3`.
/// Maps without a name (inline patterns) are left out.
pub fn parse_list(text: &str) -> Result<Vec<MapFile>, ReplyError> {
    let mut maps = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let error = |what| ReplyError::new("show map", what, line);
        let (_, rest) = line.split_once(" (").ok_or_else(|| error("no name"))?;
        // The name may hold parentheses, the description begins with a fixed word.
        let (name, rest) = rest
            .split_once(") pattern ")
            .or_else(|| rest.split_once(") "))
            .ok_or_else(|| error("no end of the name"))?;
        let (version, entries) = (counter(rest, "curr_ver="), counter(rest, "entry_cnt="));
        if !name.is_empty() {
            let version = version.and_then(|version| u32::try_from(version).ok());
            maps.push(MapFile { name: name.to_owned(), version, entries });
        }
    }
    Ok(maps)
}

/// The number after the last `name`, since paths stand before it.
fn counter(text: &str, name: &str) -> Option<u64> {
    let value = text.rsplit_once(name)?.1;
    value.split(' ').next()?.parse().ok()
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

/// The number of the version that `prepare map` opened: `New version created: 1`.
pub fn prepared_version(text: &str) -> Option<u32> {
    text.trim_end().strip_prefix("New version created: ")?.parse().ok()
}
