use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    report::json::{BegunDocument, CauseWord, EndedDocument, ResultWord, WhoDocument},
    store::Lock,
};

use super::*;

struct Desk {
    _root: tempfile::TempDir,
    journal: Journal,
    lock: Lock,
}

impl Desk {
    fn new() -> Self {
        Self::with_size(SIZE_MAX)
    }

    fn with_size(size_max: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        let journal = Journal { size_max, ..Journal::of(&store) };
        Self { lock: store.lock().unwrap(), journal, _root: root }
    }

    fn begin(&self, about: &str) -> u64 {
        self.journal.begin(&self.lock, begun(about)).unwrap().0
    }

    fn end(&self, number: u64, result: ResultWord) {
        let written = self.journal.end(&self.lock, number, ended(result)).unwrap();
        assert!(written > Some(100), "{written:?}");
    }

    /// A whole record.
    fn act(&self, about: &str) {
        self.end(self.begin(about), ResultWord::Done);
    }

    fn text(&self) -> Vec<u8> {
        fs::read(self.journal.path()).unwrap()
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.journal.path(), bytes).unwrap();
    }

    /// What is in the journal, newest first: number, subject and result.
    fn told(&self) -> Vec<(u64, String, ResultWord)> {
        let records = self.journal.records().unwrap().map(Result::unwrap);
        records.map(|one| (one.number, one.about.unwrap_or_default(), one.result)).collect()
    }

    fn verified(&self) -> Verified {
        self.journal.verify().unwrap().unwrap()
    }
}

fn who() -> WhoDocument {
    WhoDocument {
        command: CauseWord::Apply,
        user: "alice".into(),
        uid: 1000,
        sudo_user: None,
        host: "web-1".into(),
        gw: "0.1.0".into(),
    }
}

fn begun(about: &str) -> BegunDocument {
    let begun = BegunDocument::new(rfc3339(SystemTime::UNIX_EPOCH), who());
    BegunDocument { about: Some(about.to_owned()), ..begun }
}

fn ended(result: ResultWord) -> EndedDocument {
    EndedDocument::new(rfc3339(SystemTime::UNIX_EPOCH), result, None)
}

fn entry(number: u64, about: &str, result: ResultWord) -> (u64, String, ResultWord) {
    (number, about.to_owned(), result)
}

#[test]
fn an_empty_journal_is_whole() {
    let desk = Desk::new();
    assert_eq!(desk.verified(), Verified::default());
    assert_eq!(desk.told(), []);
    assert_eq!(desk.journal.last().unwrap(), (0, true));
    assert_eq!(desk.journal.record(1).unwrap(), None);
}

#[test]
fn records_are_numbered_and_told_newest_first() {
    let desk = Desk::new();
    desk.act("one");
    let two = desk.begin("two");
    assert_eq!(desk.told()[0], entry(2, "two", ResultWord::Unfinished));
    // What one pass leaves a later one finishes.
    desk.end(two, ResultWord::Incomplete);
    desk.end(two, ResultWord::Done);
    let (three, bytes) =
        desk.journal.note(&desk.lock, begun("three"), ended(ResultWord::Failed)).unwrap();
    assert!(three == 3 && bytes > 100);
    let expected = [
        entry(3, "three", ResultWord::Failed),
        entry(2, "two", ResultWord::Done),
        entry(1, "one", ResultWord::Done),
    ];
    assert_eq!(desk.told(), expected);
    assert_eq!(desk.verified(), Verified { lines: 6, records: Some((1, 3)), torn: 0 });
    assert_eq!(desk.journal.record(2).unwrap().unwrap().about.as_deref(), Some("two"));
    assert_eq!(desk.journal.record(4).unwrap(), None);
    // A record that is not the last one any more stays as it is.
    assert_eq!(desk.journal.end(&desk.lock, 2, ended(ResultWord::Failed)).unwrap(), None);
    let mode = fs::metadata(desk.journal.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn an_act_of_an_operator_is_a_record() {
    let desk = Desk::new();
    let written = desk.journal.tell(&desk.lock, CauseWord::Hold, "server web/web-1 in drain");
    assert_eq!(written.unwrap(), desk.text().len() as u64);
    assert_eq!(desk.told(), [entry(1, "server web/web-1 in drain", ResultWord::Done)]);
    let record = desk.journal.record(1).unwrap().unwrap();
    assert_eq!(record.who.command, CauseWord::Hold);
}

#[test]
fn what_has_no_end_was_interrupted() {
    let desk = Desk::new();
    desk.begin("one");
    desk.act("two");
    let expected = [entry(2, "two", ResultWord::Done), entry(1, "one", ResultWord::Interrupted)];
    assert_eq!(desk.told(), expected);
    assert_eq!(desk.verified().lines, 4);
}

#[test]
fn every_changed_byte_shows() {
    let desk = Desk::new();
    desk.act("one");
    desk.act("two");
    let good = desk.text();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= [0x01, 0x20, 0x80][at % 3];
        desk.write(&bad);
        let line = good[..at].split(|byte| *byte == b'\n').count() as u64;
        match desk.journal.verify().unwrap() {
            Err(broken) => {
                assert_eq!(broken.path, desk.journal.path());
                assert_eq!(broken.line, line, "byte {at}: {broken:?}");
            }
            // Without its newline the last line is one that was not finished.
            Ok(verified) => assert!(at + 1 == good.len() && verified.torn > 0, "byte {at}"),
        }
    }
    desk.write(&good);
    assert_eq!(desk.verified().lines, 4);
}

#[test]
fn lines_that_are_gone_or_moved_show() {
    let desk = Desk::new();
    for about in ["one", "two", "three"] {
        desk.act(about);
    }
    let text = desk.text();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let arrangements: [(&[usize], u64); 4] =
        [(&[0, 1, 3, 4, 5], 3), (&[0, 1, 4, 5], 3), (&[1, 0, 2, 3], 2), (&[0, 1, 2, 2, 3], 4)];
    for (order, line) in arrangements {
        let bytes: Vec<u8> = order.iter().flat_map(|index| lines[*index]).copied().collect();
        desk.write(&bytes);
        let broken = desk.journal.verify().unwrap().unwrap_err();
        assert_eq!(broken.line, line, "{order:?}: {broken:?}");
    }
}

#[test]
fn an_unfinished_line_is_cut_wherever_it_ends() {
    let desk = Desk::new();
    desk.act("one");
    let before = desk.text();
    desk.begin("two");
    let after = desk.text();
    for end in before.len()..=after.len() {
        desk.write(&after[..end]);
        let torn = end - before.len();
        // Whoever only reads is not disturbed.
        assert_eq!(desk.told().last().unwrap(), &entry(1, "one", ResultWord::Done));
        assert!(desk.journal.verify().unwrap().is_ok(), "cut at {end}");
        desk.act("three");
        let text = desk.text();
        assert!(text.starts_with(&before), "cut at {end}: earlier records changed");
        desk.verified();
        let told = desk.told();
        // Only the newline may be missing of a line that is there.
        if torn + 1 >= after.len() - before.len() {
            let two = entry(2, "two", ResultWord::Interrupted);
            assert_eq!(told[..2], [entry(3, "three", ResultWord::Done), two], "cut at {end}");
        } else {
            assert_eq!(told[0], entry(2, "three", ResultWord::Done), "cut at {end}");
            let says = String::from_utf8_lossy(&text).contains(&format!(r#""cut":{torn},"#));
            assert_eq!(says, torn > 0, "cut at {end}");
        }
    }
}

#[test]
fn a_damaged_line_does_not_end_the_journal() {
    let desk = Desk::new();
    desk.act("one");
    let mut text = desk.text();
    let last = text.len() - 20;
    text[last] ^= 1;
    desk.write(&text);
    desk.act("two");
    assert!(desk.text().starts_with(&text), "earlier lines changed");
    let mut records = desk.journal.records().unwrap();
    let told: Vec<_> = records.by_ref().map(|one| one.unwrap().about.unwrap()).collect();
    assert_eq!((told, records.damaged()), (vec!["two".to_owned(), "one".to_owned()], 1));
    assert_eq!(desk.journal.verify().unwrap().unwrap_err().line, 2);
}

#[test]
fn full_files_are_set_aside_and_the_oldest_go() {
    let desk = Desk::with_size(3_000);
    let count = 60;
    for number in 1..=count {
        desk.act(&number.to_string());
    }
    let files: Vec<PathBuf> = desk.journal.files().collect();
    assert!(files.iter().all(|file| file.exists()), "{files:?}");
    assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() <= 3_000));
    assert!(!desk.journal.file(FULL_MAX + 1).exists());
    let verified = desk.verified();
    let (first, last) = verified.records.unwrap();
    assert!(first > 1 && last == count, "{verified:?}");
    let numbers: Vec<u64> = desk.told().into_iter().map(|(number, _, _)| number).collect();
    let begins_inside = numbers.last().copied().unwrap();
    assert!(begins_inside - first <= 1, "{begins_inside} {first}");
    assert_eq!(numbers, (begins_inside..=count).rev().collect::<Vec<_>>());
    // A file that is missing in between shows.
    fs::remove_file(&files[2]).unwrap();
    assert_eq!(desk.journal.verify().unwrap().unwrap_err().path, files[1]);
    // One record is written, however large it is, and however little is allowed.
    desk.act(&"x".repeat(10_000));
    assert_eq!(desk.told()[0].0, count + 1);
}

#[test]
fn a_rotation_that_was_interrupted_loses_nothing() {
    let desk = Desk::new();
    desk.act("one");
    fs::rename(desk.journal.path(), desk.journal.file(1)).unwrap();
    desk.act("two");
    assert_eq!(desk.verified(), Verified { lines: 4, records: Some((1, 2)), torn: 0 });
    assert_eq!(desk.told().len(), 2);
}

#[test]
fn readers_never_see_half_of_it() {
    let desk = Desk::with_size(20_000);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = || {
            let mut looks = 0;
            while !over.load(Ordering::Relaxed) || looks == 0 {
                let mut records = desk.journal.records().unwrap();
                let numbers: Vec<u64> = records.by_ref().map(|one| one.unwrap().number).collect();
                assert_eq!(records.damaged(), 0);
                let gapless = numbers.windows(2).all(|pair| pair[0] == pair[1] + 1);
                assert!(gapless, "{numbers:?}");
                assert_eq!(desk.journal.verify().unwrap().map(|_| ()), Ok(()));
                looks += 1;
            }
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        for number in 0..200 {
            desk.act(&number.to_string());
        }
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

#[test]
fn what_can_not_be_written_is_told() {
    let desk = Desk::new();
    let nowhere = Journal { root: PathBuf::from("/nonexistent"), ..desk.journal.clone() };
    let error = nowhere.begin(&desk.lock, begun("one")).unwrap_err();
    assert!(error.to_string().contains("journal.jsonl"), "{error}");
    // A device that is always full.
    std::os::unix::fs::symlink("/dev/full", desk.journal.path()).unwrap();
    let error = desk.journal.begin(&desk.lock, begun("one")).unwrap_err();
    assert!(error.hint().unwrap().contains("room"), "{error}");
}

#[test]
fn the_user_of_this_process_has_a_name() {
    let who = who::who(CauseWord::Up);
    assert!(!who.user.is_empty() && !who.host.is_empty(), "{who:?}");
    assert_eq!(who.uid, rustix::process::getuid().as_raw());
}
