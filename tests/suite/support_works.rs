//! The support itself: a test that stands on sand proves nothing.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use hyper::{Method, Version};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::clock;
use crate::support::connection::{Ask, Failure};
use crate::support::golden;
use crate::support::haproxy::{Haproxy, Mode, base_config};
use crate::support::load::Load;
use crate::support::origin::{HEALTH, Origin};
use crate::support::ports::{free_address, free_port};
use crate::support::run::{Gw, redact};
use crate::support::scripted::{Act, Script, Scripted};
use crate::support::tls::{Authority, H2_FIRST, HTTP1_ONLY};
use crate::support::versions::{self, newest, oldest, versions};

const DEFAULTS: &str = "defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
";

/// HAProxy in front of one origin, listening at the returned address.
fn proxy(version: &versions::Version, dir: &Path, origin: &Origin) -> (Haproxy, SocketAddr) {
    let address = free_address();
    let sections = format!(
        "{}{DEFAULTS}listen all\n    bind {address}\n    server s {}\n",
        base_config(dir),
        origin.address,
    );
    (Haproxy::start(version, dir, &sections, &[], Mode::MasterWorker), address)
}

#[test]
fn every_version_proxies_every_protocol() {
    for version in versions() {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new(dir.path());
        let front = authority.issue("front", &["front.test"]);
        let back = authority.issue("back", &["back.test"]);
        let plain = Origin::http1("plain");
        let clear = Origin::h2c("clear");
        let secure = Origin::tls("secure", back.server(H2_FIRST));
        let (http, https) = (free_address(), free_address());
        let ca = authority.file.display();
        let sections = dir.path().join("sections.cfg");
        let text = format!(
            "{DEFAULTS}
frontend all
    bind {http}
    bind {https} ssl crt {crt} alpn h2,http/1.1
    use_backend %[path,field(2,/)]
backend http1
    server s {plain}
backend h2c
    server s {clear} proto h2
backend h2
    server s {secure} ssl verify required ca-file {ca} sni str(back.test) alpn h2
",
            crt = front.bundle.display(),
            plain = plain.address,
            clear = clear.address,
            secure = secure.address,
        );
        std::fs::write(&sections, text).unwrap();
        let base = base_config(dir.path());
        let haproxy = Haproxy::start(version, dir.path(), &base, &[&sections], Mode::MasterWorker);
        assert_ne!(haproxy.worker(), Some(haproxy.pid()), "the master has a worker");
        assert!(haproxy.master_command("show proc").contains("# workers"));

        let clients = [
            (Client::http1(http), Version::HTTP_11),
            (Client::h2c(http), Version::HTTP_2),
            (Client::tls(https, authority.client(H2_FIRST)), Version::HTTP_2),
            (Client::tls(https, authority.client(HTTP1_ONLY)), Version::HTTP_11),
        ];
        for (client, spoken) in clients {
            for (path, origin, protocol) in [
                ("/http1/x", "plain", "HTTP/1.1"),
                ("/h2c/x", "clear", "HTTP/2.0"),
                ("/h2/x", "secure", "HTTP/2.0"),
            ] {
                let answer = client.get("front.test", path).unwrap();
                assert_eq!(answer.version, spoken, "{version} {path}");
                assert_eq!(answer.origin(), Some(origin), "{version} {path}: {answer:?}");
                assert_eq!(answer.origin_protocol(), Some(protocol), "{version} {path}");
                let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                assert_eq!((&body["host"], &body["path"]), (&"front.test".into(), &path.into()));
            }
        }
        let table = Client::http1(http)
            .table(&[Ask::get("a.test", "/http1"), Ask::new(Method::POST, "a.test", "/none")], 2);
        let shown = table.to_string();
        assert_eq!(
            shown,
            "GET http://a.test/http1  →  200 plain ×2\n\
             POST http://a.test/none  →  503 ×2\n"
        );
    }
}

#[test]
fn a_reload_under_load_fails_no_request() {
    for version in [oldest(), newest()] {
        let dir = TempDir::new().unwrap();
        let origin = Origin::http1("o");
        let (haproxy, address) = proxy(version, dir.path(), &origin);
        let load = Load::default().start(address, vec![Ask::get("a.test", "/")]);
        clock::pause(Duration::from_secs(1));
        let worker = haproxy.worker();
        haproxy.reload();
        assert_ne!(haproxy.worker(), worker);
        clock::pause(Duration::from_secs(1));
        let report = load.stop();
        println!("HAProxy {version}: {report}");
        report.assert_no_failure();
        assert_eq!(report.answers.get("o"), Some(&report.total));
        assert!(origin.requests() >= report.total);
    }
}

#[test]
fn load_sees_failures() {
    let dir = TempDir::new().unwrap();
    let origin = Origin::http1("o");
    let (_haproxy, address) = proxy(newest(), dir.path(), &origin);
    let load = Load::default().start(address, vec![Ask::get("a.test", "/")]);
    load.wait_for(100);
    assert_eq!(load.so_far().1, 0);
    origin.refuse();
    // HAProxy itself tries for some seconds before each 503.
    load.wait_for(8);
    origin.accept();
    let report = load.stop();
    assert!(report.failed > 0, "{report}");
    assert!(report.failures[0].contains("503"), "{:?}", report.failures);
}

#[test]
fn an_origin_can_be_ill_and_can_die() {
    let origin = Origin::http1("o");
    let client = Client::http1(origin.address);
    assert_eq!(client.get("a.test", HEALTH).unwrap().status, 200);
    origin.set_healthy(false);
    assert_eq!(client.get("a.test", HEALTH).unwrap().status, 503);
    assert_eq!(client.get("a.test", "/").unwrap().status, 200);
    origin.refuse();
    // A process that another test is about to start has its socket for a moment, too.
    let is_gone = || matches!(client.get("a.test", "/"), Err(Failure::Connect(_)));
    assert!(clock::eventually(Duration::from_secs(5), is_gone));
    origin.accept();
    assert_eq!(client.get("a.test", "/").unwrap().status, 200);
    assert_eq!((origin.requests(), origin.health_checks()), (2, 2));
}

#[test]
fn haproxy_that_does_not_start_says_why() {
    let dir = TempDir::new().unwrap();
    let base = base_config(dir.path()) + "nonsense\n";
    let log = Haproxy::try_start(oldest(), dir.path(), &base, &[], Mode::Plain).unwrap_err();
    assert!(log.contains("nonsense"), "{log}");
}

#[test]
fn ports_are_handed_out_once() {
    let mut ports: Vec<_> = (0..100).map(|_| free_port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 100);
}

#[test]
fn gw_runs_and_its_words_can_be_kept() {
    let dir = TempDir::new().unwrap();
    let outcome = Gw::new(dir.path()).run(&["--help"]).ok();
    assert!(outcome.transcript().starts_with("$ gw --help\n"));
    let path = dir.path().join("manifests/a.yaml").display().to_string();
    assert_eq!(redact(&path, dir.path()), "$ROOT/manifests/a.yaml");
    let golden = dir.path().join("golden.txt");
    std::fs::write(&golden, "a\nb\n").unwrap();
    golden::check(&golden, "a\nb\n");
    assert_eq!(golden::diff("a\nb\n", "a\nc\n", "x", "y").lines().last(), Some("+c"));
}

#[test]
fn a_scripted_peer_follows_its_script() {
    let dir = TempDir::new().unwrap();
    let script = Script::default()
        .on("show info", [Act::reply("Pid: 1\n"), Act::reply("Pid: 2\n")])
        .on("add map", [Act::reply("")])
        .on("del", [Act::truncate("hal")]);
    let peer = Scripted::start(&dir.path().join("s"), script);
    let ask = |text: &str| {
        let mut stream = UnixStream::connect(&peer.socket).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    };
    assert_eq!(ask("show info\n"), "Pid: 1\n\n");
    assert_eq!(
        ask("prompt\nadd map f <<\na 1\nb 2\n\nshow info;show info\ndel x\n"),
        "\n> \n> Pid: 2\n\nPid: 2\n\n> hal"
    );
    let all = ["show info", "add map f <<\na 1\nb 2", "show info", "show info", "del x"];
    assert_eq!((peer.received(), peer.connections()), (all.map(String::from).to_vec(), 2));
}
