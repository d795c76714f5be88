//! Health checks.

use std::time::Duration;

use serde_json::json;

use super::{
    document::{CheckKind, HealthCheck, StatusRange},
    http_route::method,
    object::Object,
    server_tls::alpn,
    slot::Slot,
    text::{CHECK_PATH, DNS_NAME, DURATION, STATUS_RANGE},
    yaml::Value,
};

/// The fields that only a check by HTTP has.
const HTTP_ONLY: [&str; 4] = ["path", "method", "host", "expect"];

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Http,
    Tcp,
}

/// Reads a health check, and its timeout, which is a setting of the backend.
pub(super) fn health_check(object: &mut Object<'_>) -> Option<(HealthCheck, Option<Duration>)> {
    let about = "A request with a good answer, or just an accepted connection.";
    let kind = object.default("type", about, (Type::Http, json!("http")), |slot| {
        slot.choice(&[("http", Type::Http), ("tcp", Type::Tcp)], &[])
    });
    let path = object
        .optional("path", "The path to ask for; `/` if left out.", |slot| slot.text(&CHECK_PATH));
    let method = object.optional("method", "The method; GET if left out.", method);
    let host = object.optional("host", "The `Host` header.", |slot| slot.text(&DNS_NAME));
    let about = "The good status codes; 200 to 399 if left out.";
    let expect = object.optional("expect", about, expected);
    let mut duration = |name, about| object.optional(name, about, |slot| slot.text(&DURATION));
    let interval = duration("interval", "Time between checks.");
    let fast_interval = duration("fastInterval", "Time between checks while the state changes.");
    let down_interval = duration("downInterval", "Time between checks while a server is down.");
    let timeout = duration("timeout", "Time to answer a check.");
    let mut count = |name, about| object.optional(name, about, |slot| slot.integer(1..=1_000));
    let rise = count("rise", "Good checks until a server is up.");
    let fall = count("fall", "Bad checks until a server is down.");
    let about = "The port to check; the server's if left out.";
    let port = object.optional("port", about, |slot| slot.integer(1..=u16::MAX));
    let alpn = object.optional("alpn", "The protocols to offer in the check's TLS.", alpn);
    let kind = match kind {
        Type::Http => CheckKind::Http { method, path, host, expect: expect.unwrap_or_default() },
        Type::Tcp => {
            for name in HTTP_ONLY {
                object.refuse(name, format!("a check of type tcp has no `{name}`"));
            }
            CheckKind::Tcp
        }
    };
    let check =
        HealthCheck { kind, interval, fast_interval, down_interval, rise, fall, port, alpn };
    Some((check, timeout))
}

/// Status codes: one range as text, or a list of numbers and ranges.
fn expected(slot: &mut Slot<'_>) -> Option<Vec<StatusRange>> {
    slot.either(
        |value| matches!(value, Value::List(_)),
        |slot| {
            slot.list(1, |slot| {
                slot.either(|value| matches!(value, Value::Integer(_)), status, status_range)
            })
        },
        |slot| status_range(slot).map(|range| vec![range]),
    )
}

fn status(slot: &mut Slot<'_>) -> Option<StatusRange> {
    let code = slot.integer(100..=599_u16)?;
    Some(StatusRange { first: code, last: code })
}

fn status_range(slot: &mut Slot<'_>) -> Option<StatusRange> {
    slot.text(&STATUS_RANGE)
}
