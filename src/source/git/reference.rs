//! Which commit is wanted, and which one that is on a server.

use std::{fmt, str::FromStr};

use git2::Oid;
use semver::{Comparator, Version, VersionReq};

const BRANCHES: &str = "refs/heads/";
pub(super) const TAGS: &str = "refs/tags/";

/// What is followed. The first form that fits a text is what it means; a branch or tag whose name
/// looks like another form is named in full (`refs/heads/…`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The server's default branch.
    #[default]
    Head,
    /// A commit, by all digits of its id.
    Commit(Oid),
    /// A reference by its full name, such as `refs/tags/v1`.
    Full(String),
    /// The tag with the highest version in a range such as `>=1.2 <2`. A `v` in front is left out of
    /// account, as are tags that name no version.
    Range(VersionRange),
    /// A branch, or else a tag, of this name.
    Name(String),
}

/// A range of versions as written, and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    range: VersionReq,
}

/// Why a text names no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Git has no such names.
    #[error("{0:?} can't be the name of a branch or tag")]
    Name(String),
    /// It begins like a range of versions.
    #[error("{text:?} is no range of versions: {why}; write it like >=1.2 <2")]
    Range {
        /// The text.
        text: String,
        /// What is wrong.
        why: String,
    },
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "HEAD" {
            return Ok(Self::Head);
        }
        if text.len() == 40
            && let Ok(id) = Oid::from_str(text)
        {
            return Ok(Self::Commit(id));
        }
        if text.starts_with(['>', '<', '=', '~', '^', '*']) {
            let failed = |why: String| ReferenceError::Range { text: text.to_owned(), why };
            let range = range(text).map_err(|error| failed(error.to_string()))?;
            return Ok(Self::Range(VersionRange { text: text.to_owned(), range }));
        }
        let bad = || ReferenceError::Name(text.to_owned());
        if text.starts_with("refs/") {
            let is_valid = git2::Reference::is_valid_name(text);
            return if is_valid { Ok(Self::Full(text.to_owned())) } else { Err(bad()) };
        }
        let is_valid =
            !text.starts_with('-') && git2::Reference::is_valid_name(&format!("{BRANCHES}{text}"));
        if is_valid { Ok(Self::Name(text.to_owned())) } else { Err(bad()) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Commit(id) => id.fmt(f),
            Self::Full(name) | Self::Name(name) => f.write_str(name),
            Self::Range(range) => f.write_str(&range.text),
        }
    }
}

/// Reads comparators with blanks or commas between them.
fn range(text: &str) -> Result<VersionReq, semver::Error> {
    let mut comparators: Vec<Comparator> = Vec::new();
    let mut operator = String::new();
    for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        let whole = std::mem::take(&mut operator) + word;
        if whole.chars().all(|c| "<>=~^".contains(c)) {
            // The version follows after a blank.
            operator = whole;
        } else {
            comparators.extend(VersionReq::parse(&whole)?.comparators);
        }
    }
    if !operator.is_empty() {
        VersionReq::parse(&operator)?;
    }
    Ok(VersionReq { comparators })
}

/// The version that a tag names: `v1.2.3`, `1.2.3`, or with fewer parts.
pub(super) fn version(tag: &str) -> Option<Version> {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    let parts = bare.split('.').count();
    let is_plain = bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let padding = if is_plain { ".0".repeat(3usize.saturating_sub(parts)) } else { String::new() };
    Version::parse(&format!("{bare}{padding}")).ok()
}

/// A reference as a server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advertised {
    /// Its full name; an annotated tag comes twice, the second time with `^{}` for its commit.
    pub(super) name: String,
    /// What it points to.
    pub(super) id: Oid,
    /// The branch, where it is a symbolic reference.
    pub(super) target: Option<String>,
}

/// What a reference is on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The full name; `None` for a commit that no reference points to.
    pub(super) name: Option<String>,
    /// The commit, tags peeled.
    pub(super) id: Oid,
}

/// Why a reference is nothing on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// The repository has no commit at all.
    Empty,
    /// No such branch or tag. With the most similar name there is.
    Missing { similar: Option<String> },
    /// No tag in the range. With the highest version there is.
    NoVersion { highest: Option<String> },
}

impl Reference {
    /// What this is on a server that tells these references.
    pub(super) fn resolve(&self, advertised: &[Advertised]) -> Result<Resolved, Unresolved> {
        if advertised.is_empty() {
            return Err(Unresolved::Empty);
        }
        match self {
            Self::Commit(id) => {
                let named = advertised.iter().find(|one| {
                    one.id == *id && (one.name.starts_with(BRANCHES) || one.name.starts_with(TAGS))
                });
                let name = named.map(|one| one.name.trim_end_matches("^{}").to_owned());
                Ok(Resolved { name, id: *id })
            }
            Self::Head => {
                let head = advertised.iter().find(|one| one.name == "HEAD");
                let head = head.ok_or(Unresolved::Missing { similar: None })?;
                let name = head.target.clone().unwrap_or_else(|| "HEAD".to_owned());
                Ok(Resolved { name: Some(name), id: head.id })
            }
            Self::Full(name) => {
                peeled(advertised, name).ok_or_else(|| Unresolved::missing(advertised, name))
            }
            Self::Name(name) => [BRANCHES, TAGS]
                .iter()
                .find_map(|folder| peeled(advertised, &format!("{folder}{name}")))
                .ok_or_else(|| Unresolved::missing(advertised, name)),
            Self::Range(range) => {
                let tags = advertised.iter().filter_map(|one| one.name.strip_prefix(TAGS));
                let mut versions: Vec<(Version, &str)> =
                    tags.filter_map(|tag| Some((version(tag)?, tag))).collect();
                versions.sort();
                let best = versions.iter().rev().find(|(version, _)| range.range.matches(version));
                let highest = versions.last().map(|(_, tag)| (*tag).to_owned());
                best.and_then(|(_, tag)| peeled(advertised, &format!("{TAGS}{tag}")))
                    .ok_or(Unresolved::NoVersion { highest })
            }
        }
    }
}

impl Unresolved {
    fn missing(advertised: &[Advertised], name: &str) -> Self {
        let short = name.trim_start_matches(BRANCHES).trim_start_matches(TAGS);
        let names = advertised.iter().filter_map(|one| {
            let name = one.name.strip_prefix(BRANCHES).or_else(|| one.name.strip_prefix(TAGS))?;
            (!name.ends_with("^{}")).then_some(name)
        });
        let near = names
            .map(|name| (strsim::jaro_winkler(short, name), name))
            .filter(|(similarity, _)| *similarity > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        Self::Missing { similar: near.map(|(_, name)| name.to_owned()) }
    }
}

/// The reference of this name, with the commit of an annotated tag.
fn peeled(advertised: &[Advertised], name: &str) -> Option<Resolved> {
    let find = |name: &str| advertised.iter().find(|one| one.name == name);
    let found = find(name)?;
    let id = find(&format!("{name}^{{}}")).unwrap_or(found).id;
    Some(Resolved { name: Some(name.to_owned()), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> Oid {
        Oid::from_str(&digit.to_string().repeat(40)).unwrap()
    }

    fn server() -> Vec<Advertised> {
        [
            ("HEAD", '1', Some("refs/heads/main")),
            ("refs/heads/main", '1', None),
            ("refs/heads/both", '2', None),
            ("refs/tags/both", '3', None),
            ("refs/tags/v1.2.0", '4', None),
            ("refs/tags/v1.2.0^{}", '5', None),
            ("refs/tags/1.10.0", '6', None),
            ("refs/tags/v2.0.0-rc.1", '7', None),
            ("refs/tags/v2.0", '8', None),
            ("refs/tags/latest", '9', None),
        ]
        .into_iter()
        .map(|(name, digit, target)| Advertised {
            name: name.to_owned(),
            id: id(digit),
            target: target.map(str::to_owned),
        })
        .collect()
    }

    fn resolve(text: &str) -> Result<(Option<String>, Oid), Unresolved> {
        let found = text.parse::<Reference>().unwrap().resolve(&server())?;
        Ok((found.name, found.id))
    }

    #[test]
    fn each_form_finds_its_commit() {
        for (text, name, digit) in [
            ("HEAD", "refs/heads/main", '1'),
            ("main", "refs/heads/main", '1'),
            ("both", "refs/heads/both", '2'),
            ("refs/tags/both", "refs/tags/both", '3'),
            ("v1.2.0", "refs/tags/v1.2.0", '5'),
            (">=1.2 <2", "refs/tags/1.10.0", '6'),
            (">= 1.2, < 1.10", "refs/tags/v1.2.0", '5'),
            ("=1.2.0", "refs/tags/v1.2.0", '5'),
            ("~1.2", "refs/tags/v1.2.0", '5'),
            ("*", "refs/tags/v2.0", '8'),
            (">=2.0.0-rc.0 <2.0.0", "refs/tags/v2.0.0-rc.1", '7'),
        ] {
            assert_eq!(resolve(text), Ok((Some(name.to_owned()), id(digit))), "{text}");
        }
        assert_eq!(resolve(&id('5').to_string()), Ok((Some("refs/tags/v1.2.0".into()), id('5'))));
        assert_eq!(resolve(&id('c').to_string()), Ok((None, id('c'))));
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let similar = Some("main".to_owned());
        assert_eq!(resolve("mian"), Err(Unresolved::Missing { similar }));
        assert_eq!(resolve("refs/heads/zzz"), Err(Unresolved::Missing { similar: None }));
        let highest = Some("v2.0".to_owned());
        assert_eq!(resolve(">2"), Err(Unresolved::NoVersion { highest }));
        assert_eq!(Reference::Head.resolve(&[]), Err(Unresolved::Empty));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "-x", "a..b", "a b", "refs/heads/", "a\nb", "a^{}", ">=1.2 <", ">=x", ">"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
        assert_eq!("a/b".parse(), Ok(Reference::Name("a/b".to_owned())));
    }
}
