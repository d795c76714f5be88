//! From request to answer.

use std::sync::{Arc, PoisonError};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use tokio::task::spawn_blocking;

use crate::{
    metrics,
    report::{
        board::{Condition, Truth},
        json,
        snippet::one_line,
    },
    webhook::BODY_MAX,
};

use super::{SILENCE_MAX, View};

/// How many records are shown where nobody says, as by `gw history`.
const HISTORY: usize = 20;
/// How many there may be.
const HISTORY_MAX: usize = 200;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

type Answer = Response<Full<Bytes>>;

/// Answers a request. Paths are taken as they are sent: each is one of a few, or unknown.
pub(super) async fn answer<B>(view: &View, request: Request<B>) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path = request.uri().path();
    if path == "/webhook" && view.on_webhook.is_some() {
        return match *request.method() {
            Method::POST => webhook(view, request).await,
            _ => not_allowed("POST"),
        };
    }
    let shown: fn(&View) -> Answer = match path {
        "/v1/history" => {
            return match *request.method() {
                Method::GET | Method::HEAD => history(view, request.uri().query()).await,
                _ => not_allowed("GET, HEAD"),
            };
        }
        "/metrics" => metrics,
        "/healthz" => healthz,
        "/readyz" => readyz,
        "/v1/status" => status,
        _ => return text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    match *request.method() {
        // What a HEAD would show is left out by the connection.
        Method::GET | Method::HEAD => shown(view),
        _ => not_allowed("GET, HEAD"),
    }
}

fn metrics(view: &View) -> Answer {
    let mut metrics = view.metrics.lock().unwrap_or_else(PoisonError::into_inner);
    let ready = ready(view).truth == Truth::True;
    let haproxy = view.vitals.haproxy();
    let board = view.board.borrow();
    let shown = metrics.text(&board, view.vitals.now(), &haproxy, ready);
    with(StatusCode::OK, metrics::CONTENT_TYPE, shown)
}

fn healthz(view: &View) -> Answer {
    let silence = view.vitals.silence();
    if silence < SILENCE_MAX {
        text(StatusCode::OK, "ok")
    } else {
        let told = format!("the loop gave no sign of life for {} s", silence.as_secs());
        text(StatusCode::SERVICE_UNAVAILABLE, &told)
    }
}

fn readyz(view: &View) -> Answer {
    let Condition { truth, reason, message, .. } = ready(view);
    let status = match truth {
        Truth::True => StatusCode::OK,
        Truth::False | Truth::Unknown => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, &format!("{reason}: {}", one_line(&message)))
}

fn ready(view: &View) -> Condition {
    let haproxy = view.vitals.haproxy();
    view.board.borrow().ready(view.vitals.now(), &haproxy, view.fresh)
}

fn status(view: &View) -> Answer {
    let haproxy = view.vitals.haproxy();
    let document =
        json::watch_status(&view.board.borrow(), view.vitals.now(), &haproxy, view.fresh);
    with(StatusCode::OK, JSON, json::to_text(&document))
}

/// The newest records of the journal. One reading at a time: each record may be long, and is read as a
/// whole.
async fn history(view: &View, query: Option<&str>) -> Answer {
    let limit = match query {
        None | Some("") => Some(HISTORY),
        Some(query) => query.strip_prefix("limit=").and_then(|number| number.parse().ok()),
    };
    let Some(limit) = limit.filter(|limit| (1..=HISTORY_MAX).contains(limit)) else {
        let told = format!("the only parameter is limit, from 1 to {HISTORY_MAX}");
        return text(StatusCode::BAD_REQUEST, &told);
    };
    let journal = Arc::clone(&view.journal).lock_owned().await;
    match spawn_blocking(move || journal.history(limit)).await {
        Ok(Ok(document)) => with(StatusCode::OK, JSON, json::to_text(&document)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "can't read the journal");
            text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
        Err(error) => {
            tracing::error!(%error, "the reading of the journal broke off");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the journal could not be read")
        }
    }
}

/// Whether it is authentic, and whether there are too many, is decided by whom the body is handed to.
async fn webhook<B>(view: &View, request: Request<B>) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(on_webhook) = &view.on_webhook else {
        return text(StatusCode::NOT_FOUND, "there is nothing here");
    };
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
        }
        Err(_) => return text(StatusCode::BAD_REQUEST, "the body broke off"),
    };
    let status = (on_webhook.lock().await)(&head.headers, &body);
    text(status, status.canonical_reason().unwrap_or("done"))
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn text(status: StatusCode, line: &str) -> Answer {
    with(status, TEXT, format!("{line}\n"))
}

fn with(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
