//! A peer that misbehaves: between gw and a real HAProxy somebody cuts, stalls or garbles the
//! answers at some byte. And peers that are no HAProxy at all.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Site, assert_says};
use crate::support::clock;
use crate::support::scripted::{Act, Script, Scripted};
use crate::support::versions::{newest, oldest};

/// No apply may take longer, whatever its peer does: twice the time that HAProxy may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// What happens at the chosen byte of all that HAProxy answers.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Nothing; the bytes are only counted.
    None,
    /// The connection is closed.
    Close,
    /// Nothing more comes, and the connection stays open.
    Stall,
    /// Something comes that HAProxy would not say, and then the rest.
    Garble,
}

/// Forwards connections to HAProxy and does harm once. Ends when dropped.
struct Meddler {
    socket: PathBuf,
    /// How many bytes HAProxy answered so far.
    passed: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Meddler {
    fn start(socket: &Path, haproxy: &Path, harm: Harm, at: usize) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let (passed, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop, haproxy) = (Arc::clone(&passed), Arc::clone(&over), haproxy.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = UnixStream::connect(&haproxy) else { continue };
                let (mut asked, mut asks) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut asked, &mut asks);
                    let _ = asks.shutdown(std::net::Shutdown::Write);
                });
                let (count, stop) = (Arc::clone(&count), Arc::clone(&stop));
                thread::spawn(move || answer(server, client, harm, at, &count, &stop));
            }
        });
        Self { socket: socket.to_owned(), passed, over }
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(&self.socket);
    }
}

/// Copies what HAProxy answers, up to the harm.
fn answer(
    mut server: UnixStream,
    mut client: UnixStream,
    harm: Harm,
    at: usize,
    passed: &AtomicUsize,
    over: &AtomicBool,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        let begin = passed.fetch_add(length, Ordering::Relaxed);
        let hit = (begin..begin + length).contains(&at) && !matches!(harm, Harm::None);
        let good = if hit { at - begin } else { length };
        let _ = client.write_all(&buffer[..good]);
        match harm {
            Harm::Close if hit => break,
            Harm::Stall if hit => {
                clock::eventually(Duration::from_secs(120), || over.load(Ordering::Relaxed));
                break;
            }
            Harm::Garble if hit => {
                let _ = client.write_all(b"\x00\xff Gremlins.\n\n> ");
                let _ = client.write_all(&buffer[good..length]);
            }
            Harm::None | Harm::Close | Harm::Stall | Harm::Garble => {}
        }
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

/// Does harm at `count` places spread over all answers of an apply. Returns how often it told.
fn meddle(site: &Site, harm: Harm, count: usize) -> usize {
    let socket = site.rig.path().join("meddler.sock");
    let gw = site.rig.gw.clone().env("GW_SOCKET", &socket).without("GW_MASTER");
    let apply = ["apply", "manifests", "--yes"];
    let changes = [site.moved(), site.first()];
    // How much is said, when all goes well.
    let meddler = Meddler::start(&socket, &site.rig.socket, Harm::None, 0);
    site.rig.write(&changes[0]);
    let _ = gw.run(&apply).ok();
    let total = meddler.passed.load(Ordering::Relaxed);
    drop(meddler);
    let mut told = 0;
    for turn in 0..count {
        let _ = site.rig.must_apply(&changes[0]);
        let at = total * (2 * turn + 1) / (2 * count);
        let meddler = Meddler::start(&socket, &site.rig.socket, harm, at);
        site.rig.write(&changes[1]);
        let start = Instant::now();
        let outcome = gw.run(&apply);
        let took = start.elapsed();
        drop(meddler);
        let what = format!("{harm:?} at byte {at} of {total}: {}", outcome.transcript());
        assert!(took < DEADLINE, "{took:?}: {what}");
        assert!(!outcome.stderr.contains("panicked"), "{what}");
        assert!(matches!(outcome.code, Some(0 | 1 | 3 | 14 | 15 | 17)), "{what}");
        if outcome.code == Some(0) {
            // It says that all is done, so all is done.
            site.assert_served_by("one");
        } else {
            told += 1;
            let said = outcome.stdout.contains("fail") || outcome.stderr.contains("error");
            assert!(said, "it does not say what went wrong: {what}");
        }
        site.assert_serves();
        let again = site.rig.apply();
        assert_eq!(again.code, Some(0), "{what}\nand then {}", again.transcript());
        if let Some(contradiction) = site.rig.contradiction() {
            panic!("{what}\nand then {contradiction}");
        }
        site.assert_served_by("one");
    }
    told
}

#[test]
fn answers_that_break_off_are_told_and_the_next_apply_goes_on() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let told = meddle(&site, Harm::Close, 30);
        assert!(told > 20, "HAProxy {version}: only {told} of 30 closed connections were told");
        // A byte too much in one of the hundred columns that nobody reads may pass; that an apply
        // says all is done and it is not may not.
        let told = meddle(&site, Harm::Garble, 30);
        assert!(told > 5, "HAProxy {version}: only {told} of 30 garbled answers were told");
    }
}

#[test]
fn answers_that_do_not_come_are_given_up() {
    let site = Site::serving(newest());
    let told = meddle(&site, Harm::Stall, 3);
    assert!(told >= 2, "only {told} of 3 stalled connections were told");
}

#[test]
fn who_is_no_haproxy_is_told_so() {
    let site = Site::serving(newest());
    site.rig.write(&site.moved());
    let old = "Name: HAProxy\nVersion: 2.4.22\nPid: 1\nUptime_sec: 5\nStart_time_sec: 1\n";
    let unknown = Act::reply("Unknown command. Please enter one of the following commands only:\n");
    let scripts = [
        (
            "too old",
            Script::default()
                .on("show info", [Act::reply(old)])
                .on("show version", [Act::reply("2.4.22\n")]),
            "2.4",
        ),
        ("closes at once", Script::refuse(), "error"),
        ("knows no command", Script::default().otherwise(unknown), "error"),
        (
            "speaks SSH",
            Script::default().otherwise(Act::truncate("SSH-2.0-OpenSSH_9.6\r\n")),
            "error",
        ),
        ("says yes to everything", Script::default().otherwise(Act::reply("")), "error"),
    ];
    for (what, script, word) in scripts {
        let socket = site.rig.path().join("scripted.sock");
        let _ = std::fs::remove_file(&socket);
        let peer = Scripted::start(&socket, script);
        let gw = site.rig.gw.clone().env("GW_SOCKET", &socket).without("GW_MASTER");
        let generation = site.rig.generation();
        for command in [&["plan", "manifests"][..], &["apply", "manifests", "--yes"], &["status"]] {
            let start = Instant::now();
            let outcome = gw.run(command);
            assert!(start.elapsed() < DEADLINE, "{what}: {}", outcome.transcript());
            assert_says(&outcome, 17, &[word], &format!("a peer that {what}"));
        }
        assert_eq!(site.rig.generation(), generation, "{what}: a generation was written");
        let changes: Vec<String> = (peer.received().into_iter())
            .filter(|command| {
                ["add ", "set ", "del ", "enable "].iter().any(|verb| command.starts_with(verb))
            })
            .collect();
        assert!(changes.is_empty(), "{what}: it was sent {changes:?}");
    }
    site.assert_served_by("one");
}
