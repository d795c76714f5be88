//! What an HAProxy takes by a reload that newer ones take at runtime.

use crate::haproxy::Capabilities;

use super::Reason;

/// A kind of change that newer HAProxies take at runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The change, as README.md's table of runtime and reload calls it.
    pub change: &'static str,
    /// Why this HAProxy takes a reload for it.
    pub reason: Reason,
}

/// All of them for the HAProxy at hand. Every other change is made by the same means on all versions.
pub fn limits(capabilities: &Capabilities) -> Vec<Limit> {
    let version = capabilities.version.to_string();
    let mut limits = Vec::new();
    if !capabilities.add_server_cookie {
        let reason = Reason::CookieOnNewServer { version: version.clone() };
        limits.push(Limit { change: "server added, with an affinity cookie", reason });
    }
    if !capabilities.dynamic_backends {
        for change in ["backend added, with settings that another one has", "backend removed"] {
            let reason = Reason::BackendsAreStatic { version: version.clone() };
            limits.push(Limit { change, reason });
        }
    }
    limits
}
