//! The master process of `haproxy -W -S <socket>`: reloads, and who runs. Commands for a worker go
//! through a [`Connection`](super::Connection), which understands this socket too.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout_at},
};

use super::{
    Command, Endpoint, SocketError, Verdict, log,
    reply::proc::{self, Processes},
    stream::{RESTART, RETRY, ReadHalf, WriteHalf, connect, is_refused},
};

/// Between two looks at a master that does not say itself when a reload is done (2.6).
const POLL: Duration = Duration::from_millis(20);
/// What a master says that takes no reload for now.
const BUSY: &str = "Another reload is still in progress";
/// The largest reply: the log of a start with a warning for each of many lines.
const REPLY_MAX: u64 = 64 << 20;

/// A master socket. Each call makes a connection of its own, since a reload replaces the master's
/// program and with it all connections.
#[derive(Clone, Debug)]
pub struct Master {
    endpoint: Endpoint,
    deadline: Duration,
}

/// How a reload ended.
#[derive(Debug)]
pub enum ReloadOutcome {
    /// A new worker serves with the configuration on disk.
    Reloaded {
        /// What HAProxy printed, warnings perhaps, cleaned. Empty on 2.6.
        log: String,
    },
    /// The old worker goes on serving. On 3.2 and later its runtime socket may be dead; the way
    /// through this master works.
    Failed {
        /// What HAProxy printed, cleaned. Empty on 2.6, which says nothing: run `haproxy -c`.
        log: String,
    },
    /// It was asked for, and what became of it the master did not say. Asking again could make it
    /// two reloads: only the worker can tell.
    Unclear {
        /// What the master did instead.
        why: SocketError,
    },
}

impl Master {
    /// A master at this socket; `deadline` is for each call as a whole, reloads included.
    pub fn new(endpoint: Endpoint, deadline: Duration) -> Self {
        Self { endpoint, deadline }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The processes under this master.
    pub async fn show_proc(&self) -> Result<Processes, SocketError> {
        self.processes(Instant::now() + self.deadline).await
    }

    /// Reloads and waits for the outcome. A new worker that can't start leaves the old one serving
    /// on all versions. With an error nothing was asked for.
    pub async fn reload(&self) -> Result<ReloadOutcome, SocketError> {
        let until = Instant::now() + self.deadline;
        let (before, reply) = loop {
            let before = self.processes(until).await?;
            let socket = self.connect(until).await?;
            match self.exchange(socket, "reload", until).await {
                // Somebody else's, or a start (3.2 and later).
                Ok(reply) if reply.contains(BUSY) && Instant::now() < until => {}
                Ok(reply) => break (before, reply),
                // It was about to execute itself anew, and did not read it.
                Err(SocketError::Refused(_)) if Instant::now() < until => {}
                Err(why) => return Ok(ReloadOutcome::Unclear { why }),
            }
            sleep(POLL).await;
        };
        let (status, text) = reply.split_once("\n--\n").unwrap_or((&reply, ""));
        match status.trim() {
            "Success=1" => Ok(ReloadOutcome::Reloaded { log: log::clean(text) }),
            "Success=0" => Ok(ReloadOutcome::Failed { log: log::clean(text) }),
            // 2.6 closes the connection, and refuses others until it is done.
            "" => Ok(self.await_reload(&before, until).await),
            other if other.starts_with("Permission denied") => {
                Err(SocketError::Level { level: "below admin".to_owned() })
            }
            other => {
                let why = SocketError::Protocol(format!("`reload` gave {other:?}"));
                Ok(ReloadOutcome::Unclear { why })
            }
        }
    }

    /// Watches the counters of the master: one more reload, and a failure more or none. It may be one
    /// that somebody else asked for meanwhile: which configuration was read, only the worker tells.
    async fn await_reload(&self, before: &Processes, until: Instant) -> ReloadOutcome {
        loop {
            let why = match self.processes(until).await {
                Ok(now) if now.reloads > before.reloads => {
                    let log = String::new();
                    let young = now.workers.first().is_some_and(|worker| worker.reloads == 0);
                    let good = now.failed == 0 && young;
                    return if good {
                        ReloadOutcome::Reloaded { log }
                    } else {
                        ReloadOutcome::Failed { log }
                    };
                }
                // Another one was started meanwhile, which read what is on disk as well.
                Ok(now) if now.master_pid != before.master_pid && !now.workers.is_empty() => {
                    return ReloadOutcome::Reloaded { log: String::new() };
                }
                // It is not there again yet, or has not begun.
                Ok(_) => self.late(),
                Err(error) => error,
            };
            if Instant::now() >= until {
                return ReloadOutcome::Unclear { why };
            }
            sleep(POLL).await;
        }
    }

    /// Asks again where the master was just about to execute itself anew.
    async fn processes(&self, until: Instant) -> Result<Processes, SocketError> {
        let begin = Instant::now();
        loop {
            match self.processes_once(until).await {
                Err(SocketError::Closed { .. } | SocketError::Refused(_))
                    if begin.elapsed() < RESTART =>
                {
                    sleep(RETRY).await;
                }
                result => return result,
            }
        }
    }

    async fn processes_once(&self, until: Instant) -> Result<Processes, SocketError> {
        let command = Command::show_proc();
        let socket = self.connect(until).await?;
        let text = self.exchange(socket, command.line(), until).await?;
        match command.judge(&text) {
            Verdict::Done | Verdict::Unchanged => {
                proc::parse(&text).map_err(|error| SocketError::Protocol(error.to_string()))
            }
            Verdict::Refused(_) if text.is_empty() => Err(SocketError::Closed { answered: 0 }),
            Verdict::Refused(_) => Err(SocketError::Protocol(format!(
                "{} is no master socket (`haproxy -W -S …`)",
                self.endpoint
            ))),
        }
    }

    async fn connect(&self, until: Instant) -> Result<(ReadHalf, WriteHalf), SocketError> {
        connect(&self.endpoint, until.saturating_duration_since(Instant::now())).await
    }

    /// One line, and all that comes until the master closes, which it does when all is said, since we
    /// say no more. [`SocketError::Refused`] where it closes without reading the line.
    async fn exchange(
        &self,
        (read, mut write): (ReadHalf, WriteHalf),
        line: &str,
        until: Instant,
    ) -> Result<String, SocketError> {
        let mut reply = Vec::new();
        let exchange = async {
            write.write_all(format!("{line}\n").as_bytes()).await?;
            write.shutdown().await?;
            read.take(REPLY_MAX).read_to_end(&mut reply).await
        };
        match timeout_at(until, exchange).await {
            // What was written was not read.
            Ok(Err(error)) if reply.is_empty() && is_refused(error.kind()) => {
                Err(SocketError::Refused(self.endpoint.clone()))
            }
            Ok(_) => Ok(String::from_utf8_lossy(&reply).into_owned()),
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> SocketError {
        SocketError::Timeout { limit: self.deadline, answered: 0 }
    }
}
