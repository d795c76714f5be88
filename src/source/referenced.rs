//! Files that manifests refer to: certificates, keys, authorities.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use crate::model::FileRequest;

/// The largest file that a manifest may refer to, in bytes: a bundle of all public authorities has
/// a quarter of it.
pub(super) const SIZE_MAX: u64 = 1024 * 1024;

/// Reads all requested files. `root` is what the paths of manifests are relative to. Why one could
/// not be read stands in its place.
pub fn read_referenced(
    root: &Path,
    requests: impl IntoIterator<Item = FileRequest>,
) -> BTreeMap<FileRequest, Result<Arc<str>, String>> {
    requests
        .into_iter()
        .map(|request| {
            let text = locate(root, &request).and_then(|path| read(&path));
            (request, text)
        })
        .collect()
}

/// Where a requested file is. A relative path is relative to the manifest's folder and stays inside
/// the root, links included: a manifest must not read what its repository does not hold. An absolute
/// one is the administrator's own word.
fn locate(root: &Path, request: &FileRequest) -> Result<PathBuf, String> {
    let path = Path::new(request.path.as_str());
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let manifest = root.join(&*request.manifest);
    let folder = manifest.parent().unwrap_or(root);
    let full = folder.join(path);
    let boundary = if root.as_os_str().is_empty() { folder } else { root };
    let outside = || "it leads out of the manifests' directory".to_owned();
    if path.components().any(|part| part == Component::ParentDir) && root.as_os_str().is_empty() {
        return Err(outside());
    }
    let real = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().map_err(|error| in_words(&error))
    };
    if real(&full)?.starts_with(real(boundary)?) { Ok(full) } else { Err(outside()) }
}

pub(super) fn read(path: &Path) -> Result<Arc<str>, String> {
    let metadata = fs::metadata(path).map_err(|error| in_words(&error))?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| in_words(&error))?;
    file.take(SIZE_MAX + 1).read_to_string(&mut text).map_err(|error| in_words(&error))?;
    if text.len() as u64 > SIZE_MAX {
        return Err(format!("it is larger than {} KiB", SIZE_MAX / 1024));
    }
    Ok(text.into())
}

/// An IO error without the number of the system's.
pub(super) fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission".to_owned(),
        io::ErrorKind::InvalidData => "it is no UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
