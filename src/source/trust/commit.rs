//! A commit, taken apart into what was signed and its signature.
//!
//! libgit2 could do it (`git_commit_extract_signature`), but it reads the headers leniently and
//! replaces parents where a clone is shallow. What decides over trust is read strictly here, from
//! the bytes that were signed: Git writes `tree`, `parent`s, `author`, `committer` in this order.

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::{Moment, Unverified};

/// The greatest size of a commit object, in bytes.
pub const SIZE_MAX: usize = 1024 * 1024;

/// The trailer of a commit whose signer vouches for all that came before it.
pub const MESSAGE_SEAL: &str = "Gw-Seal";

/// A commit, as far as trust goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: Oid,
    /// What it holds.
    pub tree: Oid,
    /// What came before.
    pub parents: Vec<Oid>,
    /// When it was made, by its committer's words.
    pub committed: Moment,
    /// Whether its signer vouches for what came before: it has a trailer `Gw-Seal: REASON`.
    pub seals: bool,
    /// The bytes that were signed: all but the signature.
    pub payload: Vec<u8>,
    /// The armored signature.
    pub signature: Option<Vec<u8>>,
}

/// Why a commit can't be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It is not there.
    Missing,
    /// Its content makes no sense.
    Malformed(Unverified),
    /// The object store fails.
    Git(git2::Error),
}

impl Commit {
    /// Reads one from the object store.
    pub(super) fn read(repository: &Repository, id: Oid) -> Result<Self, ReadError> {
        let failed = |error: git2::Error| match error.code() {
            ErrorCode::NotFound => ReadError::Missing,
            _ => ReadError::Git(error),
        };
        let objects = repository.odb().map_err(ReadError::Git)?;
        let (size, kind) = objects.read_header(id).map_err(failed)?;
        let refused = |why: String| Err(ReadError::Malformed(malformed(why)));
        if kind != ObjectType::Commit {
            return refused(format!("it is a {kind}, no commit"));
        }
        if size > SIZE_MAX {
            return refused(format!("it is larger than {} KiB", SIZE_MAX / 1024));
        }
        let object = objects.read(id).map_err(failed)?;
        Self::parse(id, object.data()).map_err(ReadError::Malformed)
    }

    /// Takes the bytes of a commit object apart.
    pub fn parse(id: Oid, raw: &[u8]) -> Result<Self, Unverified> {
        let mut payload = Vec::with_capacity(raw.len());
        let mut signature: Option<Vec<u8>> = None;
        let mut headers = Vec::new();
        let mut is_in_signature = false;
        let mut rest = raw;
        loop {
            let end = memchr::memchr(b'\n', rest)
                .ok_or_else(|| malformed("its headers do not end".to_owned()))?;
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            let continued = line.strip_prefix(b" ");
            if let (Some(text), true, Some(signature)) =
                (continued, is_in_signature, &mut signature)
            {
                signature.extend_from_slice(text);
                continue;
            }
            is_in_signature = false;
            if let Some(text) = line.strip_prefix(b"gpgsig ") {
                // A second one would be signed by the first, or the other way round: who can tell?
                if signature.replace(text.to_vec()).is_some() {
                    return Err(malformed("it has two signatures".to_owned()));
                }
                is_in_signature = true;
                continue;
            }
            payload.extend_from_slice(line);
            match line {
                b"\n" => break,
                _ if continued.is_some() => {}
                _ => headers.push(&line[..line.len() - 1]),
            }
        }
        payload.extend_from_slice(rest);
        let (tree, parents, committed) = fields(&headers)?;
        Ok(Self { id, tree, parents, committed, seals: seals(rest), payload, signature })
    }
}

/// What the headers say, which must come in Git's order and only once.
fn fields(headers: &[&[u8]]) -> Result<(Oid, Vec<Oid>, Moment), Unverified> {
    let mut headers = headers.iter().copied().peekable();
    let oid = |text: &[u8]| {
        let text = str::from_utf8(text).ok().filter(|text| text.len() == 40);
        text.and_then(|text| Oid::from_str(text).ok())
            .ok_or_else(|| malformed("it names an object that is none".to_owned()))
    };
    let mut next = |name: &str| {
        let line = headers.peek()?;
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b" ")?;
        headers.next();
        Some(value)
    };
    let missing = |name: &str| malformed(format!("it has no {name} where one belongs"));
    let tree = oid(next("tree").ok_or_else(|| missing("tree"))?)?;
    let mut parents = Vec::new();
    while let Some(parent) = next("parent") {
        parents.push(oid(parent)?);
    }
    next("author").ok_or_else(|| missing("author"))?;
    let committer = next("committer").ok_or_else(|| missing("committer"))?;
    let committed = time_of(committer).ok_or_else(|| missing("time of the commit"))?;
    for line in headers {
        let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        if [&b"tree"[..], b"parent", b"author", b"committer"].contains(&name) {
            let name = String::from_utf8_lossy(name);
            return Err(malformed(format!("it has one {name} more than belongs")));
        }
    }
    Ok((tree, parents, committed))
}

/// The seconds in `Name <mail> SECONDS +ZONE`.
fn time_of(person: &[u8]) -> Option<Moment> {
    let end = memchr::memrchr(b'>', person)?;
    let mut words = str::from_utf8(&person[end + 1..]).ok()?.split_ascii_whitespace();
    let (seconds, _zone) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    seconds.parse().ok().map(Moment)
}

/// Whether a message ends in a trailer that seals, with a reason.
fn seals(message: &[u8]) -> bool {
    let message = String::from_utf8_lossy(message);
    // libgit2 takes a C string.
    let Ok(trailers) = git2::message_trailers_strs(&message.replace('\0', "")) else {
        return false;
    };
    trailers
        .iter()
        .any(|(name, reason)| name.eq_ignore_ascii_case(MESSAGE_SEAL) && !reason.trim().is_empty())
}

fn malformed(why: String) -> Unverified {
    Unverified::Malformed { part: "content", why }
}
