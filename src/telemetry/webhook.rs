//! `POST /webhook`: whoever knows the secret may hasten a fetch.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use hyper::{HeaderMap, StatusCode};
use tokio::sync::Mutex;

use crate::{
    http::OnWebhook,
    settings::Webhook,
    watch::Vitals,
    webhook::{Bucket, Event, Receiver, Secret, SecretError},
};

/// So many may come at once, and then one in each interval: of those that are authentic, which hasten a
/// fetch, and apart from these of those that are not, which are told in the log.
const BURST: u32 = 10;
/// See [`BURST`].
const INTERVAL: Duration = Duration::from_secs(1);

/// Why there is no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is empty.
    #[error("there is no secret in {}", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A line is no secret.
    #[error("{} is of no use", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SecretError,
    },
}

/// The secrets of the file, one a line; at least one.
pub fn secrets(webhook: &Webhook) -> Result<Vec<Secret>, WebhookError> {
    let path = || webhook.secret_file.clone();
    let text = fs::read_to_string(&webhook.secret_file)
        .map_err(|source| WebhookError::Read { path: path(), source })?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let secrets: Result<Vec<Secret>, SecretError> = lines.map(Secret::new).collect();
    let secrets = secrets.map_err(|source| WebhookError::Secret { path: path(), source })?;
    if secrets.is_empty() { Err(WebhookError::Empty { path: path() }) } else { Ok(secrets) }
}

/// What is done with a POST to `/webhook`.
pub(super) fn on_webhook(webhook: &Webhook, vitals: &Vitals) -> Result<OnWebhook, WebhookError> {
    let mut secrets = secrets(webhook)?.into_iter();
    let first = secrets.next().expect("there is a secret, or an error");
    let receiver = Receiver::new(first, secrets.collect(), webhook.providers.clone());
    let mut gate = Gate::new(receiver, vitals);
    Ok(Arc::new(Mutex::new(move |headers: &HeaderMap, body: &[u8]| gate.pass(headers, body))))
}

/// Who gets through.
struct Gate {
    receiver: Receiver,
    vitals: Vitals,
    authentic: Bucket,
    others: Bucket,
}

impl Gate {
    fn new(receiver: Receiver, vitals: &Vitals) -> Self {
        let bucket = Bucket::new(BURST, INTERVAL);
        Self { receiver, vitals: vitals.clone(), authentic: bucket.clone(), others: bucket }
    }

    fn pass(&mut self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let now = self.vitals.now();
        let seconds = i64::try_from(now.wall.as_secs()).unwrap_or(i64::MAX);
        let received = self.receiver.receive(&headers, body, seconds);
        let bucket = if received.is_ok() { &mut self.authentic } else { &mut self.others };
        if bucket.take(now.up).is_err() {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        match received {
            Ok(hint) => {
                tracing::debug!(?hint, "a webhook");
                match hint.event {
                    Event::Push => {
                        self.vitals.hasten();
                        StatusCode::ACCEPTED
                    }
                    Event::Ping | Event::Other => StatusCode::OK,
                }
            }
            Err(refused) => {
                tracing::warn!(why = %refused, hint = refused.hint(), "a webhook was refused");
                StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn whoever_does_not_know_the_secret_takes_no_place_of_those_who_do() {
        let secret = "a secret of some length";
        let provider = crate::webhook::Provider::GitLab;
        let receiver = Receiver::new(Secret::new(secret).unwrap(), vec![], vec![provider]);
        let mut gate = Gate::new(receiver, &Vitals::default());
        let mut send = |token: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("X-Gitlab-Token", HeaderValue::from_static(token));
            headers.insert("X-Gitlab-Event", HeaderValue::from_static("Push Hook"));
            gate.pass(&headers, b"{}").as_u16()
        };
        let mut many = |token| (0..3 * BURST).map(|_| send(token)).collect::<Vec<_>>();
        let forged = many("another secret of some length");
        assert_eq!((forged.first(), forged.last()), (Some(&401), Some(&429)), "{forged:?}");
        let authentic = many(secret);
        let accepted = authentic.iter().filter(|status| **status == 202).count();
        assert!(accepted >= BURST as usize, "{authentic:?}");
        assert_eq!(authentic.last(), Some(&429), "{authentic:?}");
    }
}
