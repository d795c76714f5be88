//! What a running gw tells besides what people read: the board behind its HTTP listener, metrics,
//! log lines, systemd, and notifications. All of it follows from the events of the loop, and none of
//! it can keep the loop waiting.

mod log;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turns, watch};

use crate::{
    http::{HttpError, SILENCE_MAX, Server, View},
    journal::Journal,
    metrics::Metrics,
    notification::Notifier,
    report::{Board, PassRecord, WatchEvent, pass::PassResult},
    settings::Settings,
    store::Store,
    systemd::Systemd,
    watch::{Vitals, fresh},
};

pub use self::{
    log::log,
    webhook::{WebhookError, secrets},
};

/// Why a gw that follows can't tell what it should.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// There is no listener.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// There is no webhook.
    #[error("can't take webhooks")]
    Webhook(#[from] WebhookError),
}

impl TelemetryError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Http(error) => error.hint(),
            Self::Webhook(_) => Some(
                "write a secret of at least 16 characters into the file that `webhook:` names in \
                 gw.yaml, and into the settings of the forge"
                    .to_owned(),
            ),
        }
    }
}

/// All who are told.
#[derive(Debug)]
pub struct Telemetry {
    vitals: Vitals,
    board: watch::Sender<Board>,
    metrics: Arc<Mutex<Metrics>>,
    notifier: Notifier,
    systemd: Systemd,
    _server: Option<Server>,
}

impl Telemetry {
    /// Begins to listen, where the settings say so. `is_verifying` tells whether revisions must be
    /// signed. Must be called on a runtime.
    pub async fn start(settings: &Settings, is_verifying: bool) -> Result<Self, TelemetryError> {
        let vitals = Vitals::default();
        let board = watch::Sender::new(Board::new(vitals.now(), is_verifying));
        let metrics = Metrics::default();
        let failures = metrics.notification_failures();
        let metrics = Arc::new(Mutex::new(metrics));
        let server = match settings.http {
            Some(address) => {
                let view = View {
                    board: board.subscribe(),
                    metrics: Arc::clone(&metrics),
                    vitals: vitals.clone(),
                    fresh: fresh(settings),
                    journal: Arc::new(Turns::new(Journal::of(&Store::new(&settings.state)))),
                    on_webhook: (settings.webhook.as_ref())
                        .map(|webhook| webhook::on_webhook(webhook, &vitals))
                        .transpose()?,
                };
                Some(Server::start(address, view).await?)
            }
            None => None,
        };
        Ok(Self {
            notifier: Notifier::start(&settings.notify, host(), failures),
            systemd: Systemd::start(&vitals, SILENCE_MAX),
            vitals,
            board,
            metrics,
            _server: server,
        })
    }

    /// Where the loop gives its signs of life.
    pub fn vitals(&self) -> Vitals {
        self.vitals.clone()
    }

    /// Takes an event in.
    pub fn tell(&mut self, event: &WatchEvent<'_>) {
        let now = self.vitals.now();
        {
            // Whoever reads metrics sees both, or neither.
            let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
            self.board.send_modify(|board| board.fold(event, now));
            metrics.count(event);
        }
        self.systemd.tell(event, &self.board.borrow());
        match *event {
            WatchEvent::PassEnded(pass) => self.notifier.tell(pass, now),
            WatchEvent::SourceFetched(fetch) => {
                let pass = self.board.borrow().pass;
                self.notifier.tell_source(fetch.answer, pass, now);
            }
            WatchEvent::Judged { generation, is_proven } => {
                self.notifier.hear_judgement(generation, is_proven);
            }
            WatchEvent::RolledBack { revision, message, is_good } => {
                let message = message.to_owned();
                let pass = PassRecord {
                    number: self.board.borrow().pass,
                    revision: revision.map(str::to_owned),
                    result: if is_good {
                        PassResult::TakenBack(message)
                    } else {
                        PassResult::Broken(message)
                    },
                    ..PassRecord::default()
                };
                self.notifier.tell(&pass, now);
            }
            _ => {}
        }
    }

    /// Tells that gw ends.
    pub fn end(mut self) {
        self.tell(&WatchEvent::Stopping);
        self.systemd.end();
    }
}

/// The name of this machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
