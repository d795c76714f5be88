//! A Git repository as a source, without a work tree.
//!
//! A bare clone lies in `<state>/source/<digest of the URL>/`, as shallow as the server can. What is
//! fetched is exactly the reference that is wanted, by a process of its own ([`serve`]). Manifests
//! are read from the object store: nothing is ever checked out, no hook, filter or submodule has a
//! part in it.
//!
//! Two local references count, both below `refs/gw/<digest of the reference>/`: `fetched`, and
//! `good`, the last commit that was [kept](BareClone::keep), from which gw starts where the server
//! can't be reached. A tag that was kept is remembered in `tags/` beside them, because tags must not
//! move.

mod access;
mod address;
mod clone;
mod compact;
mod error;
mod fetch;
mod files;
mod filters;
mod known_hosts;
mod look;
mod reference;
mod renewal;
mod secret;
mod settings;
mod transfer;
mod tree;
mod tree_path;
mod walk;
mod wire;

pub(super) use self::tree::Tree;
pub use self::{
    access::{Access, SecretFrom},
    address::{Address, AddressError, Transport},
    clone::{BareClone, Fetched},
    error::GitError,
    look::{Seen, look},
    reference::{Reference, ReferenceError, VersionRange},
    secret::Secret,
    settings::{FILES, ForcedPush, Given, Settings, TIMEOUT},
    transfer::serve,
    tree_path::{TreePath, TreePathError},
};

/// The name of the command by which gw starts itself to fetch.
pub const COMMAND: &str = "fetch-git";

/// The most that a server may send at once, in bytes.
const TRANSFER_MAX: usize = 2 * super::TOTAL_MAX;

#[cfg(test)]
mod tests;
