//! Filters that `.gitattributes` gives to files. gw runs none: what it reads must be what a checkout
//! would hold.

use std::{collections::BTreeMap, path::Path};

use git2::{AttrCheckFlags, Index, IndexEntry, IndexTime, ObjectType, Oid, Repository, TreeEntry};

use super::files;

/// The name of the files with attributes.
pub(super) const ATTRIBUTES: &str = ".gitattributes";

/// The largest such file, in bytes.
const SIZE_MAX: usize = 1024 * 1024;

/// The files with attributes of a commit, by path.
#[derive(Default)]
pub(super) struct Filters(BTreeMap<String, Oid>);

/// Tells the filter of each file.
pub(super) struct Attributes<'a>(Option<(&'a Repository, Index)>);

impl Filters {
    /// Adds the file of a folder, whose path is relative to the top of the repository.
    pub(super) fn add(&mut self, folder: &str, entry: &TreeEntry<'_>) {
        if entry.kind() != Some(ObjectType::Blob) {
            return;
        }
        let path = format!("{}/{ATTRIBUTES}", folder.trim_matches('/'));
        self.0.insert(path.trim_start_matches('/').to_owned(), entry.id());
    }

    /// Hands them to libgit2, which understands their patterns, as an index that only this
    /// `repository` object has.
    pub(super) fn prepare(self, repository: &Repository) -> Result<Attributes<'_>, git2::Error> {
        let mut index = Index::new()?;
        let mut has_filters = false;
        for (path, id) in self.0 {
            // A missing or huge file has no filters that Git would find, either.
            let Some(bytes) = files::bytes(repository, id, SIZE_MAX)? else { continue };
            has_filters |= bytes.windows(6).any(|word| word == b"filter");
            index.add(&entry(path, id, bytes.len()))?;
        }
        if !has_filters {
            return Ok(Attributes(None));
        }
        repository.set_index(&mut index)?;
        Ok(Attributes(Some((repository, index))))
    }
}

impl Attributes<'_> {
    /// The filter of a file, whose path is relative to the top of the repository.
    pub(super) fn filter(&self, path: &Path) -> Result<Option<String>, git2::Error> {
        let Some((repository, _)) = &self.0 else { return Ok(None) };
        let flags = AttrCheckFlags::INDEX_ONLY | AttrCheckFlags::NO_SYSTEM;
        let value = repository.get_attr_bytes(path, "filter", flags)?;
        let is_set = |value: &&[u8]| !value.starts_with(b"[internal]");
        Ok(value.filter(is_set).map(|value| String::from_utf8_lossy(value).into_owned()))
    }
}

/// What is told of a file with a filter.
pub(super) fn in_words(filter: &str) -> String {
    format!(
        ".gitattributes gives this file the filter {filter:?}, which gw does not run: a checkout \
         would hold something else"
    )
}

fn entry(path: String, id: Oid, size: usize) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: u32::try_from(size).unwrap_or(u32::MAX),
        id,
        flags: 0,
        flags_extended: 0,
        path: path.into_bytes(),
    }
}
