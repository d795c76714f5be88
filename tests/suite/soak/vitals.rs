//! What gw and its HAProxy use: memory, file descriptors, threads, processes, disk.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What is in use at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vitals {
    /// The memory of gw, in KiB.
    memory: u64,
    /// The open files of gw.
    files: u64,
    /// The threads of gw.
    threads: u64,
    /// The processes that gw started and that still are.
    children: u64,
    /// The workers of HAProxy.
    pub(super) workers: u64,
    /// How many generations are kept.
    generations: u64,
    /// The state directory in KiB, without the journal and the clone, and of the generations only
    /// the largest,
    state: u64,
    /// and how many files and folders these are.
    entries: u64,
    /// The clone of the repository, in KiB.
    clone: u64,
    /// The journal, in KiB, which grows up to a limit of its own.
    pub(super) journal: u64,
}

impl Vitals {
    /// Looks at the gw with this process id, at the workers of a master, and at a state directory.
    pub(super) fn of(gw: u32, master: u32, state: &Path) -> Self {
        let process = format!("/proc/{gw}");
        let status = fs::read_to_string(format!("{process}/status")).expect("gw runs");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).expect("proc(5) has it")
        };
        let mut vitals = Self {
            memory: field("VmRSS:"),
            threads: field("Threads:"),
            files: fs::read_dir(format!("{process}/fd")).expect("gw runs").count() as u64,
            children: children(gw),
            workers: children(master),
            ..Self::default()
        };
        for entry in fs::read_dir(state).expect("the state directory is there").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let used = usage(&entry.path());
            match &*name {
                "source" => vitals.clone += used.kib,
                "generations" => {
                    let folders = fs::read_dir(entry.path()).expect("it is there").flatten();
                    let used: Vec<_> = folders.map(|folder| usage(&folder.path())).collect();
                    vitals.generations = used.len() as u64;
                    vitals.state += used.iter().map(|used| used.kib).max().unwrap_or(0);
                    vitals.entries += used.iter().map(|used| used.entries).max().unwrap_or(0);
                }
                _ if name.starts_with("journal") => vitals.journal += used.kib,
                _ => {
                    vitals.state += used.kib;
                    vitals.entries += used.entries;
                }
            }
        }
        vitals
    }

    /// What grew since `before` by more than chance and caches may.
    pub(super) fn growth_since(&self, before: &Self) -> Vec<String> {
        /// Each figure, what may be added to it, and by how many percent it may grow besides.
        type Bound = (&'static str, fn(&Vitals) -> u64, u64, u64);
        const BOUNDS: [Bound; 8] = [
            ("KiB of memory", |vitals| vitals.memory, 10 * 1024, 25),
            ("open files", |vitals| vitals.files, 8, 0),
            // Those that wait for blocking work stay for some seconds.
            ("threads", |vitals| vitals.threads, 8, 0),
            ("children", |vitals| vitals.children, 1, 0),
            ("workers", |vitals| vitals.workers, 0, 0),
            ("KiB of state", |vitals| vitals.state, 512, 50),
            ("entries of the state directory", |vitals| vitals.entries, 20, 25),
            // Packs add up to a limit before they become one.
            ("KiB of the clone", |vitals| vitals.clone, 1024, 50),
        ];
        /// Ten good ones, two that were refused, the way back, and one that is being made.
        const GENERATIONS: u64 = 14;
        let kept = self.generations;
        let bounds = BOUNDS.iter().filter_map(|(what, figure, plus, percent)| {
            let (old, new) = (figure(before), figure(self));
            let most = old + plus + old * percent / 100;
            (new > most).then(|| format!("{new} {what}, after {old}"))
        });
        bounds.chain((kept > GENERATIONS).then(|| format!("{kept} generations"))).collect()
    }
}

impl fmt::Display for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, files, threads, children, workers, .. } = self;
        let Self { generations, state, entries, clone, journal, .. } = self;
        write!(
            f,
            "memory {memory} KiB, {files} open files, {threads} threads, {children} children, \
             {workers} workers, {generations} generations, state {state} KiB in {entries} entries, \
             clone {clone} KiB, journal {journal} KiB"
        )
    }
}

/// How many processes have this parent.
fn children(parent: u32) -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats =
        processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    // `pid (name) state parent …`, where the name may hold anything.
    let parents = stats.filter_map(|stat| {
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(1)?.parse::<u32>().ok()
    });
    parents.filter(|found| *found == parent).count() as u64
}

#[derive(Default)]
struct Usage {
    kib: u64,
    entries: u64,
}

/// What a folder takes on disk, each file once however many names it has.
fn usage(path: &Path) -> Usage {
    let (mut open, mut seen) = (vec![path.to_owned()], std::collections::BTreeSet::new());
    let mut usage = Usage::default();
    while let Some(path) = open.pop() {
        // What goes away meanwhile counts for nothing.
        let Ok(found) = path.symlink_metadata() else { continue };
        usage.entries += 1;
        if seen.insert(found.ino()) {
            usage.kib += found.blocks() / 2;
        }
        if found.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()));
        }
    }
    usage
}
