//! Reloads, checks and probes of real processes.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, time::Duration};

use gw::haproxy::{
    Binary, BinaryError, Capabilities, Command, Connection, Master, ReloadOutcome, SocketError,
    Verdict, reply,
};

use super::spawn::{DEADLINE, Haproxy, binaries};

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

#[tokio::test]
async fn a_certificate_is_born_replaced_and_buried() {
    for binary in binaries() {
        let (cert, key) = certificate("old.example");
        let pem = format!("{cert}{key}");
        let sections = "frontend f\n  bind unix@$DIR/f.sock ssl crt-list $DIR/list strict-sni\n";
        let files = [("old.pem", &*pem), ("list", "")];
        let haproxy = Haproxy::start(&binary, &files, &format!("{sections}{GOOD}")).await;
        let list = haproxy.path("list");
        let list = list.to_str().unwrap();
        for endpoint in [haproxy.socket(), haproxy.master()] {
            let mut connection = Connection::open(&endpoint, DEADLINE).await.unwrap();
            let (cert, key) = certificate("new.example");
            let pem = format!("{cert}\n{key}\n\n");
            let (_, other) = certificate("other.example");
            let commands = [
                (Command::set_ssl_cert("new.pem", &pem), false),
                (Command::new_ssl_cert("new.pem"), true),
                (Command::set_ssl_cert("new.pem", &pem), true),
                (Command::set_ssl_cert("new.pem", &pem), true),
                (Command::commit_ssl_cert("new.pem"), true),
                (Command::add_ssl_crt_list_line(list, "new.pem [alpn h2] new.example"), true),
                (Command::set_ssl_cert("new.pem", &format!("{cert}{other}")), true),
                (Command::commit_ssl_cert("new.pem"), false),
                (Command::abort_ssl_cert("new.pem"), true),
                (Command::abort_ssl_cert("new.pem"), true),
                (Command::show_ssl_cert("new.pem"), true),
                (Command::show_ssl_crt_list(list), true),
                (Command::del_ssl_crt_list(list, "new.pem", None), true),
                (Command::del_ssl_cert("new.pem"), true),
                (Command::show_ssl_cert("new.pem"), false),
            ];
            let (commands, good): (Vec<_>, Vec<_>) =
                commands.into_iter().map(|(command, good)| (command.unwrap(), good)).unzip();
            let replies = connection.run(&commands).await.unwrap();
            for ((command, reply), good) in commands.iter().zip(&replies).zip(good) {
                assert_eq!(reply.verdict.is_success(), good, "{binary:?} {command} gave {reply:?}");
            }
            assert_eq!(replies[9].verdict, Verdict::Unchanged);
            let shown = reply::cert::parse(&replies[10].text).unwrap();
            assert_eq!(shown.alt_names.as_deref(), Some("DNS:new.example"));
            assert_eq!(reply::cert::parse_crt_list(&replies[11].text).unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_map_is_replaced_in_one_step() {
    for binary in binaries() {
        let sections = "frontend f\n  bind unix@$DIR/f.sock\n  use_backend %[path,map($DIR/m)]\n";
        let files = [("m", "/old api\n")];
        let haproxy = Haproxy::start(&binary, &files, &format!("{sections}{GOOD}")).await;
        let map = haproxy.path("m");
        let map = map.to_str().unwrap();
        let mut connection = Connection::open(&haproxy.socket(), DEADLINE).await.unwrap();
        let show = Command::show_map(map, None).unwrap();
        for n in 0..3 {
            let prepare = Command::prepare_map(map).unwrap();
            let reply = connection.run_one(&prepare).await.unwrap();
            assert_eq!(reply.verdict, Verdict::Done);
            let version = reply::map::prepared_version(&reply.text).unwrap();
            let key = format!("/new{n}");
            let mut commands =
                Command::add_map_entries(map, Some(version), [(&*key, "api")]).unwrap();
            commands.push(Command::show_map(map, Some(version)).unwrap());
            commands.push(Command::commit_map(map, version).unwrap());
            commands.push(Command::commit_map(map, version).unwrap());
            commands.push(show.clone());
            let replies = connection.run(&commands).await.unwrap();
            assert!(replies[2].verdict.is_success() && !replies[3].verdict.is_success());
            let entries = reply::map::parse_entries(&replies[4].text).unwrap();
            assert_eq!(entries, reply::map::parse_entries(&replies[1].text).unwrap());
            assert_eq!((entries.len(), entries[0].key.as_str()), (1, &*key));
            let by_ref = Command::del_map_ref(map, entries[0].reference).unwrap();
            let both = [by_ref.clone(), by_ref, show.clone()];
            let replies = connection.run(&both).await.unwrap();
            assert_eq!(replies[0].verdict, Verdict::Done);
            assert_eq!(replies[1].verdict, Verdict::Unchanged);
            assert_eq!(replies[2].text.trim(), "");
        }
        let missing = Command::set_map("nosuch", "k", "v").unwrap();
        assert!(!connection.run_one(&missing).await.unwrap().verdict.is_success());
    }
}

#[tokio::test]
async fn a_backend_is_born_and_buried_where_the_version_can() {
    for binary in binaries() {
        let haproxy = Haproxy::start(&binary, &[], GOOD).await;
        let mut connection = Connection::open(&haproxy.socket(), DEADLINE).await.unwrap();
        let second = Duration::from_secs(1);
        let commands = [
            Command::add_backend("b", "base"),
            Command::add_server("b", "s", "127.0.0.1:20001", &["weight", "3"]),
            Command::enable_server("b", "s"),
            Command::publish_backend("b"),
            Command::show_stat_of("b"),
            Command::unpublish_backend("b"),
            Command::disable_server("b", "s"),
            Command::wait_srv_removable("b", "s", second),
            Command::del_server("b", "s"),
            Command::wait_be_removable("b", second),
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
