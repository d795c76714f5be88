//! Others are told how passes end: a JSON document is posted to each address of `notify` in
//! `gw.yaml`. Nobody waits for them: each has a short queue of its own, and what does not fit is
//! dropped and counted.

mod post;

use std::{sync::Arc, time::Duration};

use hyper::body::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    report::{PassRecord, json, pass::PassResult},
    settings::Target,
};

use self::post::Poster;

/// How many may wait for an address.
const QUEUE: usize = 32;
/// How long an address may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pauses before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Tells others. What is waiting when it is dropped is lost.
#[derive(Debug)]
pub struct Notifier {
    queues: Vec<(Target, mpsc::Sender<Bytes>)>,
    told: Told,
    /// The success that is told once the health gate has judged: the revision, and the document.
    withheld: Option<(Option<String>, Bytes)>,
    host: String,
    failures: Counter,
}

/// What was told last.
#[derive(Debug, Default)]
struct Told(Option<(Option<String>, bool)>);

/// What a pass is to those who were told of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// They know.
    None,
    Good,
    Bad,
    /// Good, if the health gate lets it stay.
    Withheld,
}

impl Told {
    /// Whether a pass is news. A revision is told once for each outcome, and again where the outcome
    /// changes back: whoever heard of a failure wants to hear of its end.
    fn news(&mut self, pass: &PassRecord) -> News {
        let is_good = match pass.result {
            PassResult::Done => true,
            PassResult::Incomplete(_)
            | PassResult::Refused(_)
            | PassResult::Broken(_)
            | PassResult::TakenBack(_)
            | PassResult::Partial(_)
            | PassResult::Invalid(_)
            | PassResult::Failed(_) => false,
            // Neither, for now.
            PassResult::Ended | PassResult::Pending(_) => return News::None,
        };
        let next = Some((pass.revision.clone(), is_good));
        if self.0 == next {
            return News::None;
        }
        if is_good && pass.is_on_trial {
            return News::Withheld;
        }
        self.0 = next;
        // gw was started anew, and all was well already.
        let is_old =
            pass.number == 1 && pass.plan.as_ref().is_some_and(crate::plan::Plan::is_empty);
        match (is_good, is_old) {
            (true, true) => News::None,
            (true, false) => News::Good,
            (false, _) => News::Bad,
        }
    }

    /// Success of a revision was told.
    fn succeed(&mut self, revision: Option<String>) {
        self.0 = Some((revision, true));
    }
}

impl Notifier {
    /// Begins to deliver, from `host`. Must be called on a runtime.
    pub fn start(targets: &[Target], host: String, failures: Counter) -> Self {
        let poster = Arc::new(Poster::new(targets));
        let queues = targets
            .iter()
            .map(|target| {
                let (sender, receiver) = mpsc::channel(QUEUE);
                tokio::spawn(deliver(
                    target.clone(),
                    receiver,
                    Arc::clone(&poster),
                    failures.clone(),
                ));
                (target.clone(), sender)
            })
            .collect();
        Self { queues, told: Told::default(), withheld: None, host, failures }
    }

    /// Tells of a pass that ended at `now` (since the epoch), where it is news. Success that the health
    /// gate has not judged yet is [withheld](Self::tell_withheld). Never waits.
    pub fn tell(&mut self, pass: &PassRecord, now: Duration) {
        // Another revision is in its place.
        let _ = self.withheld.take_if(|(revision, _)| *revision != pass.revision);
        let news = self.told.news(pass);
        if news == News::None || news == News::Withheld && self.withheld.is_some() {
            return;
        }
        let document = json::notification(pass, &self.host, now);
        let document = Bytes::from(json::to_text(&document));
        match (news, self.withheld.take()) {
            (News::None, _) => {}
            (News::Withheld, _) => self.withheld = Some((pass.revision.clone(), document)),
            // The pass that made the change tells more than one that only looked at it.
            (News::Good, Some((_, first))) => self.post(&first, true),
            (News::Good, None) => self.post(&document, true),
            (News::Bad, _) => self.post(&document, false),
        }
    }

    /// Tells of the success that was withheld: the health gate lets the change stay.
    pub fn tell_withheld(&mut self) {
        if let Some((revision, document)) = self.withheld.take() {
            self.told.succeed(revision);
            self.post(&document, true);
        }
    }

    fn post(&self, body: &Bytes, is_good: bool) {
        for (target, queue) in &self.queues {
            let is_wanted = if is_good { target.success } else { target.failure };
            if is_wanted && queue.try_send(body.clone()).is_err() {
                self.failures.inc();
            }
        }
    }
}

/// Delivers what comes, in its order.
async fn deliver(
    target: Target,
    mut queue: mpsc::Receiver<Bytes>,
    poster: Arc<Poster>,
    failures: Counter,
) {
    while let Some(body) = queue.recv().await {
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent = timeout(PATIENCE, poster.post(&target.url, &body)).await;
            let why = match sent {
                Ok(Ok(())) => break,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            match pauses.next() {
                Some(pause) => sleep(pause.mul_f64(0.8 + 0.4 * fastrand::f64())).await,
                None => {
                    failures.inc();
                    let host = target.host();
                    tracing::warn!(host, why, "a notification could not be delivered");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
