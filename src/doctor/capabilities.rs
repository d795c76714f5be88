//! What the running HAProxy can do.

use crate::{haproxy::Capabilities, plan::limits, report::doctor::Check};

/// Tells what takes a reload that a newer HAProxy takes at runtime. That is nothing wrong.
pub(super) fn check(capabilities: &Capabilities) -> Check {
    const ID: &str = "capabilities";
    let limits: Vec<&str> = limits(capabilities).iter().map(|limit| limit.change).collect();
    let version = capabilities.version;
    Check::ok(
        ID,
        if limits.is_empty() {
            format!("{version} takes at runtime all that gw can do at runtime")
        } else {
            format!("{version} takes a reload, newer ones none, for: {}", limits.join("; "))
        },
    )
}
