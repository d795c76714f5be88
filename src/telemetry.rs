//! What a running gw tells besides what people read: the board behind its HTTP listener, metrics,
//! log lines, systemd, and notifications. All of it follows from the events of the loop, and none of
//! it can keep the loop waiting.

mod log;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::{
    http::{HttpError, SILENCE_MAX, Server, View},
    metrics::Metrics,
    notification::Notifier,
    report::{Board, PassRecord, WatchEvent, pass::PassResult},
    settings::Settings,
    systemd::Systemd,
    watch::Vitals,
};

pub use self::log::log;

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
    /// Begins to listen, where the settings say so. Must be called on a runtime.
    pub async fn start(settings: &Settings) -> Result<Self, HttpError> {
        let vitals = Vitals::default();
        let board = watch::Sender::new(Board::new(vitals.now()));
        let metrics = Metrics::default();
        let failures = metrics.notification_failures();
        let metrics = Arc::new(Mutex::new(metrics));
        let server = match settings.http {
            Some(address) => {
                let view = View {
                    board: board.subscribe(),
                    metrics: Arc::clone(&metrics),
                    vitals: vitals.clone(),
                    on_webhook: None,
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
        self.board.send_modify(|board| board.fold(event, now));
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).count(event);
        self.systemd.tell(event, &self.board.borrow());
        match *event {
            WatchEvent::PassEnded(pass) => self.notifier.tell(pass, now.wall),
            WatchEvent::RolledBack { revision, message, is_good } => {
                let message = message.to_owned();
                let pass = PassRecord {
                    number: self.board.borrow().pass,
                    revision: revision.map(str::to_owned),
                    result: if is_good {
                        PassResult::Refused(message)
                    } else {
                        PassResult::Broken(message)
                    },
                    ..PassRecord::default()
                };
                self.notifier.tell(&pass, now.wall);
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
