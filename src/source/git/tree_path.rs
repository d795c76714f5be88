//! A folder inside of a repository.

use std::{fmt, path::Path, str::FromStr};

/// A path relative to the top of a repository; empty for the top itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TreePath(String);

/// Why a text is no such path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no path inside of a repository: write folders with / between them, without ..")]
pub struct TreePathError(String);

impl TreePath {
    /// The path with `/` between folders.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Where `relative`, written in a file of the folder `below` this path, leads: a path relative
    /// to this one. `None` where it leads out.
    pub(super) fn resolve(below: &str, relative: &str) -> Option<String> {
        let mut parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                name => parts.push(name),
            }
        }
        Some(parts.join("/"))
    }
}

impl FromStr for TreePath {
    type Err = TreePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> =
            text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let is_bad = text.starts_with('/')
            || text.contains(char::is_control)
            || parts.contains(&"..")
            || parts.iter().any(|part| part.eq_ignore_ascii_case(".git"));
        if is_bad { Err(TreePathError(text.to_owned())) } else { Ok(Self(parts.join("/"))) }
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (text, path) in [("sites/prod/", "sites/prod"), (".", ""), ("", ""), ("./a//b", "a/b")]
        {
            assert_eq!(text.parse::<TreePath>().unwrap().as_str(), path, "{text}");
        }
        for bad in ["/etc", "..", "a/../../b", "a/..", ".git", "a/.GIT/b", "a\nb"] {
            assert!(bad.parse::<TreePath>().is_err(), "{bad:?}");
        }
        assert_eq!(TreePath::resolve("a/b", "../c.pem"), Some("a/c.pem".to_owned()));
        assert_eq!(TreePath::resolve("", "./c.pem"), Some("c.pem".to_owned()));
        assert_eq!(TreePath::resolve("a", "../../c.pem"), None);
        assert_eq!(TreePath::resolve("a", "b/../../../a/c.pem"), None);
    }
}
