//! Backends in shards, and the profiles that they are made from.
//!
//! A few hundred backends share a file, so that a change of one writes little. Which file is
//! decided by the backend's name, so that it does not move when others come and go.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use crate::{
    config::{comment, line},
    model::{Backend, BackendName, BalanceKind, Desired, Digest, Profile, Server, ServerName},
};

/// How many backends a shard holds on average, at the most.
const PER_SHARD: usize = 256;

/// The shards of the last time.
#[derive(Debug, Default)]
pub(super) struct Shards {
    shown: Vec<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    backends: Vec<Arc<Backend>>,
    text: Arc<str>,
}

impl Shards {
    /// Renders each shard whose backends are not the same allocations as the last time.
    pub(super) fn render(&mut self, desired: &Desired) -> Vec<(String, Arc<str>)> {
        let count = desired.backends.len().div_ceil(PER_SHARD).next_power_of_two();
        if self.shown.len() != count {
            self.shown = (0..count).map(|_| Shard::default()).collect();
        }
        let mut members: Vec<Vec<(&BackendName, &Arc<Backend>)>> = vec![Vec::new(); count];
        for (name, backend) in &*desired.backends {
            members[shard_of(name, count)].push((name, backend));
        }
        let mut files = Vec::with_capacity(count);
        for (index, (shard, members)) in self.shown.iter_mut().zip(members).enumerate() {
            let same = shard.backends.len() == members.len()
                && shard.backends.iter().zip(&members).all(|(a, (_, b))| Arc::ptr_eq(a, b));
            if !same {
                shard.text = text(&members).into();
                shard.backends =
                    members.into_iter().map(|(_, backend)| Arc::clone(backend)).collect();
            }
            if !shard.text.is_empty() {
                files.push((format!("10-backends-{index:03}.cfg"), Arc::clone(&shard.text)));
            }
        }
        files
    }
}

/// The distinct profiles, each a named `defaults` section.
pub(super) fn profiles(desired: &Desired) -> Arc<str> {
    let mut text = String::from("# Settings that backends share.\n");
    for (name, profile) in desired.profiles() {
        let _ = write!(text, "\ndefaults {name}\n");
        for line in &profile.lines {
            let _ = writeln!(text, "    {line}");
        }
        if !profile.server_keywords.is_empty() {
            let _ = writeln!(text, "    default-server {}", line(&profile.server_keywords));
        }
    }
    text.into()
}

/// The shard of a backend: by its name alone (FNV-1a, 32 bits). `count` is a power of two.
fn shard_of(name: &BackendName, count: usize) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    name.as_str().bytes().fold(0x811c_9dc5, mix) as usize % count
}

fn text(members: &[(&BackendName, &Arc<Backend>)]) -> String {
    let mut text = String::new();
    for (name, backend) in members {
        let _ = write!(
            text,
            "{}\nbackend {name} from {}\n",
            comment(&backend.origin.to_string()),
            backend.profile.name()
        );
        for (server_name, server) in &backend.servers {
            // Names and addresses need no escaping.
            let _ = write!(text, "    server {server_name} {}", address(server));
            let arguments = server_arguments(server_name, server, &backend.profile);
            if !arguments.is_empty() {
                let _ = write!(text, " {}", line(&arguments));
            }
            // `enabled` says nothing new to HAProxy. Read back, it tells that the manifest names the
            // state.
            text.push_str(match (server.in_maintenance(), server.state) {
                (true, _) => " disabled\n",
                (false, Some(_)) => " enabled\n",
                (false, None) => "\n",
            });
        }
        text.push('\n');
    }
    text
}

/// Address and port as HAProxy reads them: IPv6 in brackets.
pub fn address(server: &Server) -> String {
    SocketAddr::new(server.address, server.port).to_string()
}

/// A server's place on the ring: 31 bits of the digest of its name, and never 0 (HAProxy manual,
/// `id`). Two servers of one backend get the same with a probability of 1 in 400,000 for 100
/// servers; HAProxy then refuses the configuration, and one of them needs another name.
fn server_id(name: &ServerName) -> u32 {
    let digest = Digest::of(name.as_str()).short();
    (u32::from_str_radix(&digest[..8], 16).unwrap_or_default() >> 1).max(1)
}

/// The keywords of one server beyond those that it shares with the others of its backend.
pub fn server_arguments(name: &ServerName, server: &Server, profile: &Profile) -> Vec<String> {
    let mut words = Vec::new();
    // Without the word it is HAProxy's default, and an operator's to change.
    if server.names_weight() {
        words.extend(["weight".to_owned(), server.effective_weight().to_string()]);
    }
    if let Some(maxconn) = server.maxconn {
        words.extend(["maxconn".to_owned(), maxconn.to_string()]);
    }
    if server.backup {
        words.push("backup".to_owned());
    }
    if profile.balance == BalanceKind::Ring {
        words.extend(["id".to_owned(), server_id(name).to_string()]);
    }
    if profile.cookie.is_some() {
        words.extend(["cookie".to_owned(), name.to_string()]);
    }
    words
}
