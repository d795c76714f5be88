//! Names of users and groups.

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid};

/// Who runs this gw: user and group.
pub(super) fn ourselves() -> (String, String) {
    (user(geteuid().as_raw()), group(getegid().as_raw()))
}

/// The name of a user; the number where there is none.
pub(super) fn user(id: u32) -> String {
    let found = User::from_uid(Uid::from_raw(id)).ok().flatten();
    found.map_or_else(|| id.to_string(), |user| user.name)
}

/// The name of a group; the number where there is none.
pub(super) fn group(id: u32) -> String {
    let found = Group::from_gid(Gid::from_raw(id)).ok().flatten();
    found.map_or_else(|| id.to_string(), |group| group.name)
}
