//! Which files of a directory are manifests.

use std::{
    fs::{self, FileType},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::model::{Location, Problem, Span};

use super::{FILES_MAX, LoadError};

/// gw's own settings, which lie beside the manifests.
const SETTINGS: [&str; 2] = ["gw.yaml", "gw.yml"];

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// The manifest files, as the user sees their paths.
    pub(super) files: Vec<Arc<str>>,
    /// What is wrong with the others.
    pub(super) problems: Vec<Problem>,
    /// Whether one of the files is a symbolic link.
    pub(super) has_links: bool,
}

/// Whether a path ends like a manifest.
pub(super) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json")
}

/// Whether a path below the directory is passed over: hidden, or gw's settings at the top.
pub(super) fn is_skipped(relative: &Path) -> bool {
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    relative.iter().any(is_hidden) || SETTINGS.iter().any(|name| relative == Path::new(name))
}

/// A problem with a whole file.
pub(super) fn problem(path: &str, message: impl Into<String>) -> Problem {
    Problem::error(Location { file: path.into(), span: Span::default() }, message)
}

impl Found {
    /// Adds the manifests below `root`, shown below `shown`.
    pub(super) fn directory(&mut self, root: &Path, shown: &Path) -> Result<(), LoadError> {
        let inside = root.canonicalize().map_err(LoadError::io(root))?;
        let mut open = vec![PathBuf::new()];
        while let Some(below) = open.pop() {
            let path = root.join(&below);
            for entry in fs::read_dir(&path).map_err(LoadError::io(&path))? {
                let entry = entry.map_err(LoadError::io(&path))?;
                let below = below.join(entry.file_name());
                if is_skipped(&below) {
                    continue;
                }
                let kind = entry.file_type().map_err(LoadError::io(&path))?;
                if kind.is_dir() {
                    open.push(below);
                } else if kind.is_symlink() {
                    self.link(root, &inside, &below, shown);
                } else if is_manifest(&below) {
                    self.file(&shown.join(below), kind);
                }
                if self.files.len() > FILES_MAX {
                    return Err(LoadError::TooManyFiles { path: root.to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Adds a path that the user named.
    pub(super) fn named(&mut self, path: &Path) -> Result<(), LoadError> {
        let kind = path.metadata().map_err(LoadError::io(path))?.file_type();
        if kind.is_dir() {
            return self.directory(path, path);
        }
        // The user said so, so a link may lead anywhere, and a name end as it likes.
        self.has_links |= path.is_symlink();
        self.file(path, kind);
        Ok(())
    }

    fn file(&mut self, path: &Path, kind: FileType) {
        let shown = path.to_string_lossy();
        let is_plain = path.to_str().is_some_and(|name| !name.contains(char::is_control));
        if !is_plain {
            let message = "the name of this file is not UTF-8, or holds control characters";
            self.problems.push(problem(&shown, message));
        } else if kind.is_file() {
            self.files.push(shown.into());
        } else {
            self.problems.push(problem(&shown, "this is not a regular file"));
        }
    }

    /// A symbolic link: followed to a file inside of the directory, and nowhere else.
    fn link(&mut self, root: &Path, inside: &Path, below: &Path, shown: &Path) {
        let shown = shown.join(below);
        let target = root.join(below).canonicalize();
        let message = match target {
            Ok(target) if target.is_dir() => {
                "this symbolic link leads to a directory, and is not followed"
            }
            // Not ours, such as a certificate that lies elsewhere.
            _ if !is_manifest(below) => return,
            Ok(target) if target.starts_with(inside) => match target.metadata() {
                Ok(metadata) => {
                    self.has_links = true;
                    return self.file(&shown, metadata.file_type());
                }
                Err(_) => "this symbolic link leads nowhere",
            },
            Ok(_) => "this symbolic link leads out of the directory",
            Err(_) => "this symbolic link leads nowhere",
        };
        self.problems.push(problem(&shown.to_string_lossy(), message));
    }
}
