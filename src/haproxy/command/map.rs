//! Maps. A map is named by the byte-equal string of the configuration that refers to it.

use super::{Command, CommandError, Payload, SIZE_MAX, argument::Line, verdict::Expect};

/// Entries per payload. More makes no difference in speed, and HAProxy handles a payload in one go.
const BATCH_MAX: usize = 500;

impl Command {
    /// Adds one entry. HAProxy doesn't look for duplicates: the first one added is found.
    pub fn add_map(
        map: &str,
        version: Option<u32>,
        key: &str,
        value: &str,
    ) -> Result<Self, CommandError> {
        check_entry(key, value)?;
        let line = Line::new("add map").version(version).value(map).value(key).value(value);
        Self::new(line, Expect::Silence)
    }

    /// Adds many entries in as few commands as the limits allow. A refused one (such as a bad
    /// regex) leaves the entries before it in place: add to a prepared version, and commit only
    /// where all were done.
    pub fn add_map_entries<'a>(
        map: &str,
        version: Option<u32>,
        entries: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Vec<Self>, CommandError> {
        let head = || Line::new("add map").version(version).value(map);
        let overhead = head().finish()?.len() + 16;
        let (mut commands, mut lines, mut count) = (Vec::new(), String::new(), 0);
        for (key, value) in entries {
            check_entry(key, value)?;
            let size = key.len() + value.len() + 2;
            if overhead + size > SIZE_MAX {
                return Err(CommandError::TooLong(overhead + size));
            }
            if count == BATCH_MAX || overhead + lines.len() + size > SIZE_MAX {
                let payload = Payload { lines: std::mem::take(&mut lines), secret: false };
                commands.push(Self::with_payload(head(), payload, Expect::Silence)?);
                count = 0;
            }
            lines.extend([key, " ", value, "\n"]);
            count += 1;
        }
        if count > 0 {
            let payload = Payload { lines, secret: false };
            commands.push(Self::with_payload(head(), payload, Expect::Silence)?);
        }
        Ok(commands)
    }

    /// Changes the value of a key: of all its entries, where there are duplicates.
    pub fn set_map(map: &str, key: &str, value: &str) -> Result<Self, CommandError> {
        check_entry(key, value)?;
        Self::new(Line::new("set map").value(map).value(key).value(value), Expect::Silence)
    }

    /// Deletes a key: all its entries up to 3.2, one of them on 3.4. Unchanged where there is none.
    pub fn del_map(map: &str, key: &str) -> Result<Self, CommandError> {
        check_key(key)?;
        let line = Line::new("del map").value(map).value(key);
        Self::new(line, Expect::SilenceOr("Key not found."))
    }

    /// Deletes the one entry with this reference of `show map` (`0x…`).
    pub fn del_map_ref(map: &str, reference: u64) -> Result<Self, CommandError> {
        let line = Line::new("del map").value(map).value(&format!("#{reference:#x}"));
        Self::new(line, Expect::SilenceOr("Key not found."))
    }

    /// Opens a new version of a map, invisible until committed. The reply holds its number:
    /// [`prepared_version`](crate::haproxy::reply::map::prepared_version).
    pub fn prepare_map(map: &str) -> Result<Self, CommandError> {
        let line = Line::new("prepare map").value(map);
        Self::new(line, Expect::data(&["New version created: "]))
    }

    /// Makes a prepared version the visible one, in one step.
    pub fn commit_map(map: &str, version: u32) -> Result<Self, CommandError> {
        Self::new(Line::new("commit map").version(Some(version)).value(map), Expect::Silence)
    }

    /// Empties a map, or throws away a prepared version.
    pub fn clear_map(map: &str, version: Option<u32>) -> Result<Self, CommandError> {
        Self::new(Line::new("clear map").version(version).value(map), Expect::Silence)
    }
}

/// A key that means itself: `#` would make it a reference, a blank would end it.
fn check_key(key: &str) -> Result<(), CommandError> {
    if key.is_empty() {
        Err(CommandError::Empty("a key of a map"))
    } else if key.contains(char::is_control) {
        Err(CommandError::Control(key.to_owned()))
    } else if key.starts_with('#') || key.contains(' ') {
        Err(CommandError::Key(key.to_owned()))
    } else {
        Ok(())
    }
}

/// An entry that reads the same as a word, as a line of a payload and as a line of a map file. A
/// line of a payload without value would swallow the next line.
fn check_entry(key: &str, value: &str) -> Result<(), CommandError> {
    check_key(key)?;
    if value.is_empty() {
        Err(CommandError::Empty("a value of a map"))
    } else if value.contains(char::is_control) {
        Err(CommandError::Control(value.to_owned()))
    } else if value.starts_with(' ') || value.ends_with(' ') {
        Err(CommandError::Value(value.to_owned()))
    } else {
        Ok(())
    }
}
