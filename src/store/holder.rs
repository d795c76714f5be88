//! Who holds a lock, told without taking it.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use rustix::fs::{major, minor};

/// Who holds the lock of a file, by `/proc/locks` and by what the holder wrote into the file; `None`
/// where nobody does, or the file is not there.
pub(super) fn holder(path: &Path) -> Option<String> {
    let about = fs::metadata(path).ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let file = format!("{:02x}:{:02x}:{}", major(about.dev()), minor(about.dev()), about.ino());
    let pid = holder_of(&locks, &file)?;
    let said = fs::read_to_string(path).unwrap_or_default();
    let said = said.trim();
    Some(if said.is_empty() { format!("process {pid}") } else { said.to_owned() })
}

/// The process that has a `flock` on a file, in the form of proc_locks(5): not one that waits, whose
/// line has an arrow.
fn holder_of<'a>(locks: &'a str, file: &str) -> Option<&'a str> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, "FLOCK", _, "WRITE", pid, locked, ..] if *locked == file => Some(*pid),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_does_not_hold() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 fe:00:11 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 8 fe:00:22 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 9 fe:00:33 0 EOF\n";
        assert_eq!(holder_of(locks, "fe:00:22"), Some("8"));
        assert_eq!(holder_of(locks, "fe:00:11"), None);
        assert_eq!(holder_of(locks, "fe:00:33"), None);
    }

    #[test]
    fn a_lock_is_seen_while_it_is_held() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let file = fs::File::create(&path).unwrap();
        assert_eq!(holder(&path), None);
        file.lock().unwrap();
        assert_eq!(holder(&path), Some(format!("process {}", std::process::id())));
        fs::write(&path, "process 1 (gw apply)\n").unwrap();
        assert_eq!(holder(&path), Some("process 1 (gw apply)".to_owned()));
    }
}
