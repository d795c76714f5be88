//! `POST /webhook`: whoever knows the secret may hasten a fetch.

use std::{fs, io, path::PathBuf, sync::Arc};

use hyper::{HeaderMap, StatusCode};

use crate::{
    http::OnWebhook,
    settings::Webhook,
    watch::Vitals,
    webhook::{Event, Receiver, Secret, SecretError},
};

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
    let vitals = vitals.clone();
    Ok(Arc::new(move |headers, body| receive(&receiver, &vitals, headers, body)))
}

fn receive(receiver: &Receiver, vitals: &Vitals, headers: &HeaderMap, body: &[u8]) -> StatusCode {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let now = i64::try_from(vitals.now().wall.as_secs()).unwrap_or(i64::MAX);
    match receiver.receive(&headers, body, now) {
        Ok(hint) => {
            tracing::debug!(?hint, "a webhook");
            match hint.event {
                Event::Push => {
                    vitals.hasten();
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
