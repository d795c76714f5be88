//! Files that the manifests of a repository name: in the same commit, or below chosen folders of the
//! machine. Whoever may push must not make gw read any file that gw can.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use git2::{ObjectType, Oid, Repository};

use crate::model::FileRequest;

use super::{
    super::referenced::{SIZE_MAX, in_words, read},
    TreePath,
    filters::{ATTRIBUTES, Filters},
    tree::{LFS, is_pointer},
    walk::{LINK, SUBMODULE},
};

/// The bytes of a blob; `None` where it is larger than `limit`.
pub(super) fn bytes(
    repository: &Repository,
    id: Oid,
    limit: usize,
) -> Result<Option<Vec<u8>>, git2::Error> {
    let odb = repository.odb()?;
    // What is huge is not even unpacked.
    if odb.read_header(id)?.0 > limit {
        return Ok(None);
    }
    Ok(Some(odb.read(id)?.data().to_owned()))
}

/// Why a file that a manifest names can't be had.
pub(super) enum Unreadable {
    /// What the manifest's author can mend.
    Wrong(String),
    /// The object store does not give it.
    Lost(git2::Error),
}

impl Unreadable {
    /// What is wrong as a value that is told in the file's place, and what is lost as an error.
    pub(super) fn apart<T>(read: Result<T, Self>) -> Result<Result<T, String>, git2::Error> {
        match read {
            Ok(read) => Ok(Ok(read)),
            Err(Self::Wrong(why)) => Ok(Err(why)),
            Err(Self::Lost(error)) => Err(error),
        }
    }
}

impl From<String> for Unreadable {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

impl From<&str> for Unreadable {
    fn from(why: &str) -> Self {
        Self::Wrong(why.to_owned())
    }
}

impl From<git2::Error> for Unreadable {
    fn from(error: git2::Error) -> Self {
        Self::Lost(error)
    }
}

/// A file of a commit that a manifest names.
pub(super) struct Named {
    pub(super) id: Oid,
    /// Its path from the top of the repository.
    pub(super) path: String,
}

/// The file that a manifest below `root` means by a relative path, in a commit whose tree is `top`. The
/// attributes on the way to it are added to `filters`.
pub(super) fn in_tree(
    repository: &Repository,
    top: Oid,
    root: &TreePath,
    request: &FileRequest,
    filters: &mut Filters,
) -> Result<Named, Unreadable> {
    let folder = request.manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = TreePath::resolve(folder, request.path.as_str())
        .ok_or("it leads out of the manifests' directory")?;
    let (mut here, mut above) = (repository.find_tree(top)?, String::new());
    let names = root.as_str().split('/').chain(path.split('/'));
    let mut names = names.filter(|name| !name.is_empty()).peekable();
    while let Some(name) = names.next() {
        if let Some(entry) = here.get_name(ATTRIBUTES) {
            filters.add(&above, &entry);
        }
        let entry = here.get_name(name);
        let (id, mode, kind) = entry
            .map(|entry| (entry.id(), entry.filemode(), entry.kind()))
            .ok_or("there is no such file in the commit")?;
        let path = format!("{above}{name}");
        let is_last = names.peek().is_none();
        let what = if is_last { "it" } else { &path };
        match (mode, kind) {
            (LINK, _) => {
                return Err(format!("{what} is a symbolic link, and is not followed").into());
            }
            (SUBMODULE, _) => {
                return Err(format!("{what} is a submodule, and is not followed").into());
            }
            (_, Some(ObjectType::Blob)) if is_last => return Ok(Named { id, path }),
            (_, Some(ObjectType::Tree)) => {
                (here, above) = (repository.find_tree(id)?, path + "/");
            }
            _ => return Err("there is no such file in the commit".into()),
        }
    }
    Err("it is no regular file".into())
}

/// The text of such a blob.
pub(super) fn blob(repository: &Repository, id: Oid) -> Result<Arc<str>, Unreadable> {
    let limit = usize::try_from(SIZE_MAX).unwrap_or(usize::MAX);
    let bytes = bytes(repository, id, limit)?;
    let bytes = bytes.ok_or_else(|| format!("it is larger than {} KiB", SIZE_MAX / 1024))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())?;
    if is_pointer(&text) { Err(LFS.into()) } else { Ok(text.into()) }
}

/// The text of a file of the machine, which must lie below one of these folders, links included.
pub(super) fn on_disk(path: &str, folders: &[PathBuf]) -> Result<Arc<str>, String> {
    let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let refused = || {
        format!(
            "a repository may name files of this machine only below {}; `source.files` in gw.yaml \
             says where",
            names.join(", ")
        )
    };
    // Before anything is looked at: whether a file exists elsewhere is no business of theirs.
    let clean = Path::new(path).components().all(|part| part != std::path::Component::ParentDir);
    if !clean || !folders.iter().any(|folder| Path::new(path).starts_with(folder)) {
        return Err(refused());
    }
    let real = Path::new(path).canonicalize().map_err(|error| in_words(&error))?;
    let is_inside = |folder: &PathBuf| folder.canonicalize().is_ok_and(|at| real.starts_with(at));
    if folders.iter().any(is_inside) { read(&real) } else { Err(refused()) }
}
