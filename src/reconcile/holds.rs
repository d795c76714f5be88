//! Operators' holds: carried out at once, kept by every pass, given back at their end.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    apply,
    control::{holds, lock_soon},
    diff::{Scope, diff_held},
    fault::{self, Point},
    haproxy::{Capabilities, Connection, SocketError},
    journal::{self, Journal},
    model::{BackendName, BalanceKind, Desired, Hold, HoldState, Holds, ServerName},
    observe::observe,
    plan::{self, Object, Outcome, Report},
    report::json::CauseWord,
    store::{self, Lock},
};

use super::{Disk, Pass, ReconcileError, Reconciler, carry_out::ADMIN, standing};

/// Names that are less alike are not meant.
const ALIKE: f64 = 0.8;

/// Why a server can't be held or released.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// gw made no such server.
    #[error("gw runs no server {asked}")]
    Unknown {
        /// `backend/server`.
        asked: String,
        /// The one that may be meant.
        nearest: Option<String>,
    },
    /// Somebody holds it.
    #[error("{server} is held already: {}, by {} until {}: {}", hold.state, hold.owner, until, hold.reason)]
    Held {
        /// `backend/server`.
        server: String,
        /// How.
        hold: Box<Hold>,
        /// Its end, in words.
        until: String,
    },
    /// Nobody holds it.
    #[error("nobody holds {0} by `gw hold`")]
    NotHeld(String),
    /// HAProxy would not do it.
    #[error("HAProxy did not do it: {0}")]
    Refused(String),
}

impl HoldError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`gw status` and `gw plan` name them as backend/server".to_owned(),
            }),
            Self::Held { server, .. } => Some(format!("`gw release {server}` ends that")),
            Self::NotHeld(server) => Some(format!(
                "what was set on HAProxy's socket ends there: `set server {server} state ready`"
            )),
            Self::Refused(_) => None,
        }
    }
}

/// What an operator asks for.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    /// What is wanted of the server.
    pub state: HoldState,
    /// Why.
    pub reason: String,
    /// For how long.
    pub span: Duration,
}

impl Reconciler {
    /// All holds, with those that are over and not given back yet.
    pub fn holds(&self) -> Result<Holds, ReconcileError> {
        Ok(holds::read(&self.store, store::now())?)
    }

    /// Holds a server, from now on.
    pub async fn hold(
        &self,
        backend: &BackendName,
        server: &ServerName,
        request: HoldRequest,
    ) -> Result<Hold, ReconcileError> {
        let lock = lock_soon(&self.store).await?;
        let name = format!("{backend}/{server}");
        let (disk, desired) = self.known(backend, server)?;
        assert_takes(&desired, (backend, server), request.state)?;
        let mut holds = self.holds()?;
        if let Some(hold) = holds.get(backend, server).filter(|hold| !hold.is_over) {
            let until = crate::report::text::utc(hold.until);
            let hold = Box::new(hold.clone());
            return Err(HoldError::Held { server: name, hold, until }.into());
        }
        let Some(mut connection) = self.connect_admin().await? else {
            return Err(ReconcileError::NotRunning { socket: self.socket()?.to_string() });
        };
        let since = store::now();
        let who = journal::who(CauseWord::Hold);
        let hold = Hold {
            state: request.state,
            owner: who.person(),
            reason: request.reason,
            since,
            until: since + request.span.as_secs(),
            is_over: false,
        };
        // First to disk: should gw die before the command, the next pass sends it.
        holds::put(&self.store, &lock, (backend, server), &hold)?;
        fault::at(Point::HoldWritten);
        holds.insert(backend.clone(), server.clone(), hold.clone());
        let settled = self.settle(&mut connection, &disk, &desired, (backend, server), &holds);
        if let Err(error) = settled.await {
            holds::remove(&self.store, &lock, &[(backend.clone(), server.clone())])?;
            return Err(error);
        }
        fault::at(Point::HoldSet);
        let about = format!("{name}: {}: {}", hold.state, hold.reason);
        Journal::of(&self.store).tell(&lock, CauseWord::Hold, &about)?;
        Ok(hold)
    }

    /// Gives a server back to its manifest. Returns whether HAProxy runs, so that it is done.
    pub async fn release(
        &self,
        backend: &BackendName,
        server: &ServerName,
    ) -> Result<bool, ReconcileError> {
        let lock = lock_soon(&self.store).await?;
        let name = format!("{backend}/{server}");
        let mut holds = self.holds()?;
        let Some(hold) = holds.get(backend, server).cloned() else {
            self.known(backend, server)?;
            return Err(HoldError::NotHeld(name).into());
        };
        let over = Hold { until: store::now(), is_over: true, ..hold };
        holds::put(&self.store, &lock, (backend, server), &over)?;
        fault::at(Point::ReleaseWritten);
        holds.insert(backend.clone(), server.clone(), over);
        let connection = self.connect_admin().await?;
        let runs = connection.is_some();
        // A server that is gone has nothing to be given back.
        if let (Some(mut connection), Ok((disk, desired))) =
            (connection, self.known(backend, server))
        {
            self.settle(&mut connection, &disk, &desired, (backend, server), &holds).await?;
        }
        fault::at(Point::ReleaseSet);
        holds::remove(&self.store, &lock, &[(backend.clone(), server.clone())])?;
        Journal::of(&self.store).tell(&lock, CauseWord::Release, &name)?;
        Ok(runs)
    }

    /// The current generation, if it has the server.
    fn known(
        &self,
        backend: &BackendName,
        server: &ServerName,
    ) -> Result<(Disk, Desired), ReconcileError> {
        let disk = self.disk()?;
        let desired = standing::desired(&disk);
        if desired.backends.get(backend).is_some_and(|backend| backend.servers.contains_key(server))
        {
            return Ok((disk, desired));
        }
        let asked = format!("{backend}/{server}");
        let all = desired.backends.iter().flat_map(|(backend, settings)| {
            settings.servers.keys().map(move |server| format!("{backend}/{server}"))
        });
        let alike = |name: String| (strsim::jaro_winkler(&name, &asked), name);
        let nearest = all.map(alike).max_by(|a, b| a.0.total_cmp(&b.0));
        let nearest = nearest.filter(|(score, _)| *score >= ALIKE).map(|(_, name)| name);
        Err(HoldError::Unknown { asked, nearest }.into())
    }

    /// A connection that may change something; `None` where HAProxy does not run.
    async fn connect_admin(&self) -> Result<Option<Connection>, ReconcileError> {
        let Some(connection) = self.connect().await? else { return Ok(None) };
        if connection.level() == ADMIN {
            return Ok(Some(connection));
        }
        Err(SocketError::Level { level: connection.level().to_owned() }.into())
    }

    /// Makes one server what its hold says, or its manifest where that is over, and nothing else.
    async fn settle(
        &self,
        connection: &mut Connection,
        disk: &Disk,
        desired: &Desired,
        (backend, server): (&BackendName, &ServerName),
        holds: &Holds,
    ) -> Result<(), ReconcileError> {
        let capabilities = Capabilities::probe(connection).await?;
        let backends = Some(BTreeSet::from([backend.clone()]));
        let scope = Scope { backends, limits: false, routing: false };
        let name = || format!("{backend}/{server}");
        for is_first in [true, false] {
            let live = observe(connection, &scope, desired).await?;
            let there = live.backends.get(backend.as_str());
            if there.is_none_or(|servers| !servers.contains_key(server.as_str())) {
                return Err(HoldError::Unknown { asked: name(), nearest: None }.into());
            }
            let structure = live.structure.clone().unwrap_or_default();
            let mut differences = diff_held(desired, &structure, &live, &scope, holds);
            differences.keep_holds_of(backend, server);
            let context = plan::Context {
                desired,
                live: &live,
                capabilities: &capabilities,
                loaded: &disk.files,
                rendered: &disk.files,
                revision: "",
                files_differ: false,
            };
            let mut plan = plan::plan(&differences, context);
            plan.closing.clear();
            if plan.is_empty() {
                return Ok(());
            }
            if !is_first {
                let words = "it took the command, but reads back something else".to_owned();
                return Err(HoldError::Refused(words).into());
            }
            let run =
                apply::run(&plan, connection, &capabilities, &self.patience, &mut |_| {}).await?;
            for outcome in run.outcomes {
                match outcome {
                    Outcome::Done => {}
                    Outcome::Pending(why) | Outcome::Skipped(why) | Outcome::Failed(why) => {
                        return Err(HoldError::Refused(why).into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Forgets the holds that are over, as far as a pass gave their servers back.
    pub(super) fn forget_ended(
        &self,
        lock: &Lock,
        pass: &Pass,
        report: &Report,
    ) -> Result<u64, ReconcileError> {
        let is_left = |backend: &BackendName, server: &ServerName| {
            let outcomes = pass.plan.steps.iter().zip(&report.outcomes);
            outcomes.filter(|(_, outcome)| **outcome != Outcome::Done).any(|(step, _)| {
                matches!(&step.object, Object::Server(b, s) if b == backend && s == server)
            })
        };
        let ended: Vec<(BackendName, ServerName)> = pass
            .holds
            .iter()
            .filter(|(_, _, hold)| hold.is_over)
            .filter(|(backend, server, _)| !is_left(backend, server))
            .map(|(backend, server, _)| (backend.clone(), server.clone()))
            .collect();
        if ended.is_empty() { Ok(0) } else { Ok(holds::remove(&self.store, lock, &ended)?) }
    }
}

/// An error where the balance algorithm of the backend allows for no such weight.
fn assert_takes(
    desired: &Desired,
    (backend, server): (&BackendName, &ServerName),
    state: HoldState,
) -> Result<(), HoldError> {
    let found = desired.backends.get(backend);
    let found = found.and_then(|found| Some((&found.profile.balance, found.servers.get(server)?)));
    if let (Some((balance, wanted)), HoldState::Weight(weight)) = (found, state)
        && let BalanceKind::Static(algorithm) = balance
    {
        let configured = wanted.effective_weight();
        if !balance.takes_weight(weight, configured) {
            let words = format!("`{algorithm}` takes only the weights 0 and {configured}");
            return Err(HoldError::Refused(words));
        }
    }
    Ok(())
}
