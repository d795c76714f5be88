use proptest::prelude::*;

use super::*;

/// A session as the versions show it: what was sent (`None`: a barrier), and what came.
struct Session {
    prompt: &'static str,
    endings: Vec<Ending>,
    bytes: Vec<u8>,
    replies: Vec<String>,
}

fn sentinel() -> Sentinel {
    Sentinel::candidate(Version::V3_2, 0xabc)
}

/// Builds the bytes that HAProxy sends: `pluses` per payload, as the version does it.
fn session(prompt: &'static str, pluses: usize, replies: &[(Ending, &str)]) -> Session {
    let reply = &sentinel().replies[0];
    let mut session =
        Session { prompt, endings: Vec::new(), bytes: Vec::new(), replies: Vec::new() };
    for (ending, text) in replies {
        session.endings.push(*ending);
        let bytes = &mut session.bytes;
        if *ending == Ending::PayloadPrompt {
            bytes.extend_from_slice("+ ".repeat(pluses).as_bytes());
        }
        let shown = if *ending == Ending::Barrier { reply.as_str() } else { text };
        bytes.extend_from_slice(shown.as_bytes());
        bytes.extend_from_slice(format!("\n{prompt}").as_bytes());
        if *ending == Ending::Sentinel {
            bytes.extend_from_slice(format!("{reply}\n{prompt}").as_bytes());
        }
        if *ending != Ending::Barrier {
            session.replies.push((*text).to_owned());
        }
    }
    session
}

fn sessions() -> Vec<Session> {
    let dump = "# name\n> x\n\n> \n> gw-0000000000000abd\n\n> + + \nmaster> \n";
    let replies = [
        (Ending::Prompt, ""),
        (Ending::Sentinel, dump),
        (Ending::Prompt, "No such server."),
        (Ending::PayloadPrompt, ""),
        (Ending::PayloadPrompt, "Unknown map identifier.\n"),
        (Ending::Sentinel, ""),
        (Ending::Sentinel, "gw-0000000000000abc\n"),
        (Ending::Prompt, "New server registered.\n"),
        (Ending::Barrier, ""),
    ];
    PROMPTS
        .iter()
        .flat_map(|prompt| [0, 3].map(|pluses| session(prompt, pluses, &replies)))
        .collect()
}

/// The sessions that `tests/record-replies.sh` had with a real process, directly and through its
/// master.
fn recorded(version: &str, name: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    std::fs::read(root.join(version).join(name)).unwrap()
}

fn cut_recorded(version: &str, master: bool, cuts: &[usize]) -> Vec<String> {
    let prompt = PROMPTS[usize::from(master)];
    let name = if master { "session-master.txt" } else { "session.txt" };
    let bytes = recorded(version, name);
    // The prompt that answers `prompt` itself.
    let text = bytes.strip_prefix(b"\n").unwrap_or(&bytes);
    let bytes = text.strip_prefix(prompt.as_bytes()).unwrap().to_vec();
    let endings = vec![
        Ending::Prompt,
        Ending::Sentinel,
        Ending::Prompt,
        Ending::PayloadPrompt,
        Ending::Sentinel,
        Ending::Prompt,
        Ending::PayloadPrompt,
        Ending::Sentinel,
        Ending::Barrier,
    ];
    let session = Session { prompt, endings, bytes, replies: Vec::new() };
    let sentinel = Sentinel::candidate(Version::parse(version).unwrap(), 0xabc);
    split_with(&session, sentinel, cuts).unwrap()
}

#[test]
fn real_sessions_are_cut_right() {
    for version in ["2.6", "2.8", "3.0", "3.2", "3.4"] {
        for master in [false, true] {
            let replies = cut_recorded(version, master, &[]);
            assert_eq!(replies.len(), 8, "{version}");
            assert!(replies[1].contains(" a.example alpha\n") && replies[1].contains(" > odd\n"));
            assert_eq!([&*replies[0], &*replies[3], &*replies[5]], ["", "", ""]);
            assert_eq!(replies[2].trim_end(), "No such server.");
            assert!(replies[4].contains(" k v w\n") && replies[4].contains(" k2 > \n"));
            assert!(replies[6].starts_with("Unknown map identifier."));
            assert!(replies[7].starts_with("Name: ") && replies[7].contains("node: lab-1\n"));
        }
    }
}

/// Feeds the bytes in chunks that end at `cuts`.
fn split(session: &Session, cuts: &[usize]) -> Result<Vec<String>, FramingError> {
    split_with(session, sentinel(), cuts)
}

fn split_with(
    session: &Session,
    sentinel: Sentinel,
    cuts: &[usize],
) -> Result<Vec<String>, FramingError> {
    let mut splitter = Splitter::new(Dialect::new(session.prompt, sentinel));
    session.endings.iter().for_each(|ending| splitter.expect(*ending));
    let (mut replies, mut text) = (Vec::new(), Vec::new());
    let mut start = 0;
    for cut in cuts.iter().copied().chain([session.bytes.len()]) {
        let cut = cut.clamp(start, session.bytes.len());
        splitter.feed(&session.bytes[start..cut], &mut |piece| match piece {
            Piece::Part(part) => text.extend_from_slice(part),
            Piece::End => replies.push(String::from_utf8(std::mem::take(&mut text)).unwrap()),
        })?;
        start = cut;
    }
    assert!(!splitter.is_waiting());
    Ok(replies)
}

#[test]
fn each_byte_alone_gives_the_same_replies() {
    for session in sessions() {
        let cuts: Vec<_> = (0..session.bytes.len()).collect();
        assert_eq!(split(&session, &cuts).unwrap(), session.replies);
        assert_eq!(split(&session, &[]).unwrap(), session.replies);
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_an_error() {
    let mut session = session("> ", 0, &[(Ending::Prompt, ""), (Ending::Barrier, "")]);
    session.bytes.extend_from_slice(b"\n> ");
    assert!(matches!(split(&session, &[]), Err(FramingError::Unasked(_))));
    session.bytes = b"\n> one too many\n\n> ".to_vec();
    assert!(matches!(split(&session, &[]), Err(FramingError::OutOfStep(_))));
    session.bytes = vec![b'x'; PLAIN_MAX + 1];
    assert_eq!(split(&session, &[]), Err(FramingError::Endless));
}

proptest! {
    #[test]
    fn any_chopping_gives_the_same_replies(
        which in 0usize..6,
        mut cuts in prop::collection::vec(0usize..400, 0..40),
    ) {
        cuts.sort_unstable();
        let session = &sessions()[which];
        prop_assert_eq!(&split(session, &cuts).unwrap(), &session.replies);
    }

    #[test]
    fn any_chopping_of_a_real_session_gives_the_same_replies(
        version in prop::sample::select(vec!["2.6", "2.8", "3.0", "3.2", "3.4"]),
        master: bool,
        mut cuts in prop::collection::vec(0usize..4000, 0..40),
    ) {
        cuts.sort_unstable();
        prop_assert_eq!(cut_recorded(version, master, &cuts), cut_recorded(version, master, &[]));
    }

    /// A dump may quote anything but the random number.
    #[test]
    fn any_dump_is_cut_right(dump in "[\n> +gw0abcmster-]{0,60}", cut in 0usize..100) {
        let session = session("> ", 0, &[(Ending::Sentinel, &dump), (Ending::Prompt, "ok")]);
        prop_assert_eq!(split(&session, &[cut]).unwrap(), [dump, "ok".to_owned()]);
    }
}
