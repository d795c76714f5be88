//! Each fetch leaves a pack behind. From time to time they become one, with no more in it than is
//! needed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use git2::{ObjectType, Oid, Repository};

/// So many packs may lie there before they are put together.
pub(super) const PACKS_MAX: usize = 20;

/// Puts packs together where there are too many. Of a shallow clone the commits remain that a local
/// reference points to, without their history. Whoever calls has the
/// locks.
pub(super) fn compact(repository: &Repository) -> Result<(), git2::Error> {
    let folder = repository.path().join("objects/pack");
    let old = packs(&folder);
    if old.len() <= PACKS_MAX {
        return Ok(());
    }
    let mut builder = repository.packbuilder()?;
    let mut roots = Vec::new();
    let references = repository.references()?;
    let targets = references.filter_map(|reference| reference.ok()?.target());
    if repository.is_shallow() {
        for id in targets {
            let object = repository.find_object(id, None)?;
            if object.kind() == Some(ObjectType::Tag) {
                builder.insert_object(id, None)?;
            }
            let commit = object.peel_to_commit()?;
            builder.insert_commit(commit.id())?;
            roots.push(commit.id());
        }
    } else {
        let mut walk = repository.revwalk()?;
        for id in targets {
            builder.insert_object(id, None)?;
            walk.push(repository.find_object(id, None)?.peel_to_commit()?.id())?;
        }
        builder.insert_walk(&mut walk)?;
    }
    builder.write(&folder, 0o444)?;
    let new = builder.name()?.map(|name| folder.join(format!("pack-{name}.pack")));
    // A commit that is a root though its parents are here does no harm, unlike one that is none
    // though they are not: so this comes first.
    let written = if roots.is_empty() { Ok(()) } else { write_roots(repository, roots) };
    let written = written.and_then(|()| remove(&old, new.as_deref()));
    written.map_err(|error| git2::Error::from_str(&error.to_string()))
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "pack")).collect()
}

/// Tells which commits have no history here.
fn write_roots(repository: &Repository, mut roots: Vec<Oid>) -> io::Result<()> {
    roots.sort();
    roots.dedup();
    let text: String = roots.iter().map(|id| format!("{id}\n")).collect();
    let new = repository.path().join("shallow.new");
    fs::write(&new, text)?;
    fs::rename(new, repository.path().join("shallow"))
}

/// Removes packs, the index of each first: without it nobody looks into the pack.
fn remove(packs: &[PathBuf], but: Option<&Path>) -> io::Result<()> {
    for pack in packs.iter().filter(|pack| Some(pack.as_path()) != but) {
        fs::remove_file(pack.with_extension("idx"))?;
        fs::remove_file(pack)?;
    }
    Ok(())
}
