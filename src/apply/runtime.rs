//! The three waves of a plan over the runtime socket: make, switch, finish.
//!
//! All steps of a wave advance together: what they have to send goes out as one pipelined batch,
//! and those that wait (for a check, for the last request) wait at the same time.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    haproxy::{
        Capabilities, Command, Connection, SocketError, Verdict,
        reply::servers::{self, OpState},
    },
    model::{BackendName, ServerName},
    observe::passed,
    plan::{Awaited, Instruction, Needs, Object, Outcome, Plan, Step, tolerates_waiting},
};

use super::{
    Patience, Progress,
    leaving::{self, Leaving},
};

/// The first pause between two looks; each further one is longer.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The longest pause between two looks.
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(200);
/// Longer than any request is being routed: from its first look-up to its last are microseconds.
const SETTLE: Duration = Duration::from_millis(20);

/// Why gw itself does not delete a server yet.
const BEING_CHECKED: &str = "a health check of it is under way";

/// What became of a plan's steps.
#[derive(Debug)]
pub struct Run {
    /// One per step, in the plan's order.
    pub outcomes: Vec<Outcome>,
    /// How many commands that change something were sent.
    pub commands_sent: usize,
}

/// Carries out a plan that needs no reload.
pub async fn run(
    plan: &Plan,
    connection: &mut Connection,
    capabilities: &Capabilities,
    patience: Patience,
    progress: &mut dyn FnMut(Progress),
) -> Result<Run, SocketError> {
    let mut runner = Runner {
        connection,
        can_wait: capabilities.wait_srv_removable,
        spares_checks: capabilities.del_server_during_check,
        patience,
        steps: &plan.steps,
        outcomes: vec![Outcome::Done; plan.steps.len()],
        switched: true,
        commands_sent: 0,
    };
    let all: Vec<usize> = (0..plan.steps.len()).collect();
    let count = |runner: &Runner<'_>, wave: usize| Progress {
        done: runner.finished(wave),
        total: plan.steps.len(),
        what: ["making", "switching", "finishing"][wave],
    };
    progress(count(&runner, 0));
    runner.wave(&all, |step| &step.make).await?;
    progress(count(&runner, 1));
    let switch: Vec<usize> = plan.switch_order.clone();
    let switch = runner.admit(&switch);
    runner.wave(&switch, |step| &step.switch).await?;
    runner.switched &= switch.iter().all(|&index| !runner.has_failed(index));
    progress(count(&runner, 2));
    let finish: Vec<usize> =
        all.iter().copied().filter(|&index| !plan.steps[index].finish.is_empty()).collect();
    let finish = runner.admit(&finish);
    runner.wave(&finish, |step| &step.finish).await?;
    // The revision is reached only where everything is.
    if runner.outcomes.iter().all(|outcome| *outcome == Outcome::Done) {
        let closing = runner.send_all(&plan.closing).await?;
        debug_assert!(closing.iter().all(Result::is_ok), "{closing:?}");
    }
    Ok(Run { outcomes: runner.outcomes, commands_sent: runner.commands_sent })
}

struct Runner<'a> {
    connection: &'a mut Connection,
    /// Whether HAProxy can tell when a server may be deleted (3.0+).
    can_wait: bool,
    /// Whether a server may be deleted while it is being checked.
    spares_checks: bool,
    patience: Patience,
    steps: &'a [Step],
    outcomes: Vec<Outcome>,
    /// Whether every switch that was tried succeeded.
    switched: bool,
    commands_sent: usize,
}

/// How far a step is in its wave.
struct Cursor<'a> {
    index: usize,
    rest: &'a [Instruction],
    /// The servers of an `AwaitUp` at the front that are not up yet.
    waiting: Vec<&'a Awaited>,
    /// What HAProxy said when it last refused to delete.
    refusal: String,
}

impl<'a> Cursor<'a> {
    fn new(index: usize, rest: &'a [Instruction]) -> Self {
        let mut cursor = Self { index, rest, waiting: Vec::new(), refusal: String::new() };
        cursor.arrive();
        cursor
    }

    fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.arrive();
    }

    /// Prepares for a wait that is next now.
    fn arrive(&mut self) {
        if let Some(Instruction::AwaitUp { servers, .. }) = self.rest.first() {
            self.waiting = servers.iter().collect();
        }
    }
}

/// The servers that wait to be deleted.
fn leaving<'c, 'a: 'c>(cursors: impl Iterator<Item = &'c Cursor<'a>>) -> Leaving<'a> {
    cursors
        .filter_map(|cursor| match cursor.rest.first() {
            Some(Instruction::Retire { server: Some((backend, server)), .. }) => {
                Some((backend, server))
            }
            Some(_) | None => None,
        })
        .collect()
}

impl<'a> Runner<'a> {
    /// How many steps have nothing left after the waves before `wave`.
    fn finished(&self, wave: usize) -> usize {
        let left = |step: &Step| match wave {
            0 => true,
            1 => !step.switch.is_empty() || !step.finish.is_empty(),
            _ => !step.finish.is_empty(),
        };
        self.steps.iter().filter(|step| !left(step)).count()
    }

    /// Whether a step will not go on.
    fn is_off(&self, index: usize) -> bool {
        self.outcomes[index] != Outcome::Done
    }

    /// Whether nothing of a step was done, or not all that was tried.
    fn has_failed(&self, index: usize) -> bool {
        matches!(self.outcomes[index], Outcome::Failed(_) | Outcome::Skipped(_))
    }

    /// The steps among `indices` that may begin the next wave. The others are told why not.
    fn admit(&mut self, indices: &[usize]) -> Vec<usize> {
        let mut admitted = Vec::new();
        for &index in indices {
            // A backend is made known although its servers are not up yet.
            let begun = matches!(self.outcomes[index], Outcome::Pending(_))
                && tolerates_waiting(self.steps[index].action)
                && !self.steps[index].switch.is_empty();
            match self.obstacle(index) {
                None if begun => admitted.push(index),
                None if self.is_off(index) => {}
                None => admitted.push(index),
                Some(why) if self.is_off(index) => drop(why),
                Some(why) => {
                    self.outcomes[index] = Outcome::Skipped(why);
                    self.switched &= self.steps[index].switch.is_empty();
                }
            }
        }
        admitted
    }

    /// Why a step can't go on.
    fn obstacle(&self, index: usize) -> Option<String> {
        let step = &self.steps[index];
        let failed = |(step, outcome): (&Step, &Outcome)| {
            matches!((&step.object, outcome), (Object::Route(..), Outcome::Failed(_)))
        };
        step.needs.iter().find_map(|need| match *need {
            Needs::RoutesMade => (self.steps.iter().zip(&self.outcomes).any(failed))
                .then(|| "what it leads to could not be made".into()),
            Needs::AllSwitched => (!self.switched)
                .then(|| "requests may still come here, since a route could not be turned".into()),
            Needs::Step(other) => {
                let object = &self.steps[other].object;
                match &self.outcomes[other] {
                    Outcome::Done => None,
                    Outcome::Pending(_) if tolerates_waiting(step.action) => None,
                    Outcome::Pending(_) => Some(format!("it stays until {object} is up")),
                    Outcome::Skipped(_) | Outcome::Failed(_) => {
                        Some(format!("it needs {object}, which was not done"))
                    }
                }
            }
        })
    }

    /// Runs one part of the steps `indices`, all at the same time.
    async fn wave(
        &mut self,
        indices: &[usize],
        part: fn(&Step) -> &Vec<Instruction>,
    ) -> Result<(), SocketError> {
        let steps = self.steps;
        let mut cursors: Vec<Cursor<'a>> = indices
            .iter()
            .filter(|&&index| !self.has_failed(index))
            .map(|&index| Cursor::new(index, part(&steps[index])))
            .filter(|cursor| !cursor.rest.is_empty())
            .collect();
        let begin = Instant::now();
        let mut pause = LOOK_AGAIN;
        let mut settled = false;
        loop {
            self.send_fronts(&mut cursors).await?;
            if cursors.iter().any(|cursor| matches!(cursor.rest.first(), Some(Instruction::Settle)))
            {
                if !std::mem::replace(&mut settled, true) {
                    sleep(SETTLE).await;
                }
                for cursor in &mut cursors {
                    if matches!(cursor.rest.first(), Some(Instruction::Settle)) {
                        cursor.advance();
                    }
                }
                continue;
            }
            self.look_for_ready(&mut cursors).await?;
            self.try_retire(&mut cursors).await?;
            self.give_up(&mut cursors, begin.elapsed());
            cursors.retain(|cursor| !cursor.rest.is_empty() && !self.is_off(cursor.index));
            if cursors.is_empty() {
                return Ok(());
            }
            let sends = |cursor: &Cursor<'_>| {
                matches!(cursor.rest.first(), Some(Instruction::Send(_) | Instruction::Must(_)))
            };
            if !cursors.iter().any(sends) {
                self.pause(&cursors, pause).await?;
                pause = (pause * 2).min(LOOK_AGAIN_MAX);
            }
        }
    }

    /// Sends what the steps have to send before their next wait, as one batch.
    async fn send_fronts(&mut self, cursors: &mut [Cursor<'a>]) -> Result<(), SocketError> {
        let mut commands = Vec::new();
        let mut owners = Vec::new();
        for cursor in cursors {
            while let Some(Instruction::Send(command) | Instruction::Must(command)) =
                cursor.rest.first()
            {
                let builds = matches!(cursor.rest.first(), Some(Instruction::Must(_)));
                commands.push(command.clone());
                owners.push(cursor.index);
                cursor.advance();
                if builds {
                    break;
                }
            }
        }
        for (owner, result) in owners.into_iter().zip(self.send_all(&commands).await?) {
            if let Err(words) = result
                && !self.is_off(owner)
            {
                self.outcomes[owner] = Outcome::Failed(words);
            }
        }
        Ok(())
    }

    /// Sends commands; for each refused one, the command and HAProxy's words.
    async fn send_all(
        &mut self,
        commands: &[Command],
    ) -> Result<Vec<Result<(), String>>, SocketError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.commands_sent += commands.len();
        let replies = self.connection.run(commands).await?;
        Ok(replies
            .into_iter()
            .zip(commands)
            .inspect(|(reply, command)| {
                tracing::debug!(%command, verdict = ?reply.verdict, "sent to HAProxy");
            })
            .map(|(reply, command)| match reply.verdict {
                Verdict::Done | Verdict::Unchanged => Ok(()),
                Verdict::Refused(words) => {
                    Err(format!("HAProxy answered `{}`: {words}", command.line()))
                }
            })
            .collect())
    }

    /// Finds servers that came up, and sends what follows for each.
    async fn look_for_ready(&mut self, cursors: &mut [Cursor<'a>]) -> Result<(), SocketError> {
        let backends: BTreeSet<&BackendName> = cursors
            .iter()
            .filter_map(|cursor| match cursor.rest.first() {
                Some(Instruction::AwaitUp { backend, .. }) => Some(backend),
                Some(
                    Instruction::Send(_)
                    | Instruction::Must(_)
                    | Instruction::Retire { .. }
                    | Instruction::Settle,
                )
                | None => None,
            })
            .collect();
        let mut ready: BTreeSet<(String, String)> = BTreeSet::new();
        for backend in backends {
            let Ok(command) = Command::show_servers_state_of(backend.as_str()) else { continue };
            let reply = self.connection.run_one(&command).await?;
            let rows = servers::parse(&reply.text).unwrap_or_default();
            let good = rows.into_iter().filter(|row| {
                passed(row) && (row.admin.in_maint() || row.op_state != OpState::Stopped)
            });
            ready.extend(good.map(|row| (row.backend.to_owned(), row.name.to_owned())));
        }
        let mut commands = Vec::new();
        let mut owners = Vec::new();
        for cursor in cursors {
            let Some(Instruction::AwaitUp { backend, .. }) = cursor.rest.first() else { continue };
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
        for (owner, result) in owners.into_iter().zip(self.send_all(&commands).await?) {
            if let Err(words) = result {
                self.outcomes[owner] = Outcome::Failed(words);
            }
        }
        Ok(())
    }

    /// Tries to delete what is to be deleted. HAProxy refuses while connections are left, idle ones
    /// included, so this is repeated.
    async fn try_retire(&mut self, cursors: &mut [Cursor<'a>]) -> Result<(), SocketError> {
        let busy = if self.spares_checks {
            BTreeSet::new()
        } else {
            let leaving = leaving(cursors.iter());
            leaving::being_checked(self.connection, &leaving).await?
        };
        let is_busy = |server: &Option<(BackendName, ServerName)>| {
            let server = server.as_ref();
            server.is_some_and(|(b, s)| busy.contains(&(b.to_string(), s.to_string())))
        };
        let mut waiting: Vec<(&mut Cursor<'a>, Command)> = cursors
            .iter_mut()
            .filter_map(|cursor| match cursor.rest.first() {
                Some(Instruction::Retire { server, .. }) if is_busy(server) => {
                    BEING_CHECKED.clone_into(&mut cursor.refusal);
                    None
                }
                Some(Instruction::Retire { delete, .. }) => {
                    let delete = delete.clone();
                    Some((cursor, delete))
                }
                Some(
                    Instruction::Send(_)
                    | Instruction::Must(_)
                    | Instruction::AwaitUp { .. }
                    | Instruction::Settle,
                )
                | None => None,
            })
            .collect();
        let commands: Vec<Command> = waiting.iter().map(|(_, delete)| delete.clone()).collect();
        let results = self.send_all(&commands).await?;
        for ((cursor, _), result) in waiting.iter_mut().zip(results) {
            match result {
                Ok(()) => cursor.advance(),
                Err(words) => cursor.refusal = words,
            }
        }
        Ok(())
    }

    /// Waits a moment: where only deletions are waited for and HAProxy can tell when the first one
    /// is possible, for that.
    async fn pause(&mut self, cursors: &[Cursor<'a>], pause: Duration) -> Result<(), SocketError> {
        let removable = |cursor: &Cursor<'a>| match cursor.rest.first() {
            Some(Instruction::Retire { server: Some((backend, server)), .. }) => {
                Command::wait_srv_removable(backend.as_str(), server.as_str(), pause).ok()
            }
            Some(_) | None => None,
        };
        let wait = cursors
            .first()
            .filter(|cursor| self.can_wait && cursor.refusal != BEING_CHECKED)
            .and_then(removable);
        match wait {
            Some(wait) => {
                let begin = Instant::now();
                self.connection.run_one(&wait).await?;
                // It answers at once where waiting is of no use.
                sleep(pause.saturating_sub(begin.elapsed())).await;
                Ok(())
            }
            None => {
                if !self.can_wait {
                    let leaving = leaving(cursors.iter());
                    let closers = leaving::closers(self.connection, &leaving).await?;
                    // One that is refused is no worse than before.
                    self.send_all(&closers).await?.into_iter().for_each(drop);
                }
                sleep(pause).await;
                Ok(())
            }
        }
    }

    /// Ends waits that have lasted long enough.
    fn give_up(&mut self, cursors: &mut [Cursor<'a>], waited: Duration) {
        for cursor in cursors {
            let why = match cursor.rest.first() {
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
                    "it takes no new requests, but can't be deleted yet: {}; a later apply finishes this",
                    cursor.refusal
                ),
                Some(
                    Instruction::Send(_)
                    | Instruction::Must(_)
                    | Instruction::AwaitUp { .. }
                    | Instruction::Retire { .. }
                    | Instruction::Settle,
                )
                | None => continue,
            };
            self.outcomes[cursor.index] = Outcome::Pending(why);
        }
    }
}
