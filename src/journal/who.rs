//! Who runs this gw, and where.

use std::env;

use crate::report::json::{CauseWord, WhoDocument};

/// The user and machine of this process, at the given command of gw.
pub fn who(command: CauseWord) -> WhoDocument {
    let user = nix::unistd::getuid();
    // A user without a name is one in a container, as a rule.
    let name = nix::unistd::User::from_uid(user).ok().flatten().map(|user| user.name);
    WhoDocument {
        command,
        user: name.unwrap_or_else(|| user.to_string()),
        uid: user.as_raw(),
        sudo_user: env::var("SUDO_USER").ok().filter(|user| !user.is_empty()),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        gw: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
