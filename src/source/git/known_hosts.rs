//! The keys of hosts that are known, in the format of OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE
//! FORMAT"), and what they say about a key that a host offers.

use std::{fmt, fmt::Write as _};

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The port of SSH, which is not written.
pub(super) const PORT: u16 = 22;

/// The known hosts of some files.
#[derive(Debug, Default)]
pub(super) struct KnownHosts(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    marker: Marker,
    hosts: Hosts,
    key: HostKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    Authority,
}

#[derive(Debug)]
enum Hosts {
    /// Patterns, each with whether it is negated.
    Patterns(Vec<(bool, String)>),
    /// HMAC-SHA1 of the name.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// The public key of a host.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct HostKey(Vec<u8>);

/// What the known hosts say about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the host's.
    Known,
    /// Nothing is known of the host.
    Unknown,
    /// The host has another key of this algorithm.
    Changed(Vec<HostKey>),
    /// The host has keys, but none of this algorithm.
    OtherAlgorithm(Vec<HostKey>),
    /// The key must not be believed any more.
    Revoked,
    /// Only an authority is known, and gw understands no certificates of hosts.
    Authority,
}

impl KnownHosts {
    /// Adds the lines of a file. Like ssh, it passes over lines that make no sense.
    pub(super) fn add(&mut self, text: &str) {
        self.0.extend(text.lines().filter_map(entry));
    }

    /// What is known about `key`, offered by a host.
    pub(super) fn check(&self, host: &str, port: u16, key: &HostKey) -> Verdict {
        let name = name(host, port);
        let lines: Vec<&Entry> = self.0.iter().filter(|entry| entry.hosts.are(&name)).collect();
        let with = |marker| lines.iter().filter(move |entry| entry.marker == marker);
        if with(Marker::Revoked).any(|entry| entry.key == *key) {
            return Verdict::Revoked;
        }
        let known: Vec<HostKey> = with(Marker::None).map(|entry| entry.key.clone()).collect();
        if known.contains(key) {
            Verdict::Known
        } else if known.iter().any(|one| one.algorithm() == key.algorithm()) {
            Verdict::Changed(known)
        } else if !known.is_empty() {
            Verdict::OtherAlgorithm(known)
        } else if with(Marker::Authority).next().is_some() {
            Verdict::Authority
        } else {
            Verdict::Unknown
        }
    }

    /// The lines for one host, without anything but its keys: what an SSH client of fewer talents
    /// needs to know to ask for a key of an algorithm that is known.
    pub(super) fn plain_lines(&self, host: &str, port: u16) -> String {
        let name = name(host, port);
        let is_key = |entry: &&Entry| entry.marker == Marker::None && entry.hosts.are(&name);
        self.0.iter().filter(is_key).fold(String::new(), |mut lines, entry| {
            let key = &entry.key;
            let _ = writeln!(lines, "{name} {} {}", key.algorithm(), STANDARD.encode(&key.0));
            lines
        })
    }
}

impl Hosts {
    fn are(&self, name: &str) -> bool {
        match self {
            Self::Hashed { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name).verify_slice(hash).is_ok()),
            Self::Patterns(patterns) => {
                let fits =
                    |(_, pattern): &&(bool, String)| matches(pattern.as_bytes(), name.as_bytes());
                let mut fitting = patterns.iter().filter(fits).peekable();
                fitting.peek().is_some() && !fitting.any(|(is_negated, _)| *is_negated)
            }
        }
    }
}

impl HostKey {
    /// Takes a key in the encoding of RFC 4253, section 6.6.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    /// The name of its algorithm, which the encoding begins with.
    pub(super) fn algorithm(&self) -> &str {
        let name = self.0.split_first_chunk::<4>().and_then(|(length, rest)| {
            rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
        });
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        name.filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic())).unwrap_or("unknown")
    }
}

/// As `ssh-keygen -l` shows it.
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = STANDARD_NO_PAD.encode(Sha256::digest(&self.0));
        write!(f, "{} SHA256:{digest}", self.algorithm())
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a host is written: with its port, where that is not the usual one.
pub(super) fn name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == PORT { host } else { format!("[{host}]:{port}") }
}

/// `[MARKER] HOSTS ALGORITHM KEY [COMMENT]`.
fn entry(line: &str) -> Option<Entry> {
    let line = line.trim();
    let mut words = line.split_ascii_whitespace();
    let first = words.next().filter(|first| !first.starts_with('#'))?;
    let marker = match first {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::Authority,
        _ if first.starts_with('@') => return None,
        _ => Marker::None,
    };
    let names = if marker == Marker::None { first } else { words.next()? };
    let algorithm = words.next()?;
    let key = HostKey(STANDARD.decode(words.next()?).ok()?);
    if key.algorithm() != algorithm {
        return None;
    }
    let hosts = match names.strip_prefix("|1|") {
        Some(hashed) => {
            let (salt, hash) = hashed.split_once('|')?;
            Hosts::Hashed { salt: STANDARD.decode(salt).ok()?, hash: STANDARD.decode(hash).ok()? }
        }
        None => Hosts::Patterns(
            names
                .split(',')
                .filter(|name| !name.is_empty())
                .map(|name| match name.strip_prefix('!') {
                    Some(name) => (true, name.to_ascii_lowercase()),
                    None => (false, name.to_ascii_lowercase()),
                })
                .collect(),
        ),
    };
    Some(Entry { marker, hosts, key })
}

/// Whether a name fits a pattern, in which `*` is any text and `?` one character. Takes time
/// proportional to the product of both lengths at most.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star = None;
    while next < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, next));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[next] => (at, next) = (at + 1, next + 1),
            _ => match star {
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    (at, next) = (from + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests;
