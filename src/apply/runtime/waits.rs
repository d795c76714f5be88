//! What steps wait for: that servers come up, and that they may be deleted.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use crate::{
    apply::leaving::{being_checked, closers},
    haproxy::{
        Command, SocketError,
        reply::servers::{self, OpState},
    },
    model::BackendName,
    observe::passed,
    plan::{Instruction, Outcome},
};

use super::{
    Runner,
    cursor::{Cursor, leaving},
};

/// Why gw itself does not delete a server yet.
const BEING_CHECKED: &str = "a health check of it is under way";

impl<'a> Runner<'a> {
    /// Finds servers that came up, and sends what follows for each.
    pub(super) async fn look_for_ready(
        &mut self,
        cursors: &mut [Cursor<'a>],
    ) -> Result<(), SocketError> {
        let backends: BTreeSet<&BackendName> = cursors
            .iter()
            .filter_map(|cursor| match cursor.front() {
                Some(Instruction::AwaitUp { backend, .. }) => Some(backend),
                Some(_) | None => None,
            })
            .collect();
        let shows: Vec<Command> = backends
            .iter()
            .filter_map(|backend| Command::show_servers_state_of(backend.as_str()).ok())
            .collect();
        let mut ready: BTreeSet<(String, String)> = BTreeSet::new();
        for reply in self.connection.run(&shows).await? {
            let rows = servers::parse(&reply.text).unwrap_or_default();
            let good = rows.into_iter().filter(|row| {
                passed(row) && (row.admin.in_maint() || row.op_state != OpState::Stopped)
            });
            ready.extend(good.map(|row| (row.backend.to_owned(), row.name.to_owned())));
        }
        let mut commands = Vec::new();
        let mut owners = Vec::new();
        for cursor in cursors {
            let Some(Instruction::AwaitUp { backend, .. }) = cursor.front() else { continue };
            cursor.waiting.retain(|awaited| {
                let key = (backend.to_string(), awaited.server.to_string());
                let up = ready.contains(&key);
                if up {
                    commands.extend(awaited.then.iter().cloned());
                    owners.extend(awaited.then.iter().map(|_| cursor.index));
                }
                !up
            });
            if cursor.waiting.is_empty() {
                cursor.advance();
            }
        }
        self.send_for(&owners, &commands).await
    }

    /// Tries to delete what is to be deleted. HAProxy refuses while connections are left, idle ones
    /// included, so this is repeated.
    pub(super) async fn try_retire(
        &mut self,
        cursors: &mut [Cursor<'a>],
    ) -> Result<(), SocketError> {
        let busy = if self.spares_checks {
            BTreeSet::new()
        } else {
            being_checked(self.connection, &leaving(cursors)).await?
        };
        let mut waiting = Vec::new();
        let mut commands = Vec::new();
        for cursor in cursors {
            let Some(Instruction::Retire { server, delete }) = cursor.front() else { continue };
            let server = server.as_ref();
            cursor.tries += 1;
            if server.is_some_and(|(b, s)| busy.contains(&(b.to_string(), s.to_string()))) {
                BEING_CHECKED.clone_into(&mut cursor.refusal);
            } else {
                commands.push(delete.clone());
                waiting.push(cursor);
            }
        }
        let results = self.send_all(&commands).await?;
        for (cursor, result) in waiting.into_iter().zip(results) {
            match result {
                Ok(()) => cursor.advance(),
                Err(words) => cursor.refusal = words,
            }
        }
        Ok(())
    }

    /// Waits a moment: where only deletions are waited for and HAProxy can tell when the first one
    /// is possible, for that.
    pub(super) async fn pause(
        &mut self,
        cursors: &[Cursor<'a>],
        pause: Duration,
    ) -> Result<(), SocketError> {
        if !self.can_wait {
            let closers = closers(self.connection, &leaving(cursors)).await?;
            // One that is refused is no worse than before.
            self.send_all(&closers).await?.into_iter().for_each(drop);
        }
        let removable = |cursor: &Cursor<'a>| match cursor.front() {
            Some(Instruction::Retire { server: Some((backend, server)), .. }) => {
                Command::wait_srv_removable(backend.as_str(), server.as_str(), pause).ok()
            }
            Some(_) | None => None,
        };
        let begin = Instant::now();
        let first =
            cursors.first().filter(|cursor| self.can_wait && cursor.refusal != BEING_CHECKED);
        if let Some(wait) = first.and_then(removable) {
            // It answers at once where waiting is of no use.
            self.connection.run_one(&wait).await?;
        }
        self.patience.pause(pause.saturating_sub(begin.elapsed())).await;
        Ok(())
    }

    /// Ends waits that have lasted long enough. A deletion is tried twice at least: HAProxy tells first
    /// what became of other servers, and leaves out that it did delete where that fills its buffer for
    /// such words (1024 bytes). The second answer is that there is nothing to delete.
    pub(super) fn give_up(&mut self, cursors: &[Cursor<'a>], waited: Duration) {
        let over = self.patience.is_over();
        for cursor in cursors {
            let is_tried = cursor.tries > 1;
            let why = match cursor.front() {
                Some(Instruction::Retire { .. }) if !is_tried => continue,
                Some(Instruction::AwaitUp { .. } | Instruction::Retire { .. }) if over => {
                    "not waited for any longer, since there is something newer to do".to_owned()
                }
                Some(Instruction::AwaitUp { .. }) if waited >= self.patience.ready => {
                    let names: Vec<String> =
                        cursor.waiting.iter().map(|awaited| awaited.server.to_string()).collect();
                    format!(
                        "no good health check of {} within {:?}; a later apply finishes this",
                        names.join(", "),
                        self.patience.ready
                    )
                }
                Some(Instruction::Retire { .. }) if waited >= self.patience.removal => format!(
                    "it takes no new requests, but can't be deleted yet: {}; a later apply \
                     finishes this",
                    cursor.refusal
                ),
                Some(_) | None => continue,
            };
            self.outcomes[cursor.index] = Outcome::Pending(why);
        }
    }
}
