//! `show proc` of a master: its processes.

use super::ReplyError;

const COMMAND: &str = "show proc";

/// The processes of one HAProxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// The master's process id.
    pub master_pid: u32,
    /// How often it was told to reload.
    pub reloads: u32,
    /// How many of the last reloads failed in a row.
    pub failed: u32,
    /// The current workers: one, none before the first is ready. 3.2 and later list the worker that
    /// goes on serving after a failed reload under [`old_workers`](Self::old_workers).
    pub workers: Vec<Worker>,
    /// Workers that finish what they have; after a failed reload on 3.2+, the serving one too.
    pub old_workers: Vec<Worker>,
}

/// A worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its process id.
    pub pid: u32,
    /// How many reloads it has seen, failed ones included.
    pub reloads: u32,
    /// Its age, as HAProxy writes it (`0d00h03m28s`).
    pub uptime: String,
    /// Its version, as HAProxy writes it.
    pub version: String,
}

impl Processes {
    /// The worker that serves: the current one, or, after a failed reload on 3.2+, the youngest of
    /// the old ones.
    pub fn serving(&self) -> Option<&Worker> {
        let youngest = self.old_workers.iter().min_by_key(|worker| worker.reloads);
        self.workers.first().or_else(|| youngest.filter(|_| self.failed > 0))
    }
}

/// Where a line stands.
enum Section {
    Workers,
    OldWorkers,
    Other,
}

/// Reads a reply.
pub fn parse(text: &str) -> Result<Processes, ReplyError> {
    let mut processes = Processes::default();
    let mut section = Section::Other;
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let error = |what| ReplyError::new(COMMAND, what, line);
        if let Some(title) = line.strip_prefix('#') {
            section = match title.trim() {
                "workers" => Section::Workers,
                "old workers" => Section::OldWorkers,
                _ => Section::Other,
            };
            continue;
        }
        // `PID type reloads [failed: n] uptime version`
        let words: Vec<_> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word: &&str| word.parse::<u32>().ok());
        let pid = number(0).ok_or_else(|| error("no pid"))?;
        let reloads = number(2).ok_or_else(|| error("no reloads"))?;
        if words.get(1) == Some(&"master") {
            let failed = words.iter().position(|word| *word == "[failed:");
            let failed = failed.and_then(|at| words.get(at + 1)?.strip_suffix(']')?.parse().ok());
            processes.master_pid = pid;
            processes.reloads = reloads;
            processes.failed = failed.ok_or_else(|| error("no count of failures"))?;
            continue;
        }
        let text = |at: usize| words.get(at).copied().unwrap_or_default().to_owned();
        let worker = Worker { pid, reloads, uptime: text(3), version: text(4) };
        match section {
            Section::Workers => processes.workers.push(worker),
            Section::OldWorkers => processes.old_workers.push(worker),
            Section::Other => {}
        }
    }
    if processes.master_pid == 0 {
        return Err(ReplyError::new(COMMAND, "no master", text));
    }
    Ok(processes)
}
