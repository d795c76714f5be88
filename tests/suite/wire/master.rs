//! Reloads, checks and probes of real processes.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use gw::haproxy::{
    Binary, BinaryError, Capabilities, Command, Connection, Endpoint, Master, ReloadOutcome,
    SocketError, Verdict, reply,
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::spawn::{DEADLINE, Haproxy, binaries};
use crate::support::scripted::{Act, Script, Scripted};

const GOOD: &str = "backend api\n  server a 127.0.0.1:20001\n";

fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test]
async fn a_reload_says_how_it_went() {
    for binary in binaries() {
        let haproxy = Haproxy::start(&binary, &[], GOOD).await;
        let master = Master::new(haproxy.master(), DEADLINE);
        let before = master.show_proc().await.unwrap();
        let outcome = master.reload().await.unwrap();
        assert!(matches!(outcome, ReloadOutcome::Reloaded { .. }), "{binary:?}: {outcome:?}");
        let after = master.show_proc().await.unwrap();
        let worker = after.serving().unwrap().pid;
        assert_ne!(before.serving().unwrap().pid, worker);

        haproxy.configure("backend broken\n  server x\n");
        let ReloadOutcome::Failed { log } = master.reload().await.unwrap() else { panic!() };
        let silent = log.is_empty();
        assert!(silent || log.contains("[ALERT] config : ["), "{log}");
        assert!(!silent || binary.to_str().unwrap().contains("/2.6/"));
        let failed = master.show_proc().await.unwrap();
        assert_eq!((failed.failed, failed.serving().unwrap().pid), (1, worker));
        // The prompt of the master says so too.
        let mut through = Connection::open(&haproxy.master(), DEADLINE).await.unwrap();
        let info = through.run_one(&Command::show_info()).await.unwrap().text;
        assert_eq!(reply::info::parse(&info).unwrap().pid, worker);

        haproxy.configure(GOOD);
        let outcome = master.reload().await.unwrap();
        assert!(matches!(outcome, ReloadOutcome::Reloaded { .. }), "{binary:?}: {outcome:?}");
        assert_eq!(master.show_proc().await.unwrap().failed, 0);
        // Two at a time, of which 3.2 and later take one after the other.
        let (one, other) = tokio::join!(master.reload(), master.reload());
        for outcome in [one.unwrap(), other.unwrap()] {
            assert!(matches!(outcome, ReloadOutcome::Reloaded { .. }), "{binary:?}: {outcome:?}");
        }
        let gone = through.run_one(&Command::show_info()).await;
        assert!(matches!(gone, Err(SocketError::Closed { .. })), "{gone:?}");
    }
}

#[tokio::test]
async fn where_the_runtime_socket_died_the_master_leads_to_the_worker() {
    for binary in binaries() {
        let haproxy = Haproxy::start(&binary, &[], GOOD).await;
        let master = Master::new(haproxy.master(), DEADLINE);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        haproxy.configure(&format!("{GOOD}frontend f\n  bind 127.0.0.1:{port}\n"));
        let outcome = master.reload().await.unwrap();
        assert!(matches!(outcome, ReloadOutcome::Failed { .. }), "{binary:?}: {outcome:?}");
        // What a reload that failed to bind can do to it on 3.2+ (not in this order of events).
        fs::remove_file(haproxy.path("admin.sock")).unwrap();
        let direct = Connection::open(&haproxy.socket(), DEADLINE).await;
        assert!(matches!(direct, Err(SocketError::Missing(_))), "{direct:?}");
        let mut through = Connection::open(&haproxy.master(), DEADLINE).await.unwrap();
        let state = through.run_one(&Command::show_servers_state()).await.unwrap();
        assert_eq!(reply::servers::parse(&state.text).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_master_that_is_started_anew_instead_of_reloading_loads_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let processes = |master: u32, reloads: u32, workers: &str| {
        Act::truncate(&format!(
            "#<PID> <type> <reloads> <uptime> <version>\n\
             {master} master {reloads} [failed: 0] 0d00h00m03s 2.6.12\n# workers\n{workers}"
        ))
    };
    let worker = "21 worker 0 0d00h00m03s 2.6.12\n";
    let script = Script::default()
        .on("show proc", [processes(10, 3, worker), processes(20, 0, ""), processes(20, 0, worker)])
        .on("reload", [Act::truncate("")]);
    let peer = Scripted::start(&dir.path().join("master.sock"), script);
    let master = Master::new(Endpoint::Unix(peer.socket.clone()), DEADLINE);
    let outcome = master.reload().await.unwrap();
    assert!(matches!(outcome, ReloadOutcome::Reloaded { .. }), "{outcome:?}");
    assert_eq!(peer.received().len(), 4, "its worker was not waited for");
}

#[tokio::test]
async fn a_reload_that_was_not_read_is_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = tokio::spawn(async move {
        let processes = "#<PID> <type>\n10 master 3 [failed: 0] 0d00h00m03s 2.8.1\n# workers\n";
        let mut asked = Vec::new();
        let busy = "Success=0\n--\nAnother reload is still in progress.\n\n";
        let replies = [processes, busy, processes, "", processes, "Success=1\n--\n"];
        for reply in replies {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            if reply.is_empty() {
                continue;
            }
            let mut line = [0; 100];
            let length = stream.read(&mut line).await.unwrap();
            asked.push(String::from_utf8_lossy(&line[..length]).into_owned());
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        asked
    });
    let outcome = Master::new(Endpoint::Unix(path), DEADLINE).reload().await.unwrap();
    assert!(matches!(outcome, ReloadOutcome::Reloaded { .. }), "{outcome:?}");
    let both = ["show proc\n", "reload\n"];
    assert_eq!(peer.await.unwrap(), [&both[..], &both[..1], &both].concat());
}

#[tokio::test]
async fn a_master_that_is_cut_short_at_a_reload_is_asked_how_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let processes = |reloads: u32, worker: u32| {
        let head = format!(
            "#<PID> <type>\n10 master {reloads} [failed: 0] 0d00h00m03s 2.6.12\n# workers\n"
        );
        Act::truncate(&format!("{head}{worker} worker 0 0d00h00m03s 2.6.12\n"))
    };
    let script = Script::default()
        .on(
            "show proc",
            [processes(3, 21), Act::truncate("#<PID> <type>\n10 mas"), processes(4, 22)],
        )
        .on("reload", [Act::truncate("")]);
    let peer = Scripted::start(&dir.path().join("master.sock"), script);
    let master = Master::new(Endpoint::Unix(peer.socket.clone()), DEADLINE);
    let outcome = master.reload().await.unwrap();
    assert!(matches!(outcome, ReloadOutcome::Reloaded { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_master_is_told_apart() {
    for binary in binaries().into_iter().take(1) {
        let haproxy = Haproxy::start(&binary, &[], GOOD).await;
        let error = Master::new(haproxy.socket(), DEADLINE).reload().await.unwrap_err();
        assert!(matches!(error, SocketError::Protocol(_)), "{error:?}");
    }
}

#[tokio::test]
async fn abilities_are_probed_without_a_trace() {
    for binary in binaries() {
        let haproxy = Haproxy::start(&binary, &[], GOOD).await;
        let mut connection = Connection::open(&haproxy.socket(), DEADLINE).await.unwrap();
        let show = Command::show_servers_state();
        let (before, log) = (connection.run_one(&show).await.unwrap(), haproxy.log());
        let probed = Capabilities::probe(&mut connection).await.unwrap();
        assert_eq!(probed, Capabilities::of(connection.version()));
        let after = connection.run_one(&show).await.unwrap();
        let rows = [&before, &after].map(|reply| reply::servers::parse(&reply.text).unwrap());
        assert_eq!(rows[0], rows[1]);
        assert_eq!(haproxy.log(), log);
    }
}

#[tokio::test]
async fn a_binary_tells_its_version_and_checks() {
    for path in binaries() {
        let haproxy = Haproxy::start(&path, &[], GOOD).await;
        let binary = Binary::new(&path, DEADLINE);
        let version = binary.version().await.unwrap();
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert_eq!(version.to_string(), folder);
        let config = haproxy.path("haproxy.cfg");
        assert!(binary.check(&[&config]).await.unwrap().ok);
        haproxy.configure("backend broken\n  server x\n");
        let report = binary.check(&[&config]).await.unwrap();
        assert!(!report.ok && report.alerts().starts_with("[ALERT] config : ["));
        let places = report.places();
        assert_eq!((places[0].file.as_str(), places[0].line), (config.to_str().unwrap(), 10));
    }
    let missing = Binary::new("/nonexistent/haproxy", DEADLINE).version().await;
    assert!(matches!(missing, Err(BinaryError::Missing(_))));
    let other = Binary::new("/bin/echo", DEADLINE).version().await;
    assert!(matches!(other, Err(BinaryError::NotHaproxy { .. })));
    let dir = tempfile::TempDir::new().unwrap();
    let script = dir.path().join("slow");
    fs::write(&script, "#!/bin/sh\nsleep 60\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let slow = Binary::new(script, Duration::from_millis(100)).version().await;
    assert!(matches!(slow, Err(BinaryError::Timeout { .. })));
}

/// What asks for a passphrase on the terminal is in the background there, and is killed in time.
#[tokio::test]
async fn a_check_that_waits_for_a_passphrase_is_killed() {
    let dir = tempfile::TempDir::new().unwrap();
    let (script, told) = (dir.path().join("haproxy"), dir.path().join("told"));
    let text = format!(
        "#!/bin/sh\necho $$ $(cut -d\" \" -f5 /proc/$$/stat) >{}\nexec sleep 60\n",
        told.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let check = Binary::new(script, Duration::from_secs(2)).check(&["a.cfg"]).await;
    assert!(check.unwrap_err().to_string().ends_with("did not end within 2s and was killed"));
    let told = fs::read_to_string(told).unwrap();
    let (pid, group) = told.trim().split_once(' ').unwrap();
    assert_eq!(pid, group);
    let process = Path::new("/proc").join(pid);
    for _ in 0..100 {
        // It may wait, dead, for being collected.
        let state = fs::read_to_string(process.join("stat")).unwrap_or_default();
        if state.is_empty() || state.contains(" Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("process {pid} still runs");
}

#[tokio::test]
async fn a_certificate_is_replaced() {
    for binary in binaries() {
        let (cert, key) = certificate("old.example");
        let pem = format!("{cert}{key}");
        let sections = "frontend f\n  bind unix@$DIR/f.sock ssl crt $DIR/site.pem\n";
        let files = [("site.pem", &*pem)];
        let haproxy = Haproxy::start(&binary, &files, &format!("{sections}{GOOD}")).await;
        let site = haproxy.path("site.pem");
        let site = site.to_str().unwrap();
        for endpoint in [haproxy.socket(), haproxy.master()] {
            let mut connection = Connection::open(&endpoint, DEADLINE).await.unwrap();
            let (cert, key) = certificate("new.example");
            let pem = format!("{cert}\n{key}\n\n");
            let (_, other) = certificate("other.example");
            let commands = [
                (Command::set_ssl_cert("missing.pem", &pem), false),
                (Command::set_ssl_cert(site, &format!("{cert}{other}")), true),
                (Command::commit_ssl_cert(site), false),
                (Command::set_ssl_cert(site, &pem), true),
                (Command::set_ssl_cert(site, &pem), true),
                (Command::commit_ssl_cert(site), true),
                (Command::commit_ssl_cert(site), false),
                (Command::show_ssl_cert(site), true),
                (Command::show_ssl_cert("missing.pem"), false),
            ];
            let (commands, good): (Vec<_>, Vec<_>) =
                commands.into_iter().map(|(command, good)| (command.unwrap(), good)).unzip();
            let replies = connection.run(&commands).await.unwrap();
            for ((command, reply), good) in commands.iter().zip(&replies).zip(good) {
                assert_eq!(reply.verdict.is_success(), good, "{binary:?} {command} gave {reply:?}");
            }
            let shown = reply::cert::parse(&replies[7].text).unwrap();
            assert_eq!(shown.alt_names.as_deref(), Some("DNS:new.example"));
        }
    }
}

#[tokio::test]
async fn a_backend_is_born_and_buried_where_the_version_can() {
    for binary in binaries() {
        let haproxy = Haproxy::start(&binary, &[], GOOD).await;
        let mut connection = Connection::open(&haproxy.socket(), DEADLINE).await.unwrap();
        let commands = [
            Command::add_backend("b", "base"),
            Command::add_server("b", "s", "127.0.0.1:20001", &["weight", "3"]),
            Command::enable_server("b", "s"),
            Command::publish_backend("b"),
            Command::show_stat_of("b"),
            Command::unpublish_backend("b"),
            Command::disable_server("b", "s"),
            Command::wait_srv_removable("b", "s", Duration::from_secs(1)),
            Command::del_server("b", "s"),
            Command::del_backend("b"),
        ]
        .map(Result::unwrap);
        let able = Capabilities::probe(&mut connection).await.unwrap().dynamic_backends;
        for (command, reply) in commands.iter().zip(connection.run(&commands).await.unwrap()) {
            assert_eq!(reply.verdict == Verdict::Done, able, "{command}: {reply:?}");
        }
        let gone = connection.run_one(&Command::del_backend("b").unwrap()).await.unwrap();
        assert_eq!(gone.verdict == Verdict::Unchanged, able);
    }
}
