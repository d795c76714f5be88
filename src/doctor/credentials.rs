//! Files with secrets: whether others may read them.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::people;

/// All users may read or write, or those of the group may write.
const OPEN: u32 = 0o027;

/// What is wrong with the rights of a file, and how to mend it; `None` where nothing is, or where it
/// is not there, which others tell.
pub(super) fn exposed(path: &Path) -> Option<(String, String)> {
    judge(path, &fs::metadata(path).ok()?, nix::unistd::geteuid().as_raw())
}

fn judge(path: &Path, about: &Metadata, us: u32) -> Option<(String, String)> {
    let (shown, mode) = (path.display(), about.mode() & 0o7777);
    if mode & OPEN != 0 {
        let found = format!("others than its owner get at {shown} (mode {mode:o})");
        return Some((found, format!("sudo chmod 600 {shown}")));
    }
    if about.uid() != 0 && about.uid() != us {
        let (owner, user) = (people::user(about.uid()), people::user(us));
        let found = format!("{shown} belongs to {owner}, who could put anything into it");
        return Some((found, format!("sudo chown {user} {shown}")));
    }
    None
}
