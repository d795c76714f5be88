//! Others are told how passes end, and where the repository can't be followed: a JSON document is
//! posted to each address of `notify` in `gw.yaml`. Nobody waits for them: each has a short queue of its own, and what does not fit is
//! dropped and counted.

mod post;
mod source;

use std::{sync::Arc, time::Duration};

use hyper::body::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    report::{PassRecord, SourceAnswer, board::Moment, json, pass::PassResult},
    settings::Target,
};

use self::{
    post::Poster,
    source::{News, SourceNews},
};

/// How many may wait for an address.
const QUEUE: usize = 32;
/// How long an address may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long a revision may wait for something before that counts as a failure: a server that is still
/// down by then will not come up by itself.
const PENDING_MAX: Duration = Duration::from_secs(300);
/// The pauses before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Tells others. What is waiting when it is dropped is lost.
#[derive(Debug)]
pub struct Notifier {
    queues: Vec<(Target, mpsc::Sender<Bytes>)>,
    told: Told,
    withheld: Option<Withheld>,
    pending: Option<Pending>,
    source: SourceNews,
    host: String,
    failures: Counter,
}

/// What was told last: a revision, and whether it is good.
#[derive(Debug, Default)]
struct Told(Option<(Option<String>, bool)>);

/// A revision that waits for something.
#[derive(Debug)]
struct Pending {
    revision: Option<String>,
    /// Since when, as time since gw began.
    since: Duration,
}

/// Success that is told once the health gate has judged.
#[derive(Debug)]
struct Withheld {
    /// The generation on trial.
    generation: u64,
    /// The revisions that ask for it, in their order, and what is to be told of each.
    documents: Vec<(Option<String>, Bytes)>,
    /// Whether the failure of something newer was told meanwhile.
    is_overtaken: bool,
}

impl Told {
    /// Whether this is news. A revision is told once for each outcome, and again where the outcome
    /// changes back: whoever heard of a failure wants to hear of its end.
    fn is_news(&self, pass: &PassRecord, is_good: bool) -> bool {
        self.0.as_ref() != Some(&(pass.revision.clone(), is_good))
    }

    /// Whether gw was started anew, and all was well already.
    fn is_old(&self, pass: &PassRecord) -> bool {
        self.0.is_none()
            && pass.number == 1
            && pass.plan.as_ref().is_some_and(crate::plan::Plan::is_empty)
    }

    fn set(&mut self, revision: Option<String>, is_good: bool) {
        self.0 = Some((revision, is_good));
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
        let (told, source) = (Told::default(), SourceNews::default());
        Self { queues, told, withheld: None, pending: None, source, host, failures }
    }

    /// Tells of a pass that ended at `now`, where it is news. Success that the health
    /// gate has not judged yet is [withheld](Self::hear_judgement). Never waits.
    pub fn tell(&mut self, pass: &PassRecord, now: Moment) {
        let Some(is_good) = self.outcome(pass, now.up) else { return };
        if !is_good && let Some(withheld) = &mut self.withheld {
            withheld.documents.retain(|(revision, _)| *revision != pass.revision);
        }
        if !self.told.is_news(pass, is_good) {
            return;
        }
        let document =
            || Bytes::from(json::to_text(&json::notification(pass, &self.host, now.wall)));
        match pass.on_trial.filter(|_| is_good) {
            Some(generation) => {
                let document = document();
                // Another change is part of what is judged now, and its revision of what is told.
                let withheld = self
                    .withheld
                    .take_if(|withheld| withheld.generation == generation)
                    .unwrap_or(Withheld { generation, documents: Vec::new(), is_overtaken: false });
                let withheld = self.withheld.insert(withheld);
                // The pass that made the change tells more than one that only looked at it.
                if withheld.documents.iter().all(|(revision, _)| *revision != pass.revision) {
                    withheld.documents.push((pass.revision.clone(), document));
                }
            }
            None => {
                let is_old = is_good && self.told.is_old(pass);
                self.told.set(pass.revision.clone(), is_good);
                match &mut self.withheld {
                    Some(withheld) if !is_good => withheld.is_overtaken = true,
                    // Nothing is on trial any more.
                    withheld => *withheld = None,
                }
                if !is_old {
                    self.post(&document(), is_good);
                }
            }
        }
    }

    /// Tells of the success that was withheld for the health gate, where that found this generation as
    /// good as what was before. Where the look was ended, it was replaced, or following is suspended:
    /// then nobody knows, and the next pass that finds a revision to run tells of it.
    pub fn hear_judgement(&mut self, generation: u64, is_proven: bool) {
        let judged = self.withheld.take_if(|withheld| withheld.generation == generation);
        let Some(Withheld { documents, is_overtaken, .. }) = judged.filter(|_| is_proven) else {
            return;
        };
        for (revision, document) in documents {
            if !is_overtaken {
                self.told.set(revision, true);
            }
            self.post(&document, true);
        }
    }

    /// Tells what a repository said, where it is news. `pass` is the number of the last pass.
    pub fn tell_source(&mut self, answer: SourceAnswer<'_>, pass: u64, now: Moment) {
        let why = match self.source.hear(answer, now.up) {
            None => return,
            Some(News::Failure(why)) => Some(why),
            Some(News::End) => None,
        };
        let document = json::source_notification(why, pass, &self.host, now.wall);
        self.post(&Bytes::from(json::to_text(&document)), why.is_none());
    }

    /// Whether a pass ended well; `None` where that is not known yet.
    fn outcome(&mut self, pass: &PassRecord, up: Duration) -> Option<bool> {
        let pending = self.pending.take();
        match pass.result {
            PassResult::Done => Some(true),
            PassResult::Incomplete(_)
            | PassResult::Refused(_)
            | PassResult::Broken(_)
            | PassResult::TakenBack(_)
            | PassResult::Partial(_)
            | PassResult::Invalid(_)
            | PassResult::Failed(_) => Some(false),
            PassResult::Pending(_) => {
                let known = pending.filter(|pending| pending.revision == pass.revision);
                let revision = pass.revision.clone();
                let pending = self.pending.insert(known.unwrap_or(Pending { revision, since: up }));
                (up.saturating_sub(pending.since) >= PENDING_MAX).then_some(false)
            }
            PassResult::Ended => None,
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
