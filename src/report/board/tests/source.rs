use crate::{
    model::Commit,
    report::{SourceAnswer, SourceFetch},
};

use super::*;

fn commit(id: &str, committed: u64) -> Commit {
    Commit {
        id: id.into(),
        reference: None,
        author: "Alice".into(),
        email: "alice@shop.example".into(),
        time: 0,
        committed: i64::try_from(committed).unwrap(),
        subject: "Move web-2".into(),
    }
}

impl Told {
    /// One that follows a repository whose commits must be signed.
    fn verifying() -> Self {
        let told = Self::new();
        Self { board: Board::new(told.now, true), ..told }
    }

    fn fetch(&mut self, answer: SourceAnswer<'_>) -> &mut Self {
        let took = Duration::from_secs(1);
        self.tell(&WatchEvent::SourceFetched(SourceFetch { took, answer }))
    }

    /// The revision that the server has, when it last answered, and what is wrong.
    fn source(&self) -> (Option<&str>, Option<Moment>, Option<&str>) {
        let source = self.board.source.as_ref().expect("it was asked");
        (source.revision.as_deref(), source.answered, source.failure.as_deref())
    }
}

#[test]
fn a_server_that_tells_what_is_refused_has_answered() {
    let mut told = Told::verifying();
    told.fetch(SourceAnswer::Revision { name: "abc", is_verified: true });
    let first = Some(told.now);
    assert_eq!(told.source(), (Some("abc"), first, None));
    told.after(30).fetch(SourceAnswer::Nothing("no route"));
    assert_eq!(told.source(), (Some("abc"), first, Some("no route")));
    // Silence says nothing about what is known.
    assert_eq!(told.is(About::SourceVerified), (Truth::True, "Verified"));
    told.after(30).fetch(SourceAnswer::Rewritten("history was rewritten"));
    assert_eq!(told.source(), (Some("abc"), Some(told.now), Some("history was rewritten")));
    assert_eq!(told.is(About::SourceVerified), (Truth::True, "Verified"));
    told.after(30).fetch(SourceAnswer::Unverified("it is not signed"));
    assert_eq!(told.source(), (Some("abc"), Some(told.now), Some("it is not signed")));
    assert_eq!(told.is(About::SourceVerified), (Truth::False, "Unverified"));
}

#[test]
fn what_must_be_signed_is_not_said_to_be_free() {
    let verified = |told: &Told| told.is(About::SourceVerified);
    let mut told = Told::new();
    told.fetch(SourceAnswer::Revision { name: "a", is_verified: false });
    assert_eq!(verified(&told), (Truth::Unknown, "NotConfigured"));
    // A start without the server.
    let mut told = Told::verifying();
    assert_eq!(verified(&told), (Truth::Unknown, "Starting"));
    told.fetch(SourceAnswer::Nothing("no route"));
    assert_eq!(verified(&told), (Truth::Unknown, "Starting"));
    let staying = |is_good| WatchEvent::Staying { generation: 3, revision: "a", is_good };
    told.tell(&staying(false));
    assert_eq!(verified(&told), (Truth::Unknown, "Starting"));
    told.tell(&staying(true));
    assert_eq!(verified(&told), (Truth::True, "LastGood"));
    // And one at which the server has something else.
    let mut told = Told::verifying();
    told.fetch(SourceAnswer::Unverified("it is not signed"));
    told.tell(&staying(true));
    assert_eq!(verified(&told), (Truth::False, "Unverified"));
}

#[test]
fn how_long_a_commit_took_counts_from_when_it_was_made() {
    let mut told = Told::new();
    let made = told.now.wall.as_secs();
    let fetch = |told: &mut Told, commit: &Commit| {
        told.tell(&WatchEvent::Fetched { commit, signer: None, took: Duration::ZERO });
    };
    // What was applied long before says nothing.
    fetch(&mut told, &commit("a", made - 1000));
    told.pass(PassCause::Commit, nothing_to_do());
    assert_eq!(told.board.commit_lag, None);
    fetch(told.after(60), &commit("b", made + 50));
    let revision = Some("b".to_owned());
    let failed = PassResult::Failed("m".into());
    let record = PassRecord { revision, ..carried_out(samples::runtime_plan()) };
    told.pass(PassCause::Commit, PassRecord { result: failed, ..record.clone() });
    assert_eq!(told.board.commit_lag, None);
    told.after(5).pass(PassCause::Retry, record.clone());
    assert_eq!(told.board.commit_lag, Some(Duration::from_secs(15)));
    // Nor does what is done for it later.
    told.after(500).pass(PassCause::Resync, record);
    assert_eq!(told.board.commit_lag, Some(Duration::from_secs(15)));
}

#[test]
fn history_that_was_rewritten_waits_for_a_person() {
    let mut told = Told::new();
    told.pass(PassCause::Start, PassRecord { result: PassResult::Done, ..PassRecord::default() });
    assert_eq!(told.is(About::Stalled), (Truth::False, "Progressing"));
    for (answer, reason) in [
        (SourceAnswer::Rewritten("no descendant"), "HistoryRewritten"),
        (SourceAnswer::Unverified("no key"), "SourceUnverified"),
    ] {
        told.fetch(answer);
        assert_eq!(told.is(About::Stalled), (Truth::True, reason));
        // Passes go on with what was good, and a server that is away changes nothing.
        told.fetch(SourceAnswer::Nothing("no route"));
        let done = PassRecord { result: PassResult::Done, ..PassRecord::default() };
        told.pass(PassCause::Resync, done);
        assert_eq!(told.is(About::Stalled), (Truth::True, reason));
        told.fetch(SourceAnswer::Revision { name: "b", is_verified: false });
        assert_eq!(told.is(About::Stalled), (Truth::False, "Progressing"));
    }
}
