//! A peer on a real unix socket that answers by a script, to misbehave where HAProxy would not.

mod script;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

pub(crate) use self::script::{Act, Prompts, Script};
use super::clock;

/// Longer than any test lasts.
const FOREVER: Duration = Duration::from_secs(3600);

/// A peer that listens until it is dropped.
pub(crate) struct Scripted {
    /// Its socket.
    pub(crate) socket: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    over: AtomicBool,
    memory: Mutex<Memory>,
}

/// What happened so far.
#[derive(Default)]
struct Memory {
    received: Vec<String>,
    connections: usize,
    /// How often each rule was used, by its place in the script.
    used: BTreeMap<usize, usize>,
}

impl Scripted {
    /// Listens on `socket` and answers by `script`.
    pub(crate) fn start(socket: &Path, script: Script) -> Self {
        let listener = UnixListener::bind(socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let over = AtomicBool::new(false);
        let shared = Arc::new(Shared { script, over, memory: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || Peer::new(&shared, stream).serve());
            }
        });
        Self { socket: socket.to_owned(), shared }
    }

    /// All commands received so far, in order, from all connections. One with a payload is one
    /// text with its lines. `prompt` is left out: it is framing.
    pub(crate) fn received(&self) -> Vec<String> {
        self.shared.memory().received.clone()
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.memory().connections
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts, so that it sees the end and closes the socket.
        let _ = UnixStream::connect(&self.socket);
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("no holder panics")
    }

    /// Notes a command and says what to do about it.
    fn act(&self, command: &str) -> Act {
        let mut memory = self.memory();
        memory.received.push(command.to_owned());
        let Some((rule, acts)) = self.script.rule(command) else {
            return self.script.otherwise.clone();
        };
        let used = memory.used.entry(rule).or_default();
        let act = acts.get(*used).or(acts.last()).expect("a rule has an act");
        *used += 1;
        act.clone()
    }
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Command,
    Close,
}

/// One connection.
struct Peer<'a> {
    shared: &'a Shared,
    lines: BufReader<UnixStream>,
    stream: UnixStream,
    /// Whether `prompt` was sent; without it the connection closes after one line.
    interactive: bool,
}

impl<'a> Peer<'a> {
    fn new(shared: &'a Shared, stream: UnixStream) -> Self {
        let lines = BufReader::new(stream.try_clone().expect("a socket can be cloned"));
        Self { shared, lines, stream, interactive: false }
    }

    fn serve(mut self) {
        self.shared.memory().connections += 1;
        if self.shared.script.refuses {
            return;
        }
        while let Some(line) = self.line() {
            let interactive = self.interactive;
            let commands = script::split(&line);
            for (index, command) in commands.iter().enumerate() {
                let is_last = index + 1 == commands.len();
                if self.answer(command.trim(), is_last) == Next::Close {
                    return;
                }
            }
            if !interactive && !self.interactive {
                return;
            }
        }
    }

    fn answer(&mut self, command: &str, is_last: bool) -> Next {
        if command == "prompt" {
            self.interactive = true;
            return self.send("", is_last);
        }
        let mut command = command.to_owned();
        if command.ends_with("<<") {
            while let Some(line) = self.line().filter(|line| !line.is_empty()) {
                command = command + "\n" + &line;
            }
        }
        match self.shared.act(&command) {
            Act::Reply(text) => self.send(&text, is_last),
            Act::Late(delay, text) => {
                clock::pause(delay);
                self.send(&text, is_last)
            }
            Act::Raw(text) => self.write(&text),
            Act::Truncate(text) => {
                let _ = self.write(&text);
                Next::Close
            }
            Act::Stall => {
                clock::eventually(FOREVER, || self.shared.over.load(Ordering::Relaxed));
                Next::Close
            }
        }
    }

    /// Sends a reply in HAProxy's framing.
    fn send(&mut self, reply: &str, is_last: bool) -> Next {
        let prompts = is_last || self.shared.script.prompts == Prompts::PerCommand;
        let end = if self.interactive && prompts { "\n> " } else { "\n" };
        self.write(&format!("{reply}{end}"))
    }

    fn write(&mut self, text: &str) -> Next {
        match self.stream.write_all(text.as_bytes()) {
            Ok(()) => Next::Command,
            Err(_) => Next::Close,
        }
    }

    /// The next line without its end; `None` where the client left.
    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.lines.read_until(b'\n', &mut line).ok()?;
        (read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned())
    }
}
