//! The bytes of a session: how it begins, and one batch out and in.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use super::{REPLY_MAX, oneshot};
use crate::haproxy::{
    Command, Endpoint, SocketError, Version,
    framing::{Dialect, Ending, PROMPTS, Piece, Sentinel, Splitter},
    stream::{ReadHalf, WriteHalf, connect},
};

/// HAProxy closes a session that says nothing for `stats timeout`, 10 s by default.
const IDLE: Duration = Duration::from_secs(3600);
/// The largest greeting that is looked at: a prompt has 23 bytes.
const GREETING_MAX: usize = 1024;
const READ_SIZE: usize = 64 * 1024;
/// Up to 3.2 a dump that is read as fast as it comes keeps a thread of HAProxy from its requests:
/// with 100,000 servers for 80 ms at a time (2.6). A pause after each so many bytes lets them through; it
/// costs the dump little, since HAProxy goes on until its socket is full.
const PORTION: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(1);

/// A connected session.
pub(super) struct Session {
    read: ReadHalf,
    write: WriteHalf,
    dialect: Dialect,
    /// What routes a line to the worker.
    prefix: &'static str,
    version: Version,
    level: String,
    /// Where it leads, for dumps on connections of their own.
    endpoint: Endpoint,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects, asks for prompts, and learns version, level and a sentinel.
    pub(super) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Self, SocketError> {
        let (read, write) = connect(endpoint, limit).await?;
        // Until a sentinel is known, no command is sent that would need one.
        let none = Sentinel { line: String::new(), replies: Vec::new() };
        let mut session = Self {
            read,
            write,
            dialect: Dialect::new(PROMPTS[0], none),
            prefix: "",
            version: Version::MINIMUM,
            level: String::new(),
            endpoint: endpoint.clone(),
        };
        let greeting = session.greet();
        timeout(limit, greeting)
            .await
            .unwrap_or(Err(SocketError::Timeout { limit, answered: 0 }))?;
        Ok(session)
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn level(&self) -> &str {
        &self.level
    }

    pub(super) fn is_through_master(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// Whether this command must be a batch of its own: dumps through a master.
    pub(super) fn is_alone(&self, command: &Command) -> bool {
        self.is_through_master() && command.is_dump()
    }

    async fn greet(&mut self) -> Result<(), SocketError> {
        self.write.write_all(b"prompt\n").await.map_err(|_| closed())?;
        let prompt = self.read_prompt().await?;
        let unset = self.dialect.sentinel().clone();
        self.dialect = Dialect::new(prompt, unset);
        if prompt != PROMPTS[0] {
            self.prefix = "@1 ";
        }
        let version = self.ask("show version").await?;
        if version.starts_with("Can't ") {
            return Err(SocketError::NoWorker);
        }
        self.version = Version::parse(&version)
            .ok_or_else(|| SocketError::Protocol(format!("`show version` gave {version:?}")))?;
        if self.version < Version::MINIMUM {
            return Err(SocketError::TooOld(self.version));
        }
        let level = self.ask("show cli level").await?;
        level.trim_end().clone_into(&mut self.level);
        // A master opens a session of its own for each command: nothing to set.
        if self.prefix.is_empty() {
            let timeout = format!("set timeout cli {}", IDLE.as_secs());
            self.ask(&timeout).await?;
        }
        let random = RandomState::new().build_hasher().finish();
        let candidate = Sentinel::candidate(self.version, random);
        let reply = self.ask(&candidate.line).await?;
        let known = candidate.replies.contains(&reply);
        let sentinel = if known { candidate } else { Sentinel::fallback(level) };
        self.dialect = Dialect::new(prompt, sentinel);
        Ok(())
    }

    /// The prompt that the session begins with.
    async fn read_prompt(&mut self) -> Result<&'static str, SocketError> {
        let (mut greeting, mut chunk) = (Vec::new(), [0; GREETING_MAX]);
        loop {
            let count = self.read.read(&mut chunk).await.map_err(|_| closed())?;
            greeting.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&greeting);
            let text = text.strip_prefix('\n').unwrap_or(&text);
            if let Some(prompt) = PROMPTS.into_iter().find(|prompt| *prompt == text) {
                return Ok(prompt);
            }
            if count == 0 && greeting.is_empty() {
                return Err(closed());
            }
            if count == 0 || !PROMPTS.iter().any(|prompt| prompt.starts_with(text)) {
                return Err(SocketError::Protocol(format!("`prompt` gave {text:?}")));
            }
        }
    }

    /// One line and its reply, during the greeting.
    async fn ask(&mut self, line: &str) -> Result<String, SocketError> {
        let out = format!("{}{line}\n", self.prefix).into_bytes();
        let mut splitter = Splitter::new(self.dialect.clone());
        splitter.expect(Ending::Prompt);
        let mut reply = Vec::new();
        let mut sink = |piece: Piece<'_>| {
            if let Piece::Part(part) = piece {
                reply.extend_from_slice(part);
            }
        };
        self.pump(&out, &mut splitter, &mut sink).await?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }

    /// Sends a batch and hands out its replies as they come.
    pub(super) async fn exchange(
        &mut self,
        batch: &[Command],
        limit: Duration,
        sink: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), SocketError> {
        if let [dump] = batch
            && self.is_alone(dump)
        {
            oneshot::run(&self.endpoint, dump, self.prefix, limit, sink).await?;
            // A reload closes the sessions of the master. That ours is alive proves that it was
            // still the same worker that answered.
            self.exchange_framed(&[], limit, sink).await?;
            sink(Piece::End);
            return Ok(());
        }
        self.exchange_framed(batch, limit, sink).await
    }

    async fn exchange_framed(
        &mut self,
        batch: &[Command],
        limit: Duration,
        sink: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), SocketError> {
        let mut out = Vec::new();
        let mut splitter = Splitter::new(self.dialect.clone());
        for command in batch {
            command.encode(self.prefix, &mut out);
            if command.is_dump() {
                self.encode_sentinel(&mut out);
                splitter.expect(Ending::Sentinel);
            } else if command.has_payload() {
                splitter.expect(Ending::PayloadPrompt);
            } else {
                splitter.expect(Ending::Prompt);
            }
        }
        if batch.last().is_none_or(|command| !command.is_dump()) {
            self.encode_sentinel(&mut out);
            splitter.expect(Ending::Barrier);
        }
        let pump = self.pump(&out, &mut splitter, sink);
        timeout(limit, pump).await.unwrap_or(Err(SocketError::Timeout { limit, answered: 0 }))
    }

    fn encode_sentinel(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        out.extend_from_slice(self.dialect.sentinel().line.as_bytes());
        out.push(b'\n');
    }

    /// Writes and reads at the same time: HAProxy stops reading commands while its replies are not
    /// taken.
    async fn pump(
        &mut self,
        out: &[u8],
        splitter: &mut Splitter,
        sink: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), SocketError> {
        let considerate = self.version < Version::V3_4;
        let (read, write) = (&mut self.read, &mut self.write);
        let writing = async { write.write_all(out).await.map_err(|_| closed()) };
        let reading = async {
            let (mut chunk, mut total, mut portion) = (vec![0; READ_SIZE], 0, 0);
            while splitter.is_waiting() {
                let count = read.read(&mut chunk).await.map_err(|_| closed())?;
                total += count;
                portion += count;
                if count == 0 {
                    return Err(closed());
                }
                if total > REPLY_MAX {
                    return Err(SocketError::Protocol("a reply has no end".to_owned()));
                }
                splitter.feed(&chunk[..count], sink)?;
                if considerate && portion >= PORTION {
                    sleep(PAUSE).await;
                    portion = 0;
                }
            }
            Ok(())
        };
        tokio::try_join!(writing, reading).map(|_| ())
    }
}

/// Any error of reading or writing means the same: HAProxy is gone.
pub(super) fn closed() -> SocketError {
    SocketError::Closed { answered: 0 }
}
