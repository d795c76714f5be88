//! The state directory and what is in it.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access, statvfs};

use crate::{
    journal::Journal,
    model::{Quarantine, Suspension, Unread, Wanted},
    report::{doctor::Check, text},
    settings::STATE,
    store::{self, Generation, Store, StoreError},
};

use super::{in_full, people};

/// Less room than this is too little, in bytes: the journal alone may take 320 MiB.
const SPACE_MIN: u64 = 256 << 20;
/// So far may a generation be in the future, in seconds: clocks are set now and then.
const SKEW: u64 = 60;
/// Any user may write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// What is known of a directory.
struct Directory {
    path: PathBuf,
    about: io::Result<Metadata>,
    /// Why this user can't write into it.
    refused: Option<io::Error>,
}

/// All checks of the directory.
pub(super) fn checks(store: &Store) -> Vec<Check> {
    let root = Directory::look(store.root());
    let generations = Directory::look(&store.root().join("generations"));
    let mut checks = vec![root.judge(&generations)];
    if root.about.is_err() {
        return checks;
    }
    checks.push(space(store.root()));
    if let (Ok(root), Ok(inside)) = (&root.about, &generations.about) {
        checks.push(links(store.root(), root.dev() == inside.dev()));
    }
    let held = |name: &str| store.holder(name);
    checks.push(Check::ok("lock", held("lock").map_or_else(free, |who| format!("held: {who}"))));
    let follower = held(store::FOLLOWER);
    checks.push(Check::ok(
        "watch",
        match follower {
            Some(who) => format!("followed by {who}"),
            None => "no gw that can be seen here follows manifests with this directory".to_owned(),
        },
    ));
    let current = store.current();
    checks.push(generation(&current, store.root()));
    if let Ok(Some(current)) = &current {
        checks.push(clock(current, store::now()));
    }
    checks.push(journal(store));
    checks.push(suspension(store));
    checks.push(quarantine(store));
    checks.push(unmet(store));
    checks.push(unread(store));
    checks
}

fn free() -> String {
    "nobody who can be seen here holds it".to_owned()
}

impl Directory {
    fn look(path: &Path) -> Self {
        let refused = access(path, Access::WRITE_OK | Access::EXEC_OK).err().map(io::Error::from);
        Self { path: path.to_owned(), about: fs::metadata(path), refused }
    }

    /// Whether it is there, a directory, safe and writable; `inside` is where generations are.
    fn judge(&self, inside: &Self) -> Check {
        const ID: &str = "state-directory";
        let path = self.path.display();
        let about = match &self.about {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Check::failed(ID, format!("{path} does not exist"), init(&self.path));
            }
            Err(error) => {
                let mend = format!("run it as root: sudo gw doctor ({path})");
                return Check::failed(ID, format!("can't look at {path}: {error}"), mend);
            }
        };
        if !about.is_dir() {
            let mend =
                format!("name another one by --state, or: sudo rm {path} && {}", init(&self.path));
            return Check::failed(ID, format!("{path} is no directory"), mend);
        }
        let (owner, group) = (people::user(about.uid()), people::group(about.gid()));
        let mode = about.mode() & 0o7777;
        let found = format!("{path}, of {owner}:{group}, mode {mode:o}");
        if mode & WRITABLE_BY_ALL != 0 {
            let why = format!("{found}: all users may write what HAProxy loads");
            return Check::failed(ID, why, format!("sudo chmod o-w {path}"));
        }
        let refused = [self, inside].into_iter().find_map(|one| {
            let error = one.refused.as_ref()?;
            (error.kind() != io::ErrorKind::NotFound).then_some((one, error))
        });
        let Some((place, error)) = refused else {
            return match &inside.about {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let why = format!("{found}: it is no state directory of gw");
                    Check::failed(ID, why, init(&self.path))
                }
                Ok(_) | Err(_) => Check::ok(ID, found),
            };
        };
        let (place, (user, own)) = (place.path.display(), people::ourselves());
        let why = format!("{found}: {user} can't write in {place}: {error}");
        Check::failed(
            ID,
            why,
            match error.kind() {
                io::ErrorKind::ReadOnlyFilesystem => format!(
                    "in gw's unit: ReadWritePaths={path}; or, where it is mounted so: sudo mount -o \
                 remount,rw {path}"
                ),
                // Its owner is refused by the mode alone.
                _ if owner == user => format!("sudo chmod u+rwx {path} {path}/generations"),
                _ => format!(
                    "run gw as {owner}: sudo -u {owner} gw doctor; or give it to {user}: sudo chown -R \
                 {user}:{own} {path}"
                ),
            },
        )
    }
}

/// What makes a directory one of gw's.
fn init(path: &Path) -> String {
    format!("sudo gw init --state {}", path.display())
}

fn space(root: &Path) -> Check {
    const ID: &str = "state-space";
    match statvfs(root) {
        Ok(about) => {
            let bytes = about.f_bavail.saturating_mul(about.f_frsize);
            let found = format!("{} MiB are free", bytes >> 20);
            // Some file systems count no inodes.
            let is_full = about.f_files > 0 && about.f_favail == 0;
            if is_full {
                Check::failed(ID, "no inode is free".to_owned(), crowded(root))
            } else if bytes < SPACE_MIN {
                Check::warning(ID, found, crowded(root))
            } else {
                Check::ok(ID, found)
            }
        }
        Err(error) => Check::not_checked(ID, error.to_string()),
    }
}

fn crowded(root: &Path) -> String {
    let root = root.display();
    format!("make room: df -h {root}; or name a directory elsewhere by --state")
}

fn links(root: &Path, is_one: bool) -> Check {
    const ID: &str = "state-links";
    if is_one {
        return Check::ok(ID, "one file system, so that generations share what did not change");
    }
    let mend =
        format!("let {}/generations be a plain folder, no mount and no link", root.display());
    Check::failed(ID, "generations lie on another file system than the directory", mend)
}

fn generation(current: &Result<Option<Generation>, StoreError>, root: &Path) -> Check {
    const ID: &str = "generation";
    match current {
        Ok(Some(current)) => {
            let (number, revision) = (current.number, &current.metadata.revision);
            let created = text::utc(current.metadata.created);
            Check::ok(ID, format!("{number} of {created}, revision {revision}"))
        }
        Ok(None) => Check::failed(ID, "there is none that HAProxy could load", init(root)),
        Err(error) => {
            let mend = error.hint().unwrap_or_else(|| init(root));
            Check::failed(ID, in_full(error), mend)
        }
    }
}

fn clock(current: &Generation, now: u64) -> Check {
    const ID: &str = "clock";
    let created = current.metadata.created;
    if created <= now + SKEW {
        return Check::ok(ID, format!("{}, after the current generation", text::utc(now)));
    }
    let (number, created, now) = (current.number, text::utc(created), text::utc(now));
    let found = format!("it is {now} here, but generation {number} is of {created}");
    Check::warning(ID, found, "sudo timedatectl set-ntp true; timedatectl status")
}

fn journal(store: &Store) -> Check {
    const ID: &str = "journal";
    let root = store.root().display();
    let mend = format!(
        "look at it: gw history --verify; to begin anew: sudo mkdir {root}/journal-broken && sudo mv \
         {root}/journal*.jsonl {root}/journal-broken/"
    );
    match Journal::of(store).verify() {
        Ok(Ok(whole)) => Check::ok(
            ID,
            format!("its chain is whole: {}", text::counted(to_usize(whole.lines), "line")),
        ),
        Ok(Err(broken)) => {
            let (path, line, why) = (broken.path.display(), broken.line, broken.why);
            Check::failed(ID, format!("{path}:{line} breaks the journal: {why}"), mend)
        }
        Err(error) => {
            let mend = error.hint().unwrap_or(mend);
            Check::failed(ID, in_full(&error), mend)
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A command of gw that is about this state directory.
fn command(verb: &str, store: &Store) -> String {
    let state = if store.root() == Path::new(STATE) {
        String::new()
    } else {
        format!(" --state {}", store.root().display())
    };
    format!("sudo gw {verb}{state}")
}

fn quarantine(store: &Store) -> Check {
    const ID: &str = "quarantine";
    match Quarantine::read(store) {
        Ok(Some(found)) => {
            let mend = format!("correct the manifests; or {}", command("retry", store));
            Check::warning(ID, text::quarantined(&found), mend)
        }
        Ok(None) => Check::ok(ID, "nothing was taken back"),
        Err(error) => {
            let mend = error.hint().unwrap_or_else(|| command("retry", store));
            Check::failed(ID, in_full(&error), mend)
        }
    }
}

fn unmet(store: &Store) -> Check {
    const ID: &str = "asked-for";
    match Wanted::read(store) {
        Ok(found) => match found.as_ref().and_then(text::unmet) {
            Some(told) => Check::warning(ID, told, "correct what is told".to_owned()),
            None => Check::ok(ID, "nothing that gw can't do"),
        },
        Err(error) => Check::failed(ID, in_full(&error), error.hint().unwrap_or_default()),
    }
}

fn unread(store: &Store) -> Check {
    const ID: &str = "manifests-read";
    match Unread::read(store) {
        Ok(Some(found)) => {
            let mend = "name the manifests to `gw doctor`, which looks at them".to_owned();
            Check::warning(ID, text::unread(&found), mend)
        }
        Ok(None) => Check::ok(ID, "no gw that follows them failed"),
        Err(error) => Check::failed(ID, in_full(&error), error.hint().unwrap_or_default()),
    }
}

fn suspension(store: &Store) -> Check {
    const ID: &str = "suspension";
    match Suspension::read(store) {
        Ok(Some(found)) => {
            if found.is_over(store::now(), None) {
                Check::ok(ID, "one that is over")
            } else {
                Check::warning(ID, text::suspended(&found), command("resume", store))
            }
        }
        Ok(None) => Check::ok(ID, "manifests are followed"),
        Err(error) => {
            let mend = error.hint().unwrap_or_else(|| command("resume", store));
            Check::failed(ID, in_full(&error), mend)
        }
    }
}
