//! One way to read from whatever source there is.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::model::{Commit, FileRequest};

use super::{LoadError, Loader, Snapshot, git, read_referenced, trust};

/// Where manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory, or files.
    Paths(Vec<PathBuf>),
    /// A Git repository.
    Git(Box<git::Settings>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paths(paths) => {
                let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or(path.clone());
                f.debug_list().entries(paths.iter().map(absolute)).finish()
            }
            Self::Git(git) => write!(f, "{} at {}", git.address, git.path.as_str()),
        }
    }
}

impl Source {
    /// What of the manifests is asked for, in one text: the reference of a repository included.
    pub fn label(&self) -> String {
        match self {
            Self::Paths(_) => self.to_string(),
            Self::Git(git) => format!("{self}, {}", git.reference),
        }
    }

    /// Whether its revisions must be signed.
    pub fn is_verified(&self) -> bool {
        match self {
            Self::Paths(_) => false,
            Self::Git(settings) => settings.verify.mode != trust::Mode::None,
        }
    }
}

/// Where to look for changes.
#[derive(Clone, Copy, Debug)]
pub enum Look<'a> {
    /// Everywhere: at all files, or at the server's present commit.
    Everything,
    /// Only at these paths, since others did not change. A repository has none.
    Paths(&'a [PathBuf]),
    /// At a commit that is in the clone already. A directory has none.
    Commit(&'a Commit),
    /// Everywhere in a directory; of a repository at the commit that was read last, so that nothing is
    /// fetched and nothing written.
    Known,
}

impl Look<'_> {
    /// Whether the server of a repository is asked.
    pub fn fetches(&self) -> bool {
        matches!(self, Self::Everything | Self::Paths(_))
    }
}

/// Reads a source again and again.
#[derive(Debug)]
pub struct Reader(Kind);

#[derive(Debug)]
enum Kind {
    Disk { loader: Loader, root: PathBuf },
    Git(Box<git::Tree>),
}

impl Reader {
    /// Prepares to read. A repository is cloned into the `state` directory.
    pub fn new(source: &Source, state: &Path) -> Self {
        Self(match source {
            Source::Paths(paths) => Kind::Disk { loader: Loader::new(paths), root: PathBuf::new() },
            Source::Git(settings) => Kind::Git(Box::new(git::Tree::new(settings, state))),
        })
    }

    /// Reads what changed. With a repository and [`Look::Everything`] this fetches, which blocks for
    /// as long as the server takes.
    pub fn read(&mut self, look: Look<'_>) -> Result<Snapshot, LoadError> {
        match &mut self.0 {
            Kind::Disk { loader, root } => {
                let snapshot = match look {
                    Look::Paths(changed) => loader.reload(changed),
                    Look::Everything | Look::Commit(_) | Look::Known => loader.load(),
                }?;
                root.clone_from(&snapshot.root);
                Ok(snapshot)
            }
            Kind::Git(tree) => match look {
                Look::Commit(commit) => tree.read(commit),
                Look::Known => tree.read_known(),
                Look::Everything | Look::Paths(_) => tree.fetch(),
            },
        }
    }

    /// Reads the files that manifests of the last snapshot name. Why one could not be read stands in its
    /// place; an error is none of the manifests'.
    pub fn referenced(
        &mut self,
        requests: impl IntoIterator<Item = FileRequest>,
    ) -> Result<BTreeMap<FileRequest, Result<Arc<str>, String>>, LoadError> {
        match &mut self.0 {
            Kind::Disk { root, .. } => Ok(read_referenced(root, requests)),
            Kind::Git(tree) => tree.referenced(requests),
        }
    }
}
