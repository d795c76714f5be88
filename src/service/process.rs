//! What `/proc` tells of the processes on this machine.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// So many links are followed: as many as Linux does (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// Whether a path is the link `current`, or a link that leads to it. One to what `current` leads to
/// at present is not: it would not follow.
pub(super) fn leads_to(path: &Path, current: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if same_file(&path, current) {
            return true;
        }
        let Ok(target) = fs::read_link(&path) else { return false };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    false
}

/// Whether two paths mean the same thing, though a folder in one may be a link.
fn same_file(a: &Path, b: &Path) -> bool {
    a == b
        || (a.file_name() == b.file_name()
            && a.parent().map(fs::canonicalize).and_then(Result::ok)
                == b.parent().map(fs::canonicalize).and_then(Result::ok))
}

/// A worker on this machine.
#[derive(Clone, Debug)]
pub(super) struct LocalProcess {
    pub(super) pid: u32,
    pub(super) binary: PathBuf,
    /// Its `-f` arguments.
    pub(super) config: Vec<PathBuf>,
    /// Whether each of them means here what it meant to HAProxy when it started: it is absolute, and
    /// both see the same file systems.
    pub(super) has_plain_paths: bool,
    pub(super) master: Option<u32>,
}

impl LocalProcess {
    /// Whether it runs a program of HAProxy's name.
    pub(super) fn is_haproxy(&self) -> bool {
        let name = self.binary.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("haproxy"))
    }

    /// Reads `/proc`. `None` where this process is on another machine, in another container, or
    /// somebody else's.
    pub(super) fn find(pid: u32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let arguments = arguments(pid)?;
        let binary = fs::read_link(folder.join("exe")).ok()?;
        // A package upgrade replaced it; what is there now is what a restart would run.
        let binary = binary.to_str().map_or(binary.clone(), |path| {
            PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path))
        });
        let cwd = fs::read_link(folder.join("cwd")).ok()?;
        let config = files(&arguments);
        // A worker in a chroot has another working directory than it was started in.
        let has_plain_paths = config.iter().all(|path| path.is_absolute()) && sees_our_files(pid);
        let config = config.into_iter().map(|path| cwd.join(path)).collect();
        let master = parent(pid).filter(|parent| is_master(*parent, &arguments));
        Some(Self { pid, binary, config, has_plain_paths, master })
    }
}

/// The process id of some HAProxy that was started with this link as one of its `-f` arguments.
pub fn running_with(current: &Path) -> Option<u32> {
    processes()
        .filter_map(LocalProcess::find)
        .find(|process| {
            process.is_haproxy() && process.config.iter().any(|path| leads_to(path, current))
        })
        .map(|process| process.pid)
}

/// All processes of this machine, or of this container.
fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The processes that a process started, and that live.
pub(super) fn children(pid: u32) -> impl Iterator<Item = u32> {
    processes().filter(move |child| parent(*child) == Some(pid))
}

/// The process that a process was started by.
fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

/// Whether a process is in our mount namespace.
fn sees_our_files(pid: u32) -> bool {
    let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    of("self").is_some_and(|ours| of(&pid.to_string()) == Some(ours))
}

/// Whether a process has HAProxy's name. Everybody may look at it, unlike at its program.
pub(super) fn is_named_haproxy(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("haproxy"))
}

/// Whether a process is in our network namespace: each has files of its own below `/proc/PID/net`,
/// and unlike `/proc/PID/ns/net` everybody may look at them.
pub(super) fn shares_network(pid: u32) -> bool {
    let of = |process: &str| {
        let found = fs::metadata(format!("/proc/{process}/net/dev")).ok()?;
        Some((found.dev(), found.ino()))
    };
    of("self").is_some_and(|ours| of(&pid.to_string()) == Some(ours))
}

fn arguments(pid: u32) -> Option<Vec<String>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// The files and folders that a command line of HAProxy names.
fn files(arguments: &[String]) -> Vec<&Path> {
    let mut files = Vec::new();
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--" => break,
            "-f" => files.extend(rest.next().map(Path::new)),
            _ => {}
        }
    }
    files.extend(rest.map(Path::new));
    files
}

/// Whether the parent of a worker is its master: by `-W`, or by `master-worker` in the configuration,
/// which no command line shows. Then it is the same program with the same files, and an HAProxy without
/// a master has no such parent. A master that was reloaded has further arguments.
fn is_master(parent: u32, worker: &[String]) -> bool {
    let Some(parent) = arguments(parent) else { return false };
    let is_told = parent.iter().any(|word| word.starts_with("-W"));
    parent.first() == worker.first() && (is_told || files(&parent) == files(worker))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command, time::Duration};

    use super::*;

    #[test]
    fn the_files_of_a_command_line_are_found() {
        let line = "haproxy -x sockpair@5 -W -f /etc/a.cfg -S /run/m.sock -f /b -sf 7 -- /c";
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(files(&words), ["/etc/a.cfg", "/b", "/c"].map(Path::new));
    }

    #[test]
    fn who_is_in_our_network_is_seen() {
        assert!(shares_network(std::process::id()));
        let mut other = Command::new("unshare");
        let mut other = other.args(["--map-root-user", "--net", "sleep", "60"]).spawn().unwrap();
        let begin = std::time::Instant::now();
        while shares_network(other.id()) && begin.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        assert!(!shares_network(other.id()), "it has a network of its own");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn links_to_the_link_count_and_what_it_leads_to_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("state/generations/0001")).unwrap();
        let current = at("state/current");
        symlink("generations/0001", &current).unwrap();
        symlink("state", at("lib")).unwrap();
        symlink("lib/current", at("gw")).unwrap();
        symlink("circle", at("circle")).unwrap();
        for path in ["state/current", "state/../state/current/", "lib/current", "gw"] {
            assert!(leads_to(&at(path), &current), "{path}");
        }
        for path in ["state/generations/0001", "state", "circle", "other/current"] {
            assert!(!leads_to(&at(path), &current), "{path}");
        }
    }
}
