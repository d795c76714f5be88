//! A session with a worker: commands go out in bulk while replies come in, each reply is matched to
//! its command, and every call ends within its deadline.
//!
//! The socket may be the runtime socket (`stats socket`) or the master's (`haproxy -S`): the prompt
//! tells which, and lines for a master get the prefix that routes them to its worker. The detour
//! costs a connection inside HAProxy for each command, and a connection to the master for each dump
//! (about 10,000 commands a second instead of 300,000), and it works where the runtime socket is dead: after a reload that failed to bind, on
//! 3.2 and later.

mod lines;
mod oneshot;
mod session;

use std::time::Duration;

use lines::Lines;
use session::Session;
use tokio::time::{Instant, sleep};

use super::{
    Command, Endpoint, SocketError, Verdict, Version,
    framing::Piece,
    stream::{RESTART, RETRY},
};

/// Commands in flight at most: enough to hide the round trip, few enough that the deadline of one
/// batch says something and a lost connection leaves little in doubt.
const BATCH_COMMANDS: usize = 500;
/// Bytes in flight at most.
const BATCH_BYTES: usize = 256 * 1024;
/// The largest reply. A hundred thousand servers' state has 7 MB.
const REPLY_MAX: usize = 256 << 20;

/// What HAProxy answered to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it means.
    pub verdict: Verdict,
    /// The whole text, without prompt.
    pub text: String,
}

/// A session with a worker, for as long as nothing goes wrong: after an error other than
/// [`SocketError::Level`] and [`SocketError::TooLarge`] it answers [`SocketError::Closed`].
#[derive(Debug)]
pub struct Connection {
    session: Session,
    deadline: Duration,
    /// Nobody knows what is in the pipe: a call failed or was dropped half way.
    broken: bool,
}

impl Connection {
    /// Connects to a runtime or a master socket and agrees on how to talk. `deadline` is how long
    /// HAProxy may stay behind with a batch of commands, in this and all calls.
    pub async fn open(endpoint: &Endpoint, deadline: Duration) -> Result<Self, SocketError> {
        let begin = Instant::now();
        loop {
            match Session::open(endpoint, deadline).await {
                // A master that executes itself anew closes what was open.
                Err(SocketError::Closed { .. }) if begin.elapsed() < RESTART => sleep(RETRY).await,
                result => return Ok(Self { session: result?, deadline, broken: false }),
            }
        }
    }

    /// HAProxy's version.
    pub fn version(&self) -> Version {
        self.session.version()
    }

    /// The level of the socket: `admin`, `operator` or `user`.
    pub fn level(&self) -> &str {
        self.session.level()
    }

    /// Whether commands take the detour through the master.
    pub fn is_through_master(&self) -> bool {
        self.session.is_through_master()
    }

    /// Runs one command.
    pub async fn run_one(&mut self, command: &Command) -> Result<Reply, SocketError> {
        let replies = self.run(std::slice::from_ref(command)).await?;
        replies.into_iter().next().ok_or(SocketError::Closed { answered: 0 })
    }

    /// Runs all commands, in order. A refused one does not stop the others.
    pub async fn run(&mut self, commands: &[Command]) -> Result<Vec<Reply>, SocketError> {
        let mut replies = Vec::with_capacity(commands.len());
        self.run_each(commands, |_, reply| replies.push(reply)).await?;
        Ok(replies)
    }

    /// Runs all commands and hands out each reply as soon as it is there, in order, with the index
    /// of its command. On an error, what was handed out is true all the same.
    pub async fn run_each(
        &mut self,
        commands: &[Command],
        mut each: impl FnMut(usize, Reply),
    ) -> Result<(), SocketError> {
        let limit = Command::size_limit(self.version());
        if let Some(command) = commands.iter().find(|command| command.size() > limit) {
            let (size, line) = (command.size(), command.line());
            return Err(SocketError::TooLarge { command: line.to_owned(), size, limit });
        }
        let (mut answered, mut text) = (0, Vec::new());
        let (mut trouble, mut rest) = (None, commands);
        while !rest.is_empty() {
            let batch = next_batch(&mut rest, |command| self.session.is_alone(command));
            let mut sink = |piece: Piece<'_>| match piece {
                Piece::Part(part) => text.extend_from_slice(part),
                Piece::End => {
                    let reply = String::from_utf8_lossy(&text).into_owned();
                    text.clear();
                    let verdict = commands[answered].judge(&reply);
                    if trouble.is_none() {
                        trouble = refusal_of_all(&reply);
                    }
                    each(answered, Reply { verdict, text: reply });
                    answered += 1;
                }
            };
            let result = self.exchange(batch, &mut sink).await;
            result.map_err(|error| at(error, answered))?;
            if let Some(trouble) = trouble.take() {
                return Err(self.trouble(trouble));
            }
        }
        Ok(())
    }

    /// Runs a command with a large reply and hands out its lines as they come, without their
    /// newline, so that the whole never stands in memory. A refusal hands out nothing.
    pub async fn run_lines(
        &mut self,
        command: &Command,
        mut line: impl FnMut(&str),
    ) -> Result<Verdict, SocketError> {
        let mut lines = Lines::new(command);
        let batch = std::slice::from_ref(command);
        let mut sink = |piece: Piece<'_>| lines.take(piece, &mut line);
        self.exchange(batch, &mut sink).await?;
        match refusal_of_all(&lines.refused) {
            Some(trouble) => Err(self.trouble(trouble)),
            None => Ok(lines.verdict),
        }
    }

    /// One batch. Cancel-safe in this sense: a dropped call leaves the connection unusable.
    async fn exchange(
        &mut self,
        batch: &[Command],
        sink: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), SocketError> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(SocketError::Closed { answered: 0 });
        }
        let patience: Duration = batch.iter().map(Command::patience).sum();
        self.session.exchange(batch, self.deadline + patience, sink).await?;
        self.broken = false;
        Ok(())
    }

    fn trouble(&self, trouble: Trouble) -> SocketError {
        match trouble {
            Trouble::Level => SocketError::Level { level: self.level().to_owned() },
            Trouble::NoWorker => SocketError::NoWorker,
        }
    }
}

/// What one reply says about all.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Level,
    NoWorker,
}

/// Recognises the replies that are about the socket, not about the command.
fn refusal_of_all(reply: &str) -> Option<Trouble> {
    let reply = reply.trim_end();
    if reply == "Permission denied" {
        Some(Trouble::Level)
    } else if reply.starts_with("Can't find the target PID")
        || reply.starts_with("Can't connect to the target CLI")
    {
        Some(Trouble::NoWorker)
    } else {
        None
    }
}

/// Adds how many commands were answered in the batches before.
fn at(error: SocketError, answered: usize) -> SocketError {
    match error {
        SocketError::Timeout { limit, answered: _ } => SocketError::Timeout { limit, answered },
        SocketError::Closed { answered: _ } => SocketError::Closed { answered },
        other => other,
    }
}

/// Cuts off the next batch within the limits, at least one command. `alone` tells which commands
/// can't share a batch.
fn next_batch<'a>(commands: &mut &'a [Command], alone: impl Fn(&Command) -> bool) -> &'a [Command] {
    let mut bytes = 0;
    let fits = |command: &&Command| {
        bytes += command.size();
        bytes <= BATCH_BYTES && !alone(command)
    };
    let count = commands.iter().take(BATCH_COMMANDS).take_while(fits).count();
    let (batch, rest) = commands.split_at(count.max(1).min(commands.len()));
    *commands = rest;
    batch
}
