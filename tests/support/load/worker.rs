//! The tasks of a load: each asks, one request after the other, in its own way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::Mutex;

use super::Shared;
use super::report::Tally;
use crate::support::connection::{Answer, Ask, Connection, Failure, Wire};

/// A request goes at most so often to a new connection: no client tries for ever.
const TRIES: u32 = 3;

/// Asks over one HTTP/1.1 connection, for as long as the server keeps it.
pub(super) async fn keep_alive(shared: Arc<Shared>) -> Tally {
    let mut tally = Tally::default();
    let mut idle = None;
    let mut turn = 0;
    while let Some(ask) = next(&shared, &mut turn).await {
        let start = Instant::now();
        let outcome = reuse(&shared, ask, &mut idle, &mut tally).await;
        record(&shared, &mut tally, ("a kept connection", ask), start, outcome);
    }
    tally
}

/// Asks on the idle connection if there is one; should the server have closed it, on a new one.
async fn reuse(
    shared: &Shared,
    ask: &Ask,
    idle: &mut Option<Connection>,
    tally: &mut Tally,
) -> Result<Answer, Failure> {
    if let Some(mut connection) = idle.take()
        && connection.is_open().await
    {
        match connection.send(ask).await {
            // Seen closed in time: the client just opens another one.
            Err(Failure::NotTaken(_)) => {}
            // Closed while the request was on its way.
            Err(Failure::NoAnswer(_)) => tally.keep_alive_closed += 1,
            outcome => {
                *idle = Some(connection);
                return outcome;
            }
        }
    }
    let mut connection = Connection::open(&Wire::Http1, shared.address, &ask.host).await?;
    let outcome = connection.send(ask).await;
    *idle = Some(connection);
    outcome
}

/// Asks each time over a new HTTP/1.1 connection. Nothing is tried again.
pub(super) async fn fresh(shared: Arc<Shared>) -> Tally {
    let mut tally = Tally::default();
    let mut turn = 0;
    while let Some(ask) = next(&shared, &mut turn).await {
        let start = Instant::now();
        let ask = ask.clone().header("connection", "close");
        let outcome = match Connection::open(&Wire::Http1, shared.address, &ask.host).await {
            Ok(mut connection) => connection.send(&ask).await,
            Err(failure) => Err(failure),
        };
        record(&shared, &mut tally, ("a new connection", &ask), start, outcome);
    }
    tally
}

/// The HTTP/2 connection that several tasks share, with its serial number.
pub(super) type Slot = Mutex<(u64, Option<Connection>)>;

/// Asks over streams of an HTTP/2 connection.
pub(super) async fn http2(shared: Arc<Shared>, slot: Arc<Slot>) -> Tally {
    let mut tally = Tally::default();
    let mut turn = 0;
    while let Some(ask) = next(&shared, &mut turn).await {
        let start = Instant::now();
        let outcome = stream(&shared, ask, &slot, &mut tally).await;
        record(&shared, &mut tally, ("HTTP/2", ask), start, outcome);
    }
    tally
}

/// Asks on the shared connection; what the server did not take goes to a new one.
async fn stream(
    shared: &Shared,
    ask: &Ask,
    slot: &Slot,
    tally: &mut Tally,
) -> Result<Answer, Failure> {
    let mut tries = 0;
    loop {
        let (serial, mut connection) = current(shared, ask, slot).await?;
        let outcome = connection.send(ask).await;
        tries += 1;
        if outcome.is_err() {
            let mut slot = slot.lock().await;
            if slot.0 == serial {
                slot.1 = None;
            }
        }
        match outcome {
            Err(Failure::NotTaken(_)) if tries < TRIES => tally.http2_retried += 1,
            outcome => return outcome,
        }
    }
}

/// A handle on the shared connection, opened anew where it is closed.
async fn current(shared: &Shared, ask: &Ask, slot: &Slot) -> Result<(u64, Connection), Failure> {
    let mut slot = slot.lock().await;
    let is_open = match &mut slot.1 {
        Some(connection) => connection.is_open().await,
        None => false,
    };
    if !is_open {
        slot.1 = Some(Connection::open(&shared.http2, shared.address, &ask.host).await?);
        slot.0 += 1;
    }
    let handle = slot.1.as_ref().and_then(Connection::share);
    Ok((slot.0, handle.expect("an HTTP/2 connection was opened")))
}

/// Rests, then gives the next request of the list; `None` when the load ends.
async fn next<'a>(shared: &'a Shared, turn: &mut usize) -> Option<&'a Ask> {
    if !shared.pause.is_zero() {
        tokio::time::sleep(shared.pause).await;
    }
    let ask = &shared.asks[*turn % shared.asks.len()];
    *turn += 1;
    shared.goes_on().then_some(ask)
}

fn record(
    shared: &Shared,
    tally: &mut Tally,
    (way, ask): (&str, &Ask),
    start: Instant,
    outcome: Result<Answer, Failure>,
) {
    tally.latencies.push(start.elapsed());
    shared.total.fetch_add(1, Ordering::Relaxed);
    let why = match outcome {
        Ok(answer) => {
            let status = answer.status.as_str();
            let from = answer.origin().unwrap_or(status).to_owned();
            let why = (!answer.status.is_success()).then(|| format!("{status} from {from}"));
            *tally.answers.entry(from).or_default() += 1;
            why
        }
        Err(failure) => Some(failure.to_string()),
    };
    if let Some(why) = why {
        let at = start.duration_since(shared.start);
        tally.fail(format!("after {at:.3?}, {ask} over {way}: {why}"));
        shared.failed.fetch_add(1, Ordering::Relaxed);
    }
}
