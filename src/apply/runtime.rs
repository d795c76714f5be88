//! The three waves of a plan over the runtime socket: make, switch, finish.
//!
//! All steps of a wave advance together: what they have to send goes out as one pipelined batch,
//! and those that wait (for a check, for the last request) wait at the same time.

mod admission;
mod cursor;
mod waits;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    fault::{self, Point},
    haproxy::{Capabilities, Command, Connection, SocketError, Verdict},
    plan::{Instruction, Outcome, Plan, Step},
};

use self::cursor::Cursor;
use super::{Patience, Progress};

/// The first pause between two looks; each further one is longer.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The longest pause between two looks.
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(200);
/// Longer than any request is being routed: from its first look-up to its last are microseconds.
const SETTLE: Duration = Duration::from_millis(20);

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
    patience: &Patience,
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
    patience: &'a Patience,
    steps: &'a [Step],
    outcomes: Vec<Outcome>,
    /// Whether every switch that was tried succeeded.
    switched: bool,
    commands_sent: usize,
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
            .filter(|cursor| cursor.front().is_some())
            .collect();
        let begin = Instant::now();
        let mut pause = LOOK_AGAIN;
        let mut settled = false;
        loop {
            self.send_fronts(&mut cursors).await?;
            if cursors.iter().any(Cursor::settles) {
                if !std::mem::replace(&mut settled, true) {
                    sleep(SETTLE).await;
                }
                cursors.iter_mut().filter(|cursor| cursor.settles()).for_each(Cursor::advance);
                continue;
            }
            self.look_for_ready(&mut cursors).await?;
            self.try_retire(&mut cursors).await?;
            self.give_up(&cursors, begin.elapsed());
            cursors.retain(|cursor| cursor.front().is_some() && !self.is_off(cursor.index));
            if cursors.is_empty() {
                return Ok(());
            }
            if !cursors.iter().any(Cursor::sends) {
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
            while let Some(front @ (Instruction::Send(command) | Instruction::Must(command))) =
                cursor.front()
            {
                commands.push(command.clone());
                owners.push(cursor.index);
                cursor.advance();
                if matches!(front, Instruction::Must(_)) {
                    break;
                }
            }
        }
        self.send_for(&owners, &commands).await
    }

    /// Sends commands, each for the step in `owners`, which fails where its command is refused.
    async fn send_for(
        &mut self,
        owners: &[usize],
        commands: &[Command],
    ) -> Result<(), SocketError> {
        for (&owner, result) in owners.iter().zip(self.send_all(commands).await?) {
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
        let mut replies = Vec::new();
        for part in commands.chunks(fault::at_a_time(commands.len(), commands.len())) {
            replies.extend(self.connection.run(part).await?);
            fault::at(Point::CommandSent);
        }
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
}
