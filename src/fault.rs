//! Where a test can end gw as a power cut would: between any two effects of it.
//!
//! A build with debug assertions reads `GW_FAULT`; one without, as is released, has nothing of this.
//! `kill:Switched` is SIGKILL at the first time that gw comes to this point, `kill:#7` at the
//! seventh point that it comes to, whichever that is. `term` in place of `kill` is SIGTERM; `full` is
//! a disk without room, and only points of files count. gw says on standard error when it comes there.

use std::io;

/// Names points, and lists them all.
macro_rules! points {
    ($($(#[$about:meta])* $name:ident,)*) => {
        /// A moment in gw's work: what it stands after is done, what comes next is not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Point {
            $($(#[$about])* $name,)*
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

points! {
    /// The folders of a generation are made, and nothing is in them.
    GenerationBegun,
    /// All files of a generation are written but the one that makes it complete.
    GenerationWritten,
    /// A generation is complete.
    Staged,
    /// The new link is made, under another name.
    LinkWritten,
    /// `current` leads to another generation.
    Switched,
    /// A generation is marked as removed, and still there.
    GenerationRemoved,
    /// A small file is written anew, under another name.
    FileWritten,
    /// A small file is removed.
    FileRemoved,
    /// Half of what is to be added to the journal is in it.
    JournalTorn,
    /// A line of the journal is written, and perhaps not on the disk.
    JournalWritten,
    /// The journal tells what will be done.
    JournalBegun,
    /// All is done, but for the end in the journal.
    CarriedOut,
    /// A command was answered, and others come.
    CommandSent,
    /// All commands were answered; the files are not checked.
    CommandsDone,
    /// The files were checked after the commands.
    CheckedAfter,
    /// HAProxy refuses what it runs already.
    UndoDue,
    /// The files were checked for a reload.
    CheckedBefore,
    /// The state of servers is written for the new worker.
    StateWritten,
    /// A reload loads the new files, and is not asked for.
    ReloadDue,
    /// HAProxy has refused a reload.
    ReloadRefused,
    /// `current` leads to what was before, and no worker was looked for.
    WentBack,
    /// A worker answers, and the state of servers is still on disk.
    ReloadOver,
    /// A reload is over, and nothing of it was read back.
    ReadBackDue,
    /// A hold is on disk, and HAProxy does not know it.
    HoldWritten,
    /// A hold is in force, and the journal does not tell.
    HoldSet,
    /// A hold is over on disk only.
    ReleaseWritten,
    /// A server is given back, and its hold is still on disk.
    ReleaseSet,
    /// Following is suspended or resumed, and the journal does not tell.
    SuspensionWritten,
    /// Following is suspended for a rollback that has not begun.
    RollbackDue,
    /// A commit was fetched, and nobody looked at it.
    Fetched,
    /// A commit is applied, and not remembered as good.
    KeepDue,
    /// A commit is remembered as good.
    Kept,
}

#[cfg(debug_assertions)]
mod set {
    use std::{
        env, io,
        sync::{
            OnceLock,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;

    /// What happens to gw.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Harm {
        Kill,
        Term,
        Full,
    }

    /// What is to go wrong.
    struct Fault {
        harm: Harm,
        /// A point's name, or `#` and how many points come first.
        place: String,
    }

    /// What the environment asks for.
    fn fault() -> Option<&'static Fault> {
        static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
        let read = || {
            let text = env::var("GW_FAULT").ok()?;
            let (harm, place) = text.split_once(':')?;
            let harm = match harm {
                "kill" => Harm::Kill,
                "term" => Harm::Term,
                "full" => Harm::Full,
                // Only tests set it: one that means nothing by it must not pass.
                _ => panic!("GW_FAULT={text}: kill, term or full"),
            };
            Some(Fault { harm, place: place.to_owned() })
        };
        FAULT.get_or_init(read).as_ref()
    }

    /// Whether the fault is due here. That is so once in the life of a process.
    fn is_due(point: Point, fault: &Fault) -> bool {
        static PASSED: AtomicUsize = AtomicUsize::new(0);
        static NAMED: AtomicUsize = AtomicUsize::new(0);
        let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
        match fault.place.strip_prefix('#') {
            Some(count) => count.parse() == Ok(passed),
            None => {
                fault.place == format!("{point:?}") && NAMED.fetch_add(1, Ordering::Relaxed) == 0
            }
        }
    }

    pub(super) fn at(point: Point, may_fail: bool) -> io::Result<()> {
        let counts =
            |fault: &&Fault| (fault.harm != Harm::Full || may_fail) && is_due(point, fault);
        let Some(fault) = fault().filter(counts) else { return Ok(()) };
        eprintln!("fault: {point:?}");
        match fault.harm {
            Harm::Full => Err(io::ErrorKind::StorageFull.into()),
            Harm::Term => {
                let _ = kill_process(getpid(), Signal::TERM);
                Ok(())
            }
            Harm::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                loop {
                    thread::park();
                }
            }
        }
    }

    pub(super) fn is_set() -> bool {
        fault().is_some()
    }
}

/// Comes to a point.
#[cfg_attr(not(debug_assertions), inline)]
pub fn at(point: Point) {
    #[cfg(debug_assertions)]
    let _ = set::at(point, false);
    let _ = point;
}

/// Comes to a point in the work on a file. The error is what a test wants to go wrong.
#[cfg(debug_assertions)]
pub fn io(point: Point) -> io::Result<()> {
    set::at(point, true)
}

/// Comes to a point in the work on a file.
#[cfg(not(debug_assertions))]
#[inline]
pub fn io(_point: Point) -> io::Result<()> {
    Ok(())
}

/// How much of `whole`, which is not 0, is done at a time: all of it, but where a test wants
/// something to go wrong only one of `parts`.
pub fn at_a_time(whole: usize, parts: usize) -> usize {
    #[cfg(debug_assertions)]
    if set::is_set() {
        return whole.div_ceil(parts);
    }
    let _ = parts;
    whole
}
