//! Maps. A map is named by the byte-equal string of the configuration that refers to it.

use super::{Command, CommandError, argument::Line, verdict::Expect};

impl Command {
    /// Adds one entry. HAProxy doesn't look for duplicates: the first one added is found.
    pub fn add_map(map: &str, key: &str, value: &str) -> Result<Self, CommandError> {
        check_entry(key, value)?;
        let line = Line::new("add map").value(map).value(key).value(value);
        Self::new(line, Expect::Silence)
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
