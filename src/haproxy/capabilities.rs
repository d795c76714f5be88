//! What the HAProxy at hand can do. Probed where a harmless question tells, since distributions
//! backport and builds differ; known from the version where only trying would tell.

use super::{Command, Version};

/// What the HAProxy at hand can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked for by name")]
pub struct Capabilities {
    /// The version that was found.
    pub version: Version,
    /// `add backend` and its kin (3.4+).
    pub dynamic_backends: bool,
    /// The keyword `cookie` of `add server` (2.8+).
    pub add_server_cookie: bool,
    /// The keyword `init-state` of `add server` (3.2+): a server can wait for its first good check.
    pub init_state: bool,
    /// `wait … srv-removable` (3.0+).
    pub wait_srv_removable: bool,
    /// `del server` may come while a check of that server is under way. From 3.0 to 3.2 the worker
    /// dies of it where the check speaks HTTP/2 over TLS (`BUG_ON` of `CO_FL_SESS_IDLE`).
    pub del_server_during_check: bool,
    /// The longest command, payload included, in bytes.
    pub command_max: usize,
}

impl Capabilities {
    /// What a version can do, where none is running.
    pub fn of(version: Version) -> Self {
        Self {
            version,
            dynamic_backends: version >= Version::V3_4,
            add_server_cookie: version >= Version::V2_8,
            init_state: version >= Version::V3_2,
            wait_srv_removable: version >= Version::V3_0,
            del_server_during_check: version < Version::V3_0 || version >= Version::V3_4,
            command_max: Command::size_limit(version),
        }
    }
}
