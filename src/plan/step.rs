//! The parts of a plan. Plain data.

use std::{fmt, sync::Arc};

use crate::{
    haproxy::Command,
    model::{BackendName, MapName, Origin, Rank, ServerName},
};

use super::{cause::Cause, reason::Reason};

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is changed.
    pub object: Object,
    /// How.
    pub action: Action,
    /// Old and new values.
    pub fields: Vec<FieldChange>,
    /// By what means.
    pub mechanism: Mechanism,
    /// Why by these means.
    pub because: Reason,
    /// Where the need for it comes from.
    pub cause: Cause,
    /// The manifest that asks for it.
    pub origin: Option<Origin>,
    /// First wave: makes what is new, and waits for it.
    pub make: Vec<Instruction>,
    /// Second wave: turns requests to it.
    pub switch: Vec<Instruction>,
    /// When its `switch` comes in the second wave.
    pub turn: Turn,
    /// Where its `switch` comes among those of the same turn; `None` for what is no routing entry.
    pub rank: Option<Rank>,
    /// Third wave: takes away what nobody needs any more.
    pub finish: Vec<Instruction>,
    /// Which steps must have succeeded before the second and third wave.
    pub needs: Vec<Needs>,
}

impl Step {
    /// A step that takes no command, to be filled in.
    pub fn new(object: Object, action: Action, because: Reason) -> Self {
        let mechanism = because.mechanism();
        let turn = match action {
            Action::Add | Action::Change => Turn::Early,
            Action::Remove => Turn::Late,
        };
        let rank = object.rank();
        Self {
            object,
            action,
            fields: Vec::new(),
            mechanism,
            because,
            cause: Cause::default(),
            origin: None,
            make: Vec::new(),
            switch: Vec::new(),
            turn,
            rank,
            finish: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// The process is right, but the files are not.
    pub(super) fn files() -> Self {
        Self::new(Object::Files, Action::Change, Reason::FilesOnly)
    }

    /// Leaves the step to the reload that another step of the plan needs.
    pub(super) fn carry(&mut self) {
        if self.mechanism == Mechanism::Runtime {
            self.mechanism = Mechanism::Reload;
            self.because = Reason::Carried;
        }
        self.make.clear();
        self.switch.clear();
        self.finish.clear();
    }

    /// All instructions, in order.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.make.iter().chain(&self.switch).chain(&self.finish)
    }

    /// All commands that it sends if all goes well.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.instructions().flat_map(Instruction::commands)
    }
}

/// When a step turns requests, among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// With what is added and changed.
    Early,
    /// With what is removed.
    Late,
}

/// What a step is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// The global part of the configuration.
    Settings,
    /// A socket.
    Frontend(String),
    /// A certificate, by file name.
    Certificate(String),
    /// A backend.
    Backend(BackendName),
    /// A server.
    Server(BackendName, ServerName),
    /// An entry of a routing map.
    Route(MapName, String),
    /// The files on disk.
    Files,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => f.write_str("settings"),
            Self::Frontend(name) => write!(f, "frontend {name}"),
            Self::Certificate(file) => {
                let name = file.strip_prefix("certs/").and_then(|file| file.strip_suffix(".pem"));
                write!(f, "certificate {}", name.unwrap_or(file))
            }
            Self::Backend(name) => write!(f, "backend {name}"),
            Self::Server(backend, server) => write!(f, "server {backend}/{server}"),
            Self::Route(map, key) => {
                let (frontend, rest) = key.split_once('/').unwrap_or(("", key));
                match map {
                    MapName::Exact => write!(f, "route {frontend} {rest}"),
                    MapName::Prefix => write!(f, "route {frontend} {rest}*"),
                    MapName::Hosts => write!(f, "wildcard {frontend} {rest}*"),
                    MapName::Splits | MapName::Methods => write!(f, "routing entry {key}"),
                }
            }
            Self::Files => f.write_str("files"),
        }
    }
}

impl Object {
    /// How specific a routing entry is; `None` for everything else.
    fn rank(&self) -> Option<Rank> {
        match self {
            Self::Route(map, key) => Some(Rank::of(*map, key)),
            Self::Settings
            | Self::Frontend(_)
            | Self::Certificate(_)
            | Self::Backend(_)
            | Self::Server(..)
            | Self::Files => None,
        }
    }
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is new.
    Add,
    /// It changes.
    Change,
    /// It goes.
    Remove,
}

impl Action {
    /// The word for it, in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Remove => "remove",
        }
    }
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The name, as a manifest has it.
    pub name: String,
    /// The value that runs; `None` where there is none.
    pub from: Option<String>,
    /// The value that is wanted; `None` where there is none.
    pub to: Option<String>,
}

impl FieldChange {
    pub(super) fn new(name: &str, from: Option<String>, to: Option<String>) -> Self {
        Self { name: name.to_owned(), from, to }
    }
}

/// By what means a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// Commands on the runtime socket.
    Runtime,
    /// A new configuration and a graceful reload.
    Reload,
}

impl Mechanism {
    /// The word for it, in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Reload => "reload",
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Instruction {
    /// Send a command; it must succeed.
    Send(Command),
    /// Send a command on which the rest of the step builds: where it fails, nothing follows.
    Must(Command),
    /// Wait for the first good check of each of these servers, and then send what follows.
    AwaitUp {
        /// The backend.
        backend: BackendName,
        /// Its new servers.
        servers: Vec<Awaited>,
    },
    /// Repeat a command that deletes something until nothing uses that any more.
    Retire {
        /// Which server holds it back, for `wait srv-removable`.
        server: Option<(BackendName, ServerName)>,
        /// The command that deletes.
        delete: Command,
    },
    /// Let requests that are being routed right now finish their look-ups.
    Settle,
}

impl Instruction {
    /// The commands that it sends if all goes well.
    pub fn commands(&self) -> Vec<&Command> {
        match self {
            Self::Send(command) | Self::Must(command) | Self::Retire { delete: command, .. } => {
                vec![command]
            }
            Self::AwaitUp { servers, .. } => {
                servers.iter().flat_map(|server| &server.then).collect()
            }
            Self::Settle => Vec::new(),
        }
    }
}

/// A server that is waited for.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// Its name.
    pub server: ServerName,
    /// What is sent once it is up.
    pub then: Vec<Command>,
}

/// A condition for the second and third wave of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// These steps must be done. If one is still waiting for servers, a step that changes or removes
    /// something waits too; one that adds goes on. Many may share one list.
    Steps(Arc<[usize]>),
    /// No routing entry may have failed to be made: a split or a table of methods is made by one of
    /// the routes that share it.
    RoutesMade,
    /// Every step's switch must be done: nothing that requests may still meet is taken away.
    AllSwitched,
}

/// How much is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Objects that are new.
    pub add: usize,
    /// Objects that change.
    pub change: usize,
    /// Objects that go.
    pub remove: usize,
    /// Steps by runtime commands.
    pub runtime: usize,
    /// Steps by reload.
    pub reload: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { add, change, remove, runtime: _, reload: _ } = self;
        write!(f, "{add} added, {change} changed, {remove} removed")
    }
}

impl Summary {
    /// Counts steps.
    pub fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut summary = Self::default();
        for step in steps {
            match step.action {
                Action::Add => summary.add += 1,
                Action::Change => summary.change += 1,
                Action::Remove => summary.remove += 1,
            }
            match step.mechanism {
                Mechanism::Runtime => summary.runtime += 1,
                Mechanism::Reload => summary.reload += 1,
            }
        }
        summary
    }
}
