//! What a gw that follows tells: HTTP, log lines, systemd, notifications.

mod notifications;
mod receiver;
mod standing;
mod trust;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::rig::{Rig, web};
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::versions::{Version, newest, oldest};

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(20);

/// A Gateway, and `web.test` led to one server.
fn manifests(port: u16, server: u16, timeout: &str) -> String {
    web(port, server, &format!("  timeouts: {{server: {timeout}}}\n"))
}

/// `gw watch` with a listener, beside an HAProxy.
struct Watch {
    rig: Rig,
    gw: Process,
    http: u16,
    port: u16,
}

impl Watch {
    fn start(version: &Version, more: &[&str], prepare: impl FnOnce(&mut Rig)) -> Self {
        Self::start_on(&["manifests"], version, more, prepare)
    }

    /// The same, which follows another source.
    fn start_on(
        source: &[&str],
        version: &Version,
        more: &[&str],
        prepare: impl FnOnce(&mut Rig),
    ) -> Self {
        let (http, port) = (free_port(), free_port());
        let mut rig = Rig::serving(version, &manifests(port, 9, "60s"));
        prepare(&mut rig);
        let address = format!("127.0.0.1:{http}");
        let arguments = [&["watch"], source, &["--http", &address], more].concat();
        let gw = rig.gw.start(&arguments);
        gw.wait_for_log("Watching", SOON);
        Self { rig, gw, http, port }
    }

    fn write(&self, server: u16, timeout: &str) {
        self.rig.write(&manifests(self.port, server, timeout));
    }

    /// Sends bytes and reads all that comes until the other end closes.
    fn raw(&self, request: &[u8]) -> String {
        raw(self.http, request)
    }

    fn get(&self, path: &str) -> (u16, String) {
        let answer = self.raw(format!("GET {path} HTTP/1.1\r\nHost: gw\r\n\r\n").as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer: {answer:?}\n{}", self.gw.log())), body.into())
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}\n{body}"))
    }

    /// A condition as it is told.
    fn told(&self, about: &str) -> Value {
        let status = self.json("/v1/status");
        let conditions = status["conditions"].as_array().expect("a list").iter();
        let mut found = conditions.filter(|condition| condition["type"] == about);
        found.next().expect("every condition is there").clone()
    }

    /// `status/reason` of a condition.
    fn condition(&self, about: &str) -> String {
        let condition = self.told(about);
        let word = |key: &str| condition[key].as_str().expect("a word").to_owned();
        format!("{}/{}", word("status"), word("reason"))
    }

    /// What a condition says to people.
    fn message(&self, about: &str) -> String {
        self.told(about)["message"].as_str().expect("a text").to_owned()
    }

    /// The value of a sample, by its name and labels as they are written.
    fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics");
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map(|value| value.parse().expect("a number"))
    }

    fn eventually(&self, what: &str, mut is: impl FnMut() -> bool) {
        let log = || format!("{}\n{:#}", self.gw.log(), self.json("/v1/status"));
        assert!(clock::eventually(SOON, &mut is), "never {what}\n{}", log());
    }
}

fn raw(port: u16, request: &[u8]) -> String {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(SOON)).unwrap();
    // Whoever has heard enough closes before all is sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads an exposition with the reference parser of OpenMetrics, and panics at what it complains of.
fn parse(exposition: &str) -> String {
    const SCRIPT: &str = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        for family in parse(sys.stdin.read()): print(family.type, family.name, len(family.samples))\n";
    let mut parser = Command::new("/usr/bin/python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tests/setup.sh installs python3");
    parser.stdin.take().expect("piped").write_all(exposition.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}\n{exposition}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_answer_follows_what_happens() {
    for version in [oldest(), newest()] {
        let mut watch = Watch::start(version, &[], |_| {});
        assert_eq!(watch.get("/healthz").0, 200);
        let (status, told) = watch.get("/readyz");
        assert_eq!((status, told.starts_with("Applied: ")), (200, true), "{told}");
        let status = watch.json("/v1/status");
        assert_eq!((&status["version"], &status["pass"]), (&1.into(), &1.into()));
        assert_eq!(status["conditions"].as_array().map(Vec::len), Some(8));
        let first = status["applied"]["revision"].clone();
        watch.eventually("sees HAProxy", || watch.metric("gw_haproxy_up") == Some(1.0));
        let stands = "gw_target_info{sync=\"synced\",health=\"healthy\"}";
        assert_eq!(watch.metric(stands), Some(1.0));
        let haproxy = &watch.json("/v1/status")["haproxy"];
        assert_eq!(haproxy["pid"].as_u64(), watch.rig.haproxy().worker().map(u64::from));

        // By a command, and by a reload.
        watch.write(10, "60s");
        watch.eventually("runtime", || watch.metric("gw_reloads_avoided_total") == Some(1.0));
        watch.write(10, "50s");
        let reloads = "gw_reload_total{reason=\"settings\",result=\"done\"}";
        watch.eventually("reloaded", || watch.metric(reloads) == Some(1.0));
        let changes = "gw_changes_total{action=\"change\",mechanism=\"runtime\"}";
        assert_eq!(watch.metric(changes), Some(1.0));
        let status = watch.json("/v1/status");
        assert_ne!(status["applied"]["revision"], first);
        assert_eq!(status["applied"]["revision"], status["attempted"]["revision"]);
        // From the journal, so it begins before this gw did.
        let history = watch.json("/v1/history");
        let reload = &history["records"][0];
        assert_eq!((&reload["reloads"], &reload["result"]), (&1.into(), &"done".into()));
        let written = watch.rig.gw.run(&["history", "--output", "json"]).ok().json();
        assert_eq!(history, written);
        let commands: Vec<_> = written["records"].as_array().unwrap().iter().collect();
        assert_eq!(commands.last().unwrap()["who"]["command"], "apply");
        let newest = watch.json("/v1/history?limit=1");
        assert_eq!(newest["records"], serde_json::json!([reload]));

        // A mistake: what runs is as before, but not what is wanted.
        let good = status["applied"]["revision"].clone();
        watch.rig.write("kind: Gatewy\n");
        watch.eventually("invalid", || watch.get("/readyz").0 == 503);
        assert!(watch.get("/readyz").1.contains("Gatewy"));
        assert_eq!(watch.condition("Stalled"), "True/InvalidObjects");
        assert_eq!(watch.json("/v1/status")["applied"]["revision"], good);
        assert_eq!(watch.metric("gw_reconcile_total{result=\"partial\"}"), Some(1.0));
        // What somebody else changes meanwhile.
        let _ = watch.rig.haproxy().command("set server web/s addr 127.0.0.1 port 11");
        watch.gw.signal(Signal::HUP);
        watch.eventually("corrected", || watch.condition("Drifted") == "False/Corrected");
        assert_eq!(watch.condition("Stalled"), "True/InvalidObjects");
        assert_eq!(watch.metric("gw_drift_found_total"), Some(1.0));
        watch.write(10, "50s");
        watch.eventually("valid again", || watch.get("/readyz").0 == 200);
        assert!(watch.condition("Stalled").starts_with("False/"));

        // And with all that is valid.
        let _ = watch.rig.haproxy().command("set server web/s addr 127.0.0.1 port 11");
        watch.gw.signal(Signal::HUP);
        watch.eventually("corrected", || watch.metric("gw_drift_found_total") == Some(2.0));
        assert_eq!(watch.condition("Drifted"), "False/Corrected");
        let _ = watch.rig.haproxy().command("set server web/s state drain");
        watch.gw.signal(Signal::HUP);
        watch.eventually("held", || watch.condition("Held") == "True/HeldByOperator");
        assert_eq!(watch.metric("gw_held_objects"), Some(1.0));

        // HAProxy goes and comes back.
        watch.rig.stop();
        watch.eventually("misses HAProxy", || watch.json("/v1/status")["haproxy"].is_null());
        let (status, told) = watch.get("/readyz");
        // By its silence, or by a pass that came meanwhile.
        assert!(status == 503 && told.starts_with("Haproxy"), "{told}");
        let down = "gw_target_info{sync=\"unknown\",health=\"down\"}";
        assert_eq!((watch.metric(down), watch.metric(stands)), (Some(1.0), None));
        assert_eq!(watch.get("/healthz").0, 200);
        watch.rig.start();
        watch.eventually("sees it again", || watch.get("/readyz").0 == 200);

        let families = parse(&watch.get("/metrics").1);
        for family in ["info gw_build 1", "histogram gw_reconcile_duration_seconds"] {
            assert!(families.contains(family), "{families}");
        }
        assert!(!families.contains("gw_source"), "there is no repository: {families}");

        watch.gw.signal(Signal::TERM);
        let status = watch.gw.wait(SOON);
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", watch.gw.log());
    }
}

#[test]
fn hostile_requests_are_bounded() {
    let watch = Watch::start(newest(), &[], |_| {});
    let begins = |request: &[u8], expected: &str| {
        let answer = watch.raw(request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert!(answer.starts_with(expected), "{shown:?}: {answer:?}");
    };
    begins(b"POST /metrics HTTP/1.1\r\nHost: gw\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405");
    begins(b"BREW /v1/status HTTP/1.1\r\nHost: gw\r\n\r\n", "HTTP/1.1 405");
    begins(b"GET /../../etc/passwd HTTP/1.1\r\nHost: gw\r\n\r\n", "HTTP/1.1 404");
    begins(b"GET /v1/%2e%2e/metrics HTTP/1.1\r\nHost: gw\r\n\r\n", "HTTP/1.1 404");
    begins(b"POST /webhook HTTP/1.1\r\nHost: gw\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 404");
    begins(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "HTTP/1.1 400");
    let long = format!("GET /metrics HTTP/1.1\r\nHost: gw\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(!watch.raw(long.as_bytes()).starts_with("HTTP/1.1 200"));
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    begins(format!("GET /metrics HTTP/1.1\r\n{many}\r\n").as_bytes(), "HTTP/1.1 431");
    let head = watch.raw(b"HEAD /metrics HTTP/1.1\r\nHost: gw\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");

    // More than there are places for, and none of them ever ends its request.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, watch.http));
    let slow: Vec<TcpStream> = (0..100)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(address).ok()?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\n").ok()?;
            Some(stream)
        })
        .collect();
    assert_eq!(slow.len(), 100);
    // The loop goes on meanwhile, and is visible after a while.
    watch.write(12, "60s");
    let state = || watch.rig.haproxy().command("show servers state web");
    assert!(clock::eventually(SOON, || state().contains(" 12 ")), "{}", watch.gw.log());
    let begun = Instant::now();
    assert_eq!(watch.get("/healthz").0, 200);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_port_in_use_is_told() {
    let watch = Watch::start(newest(), &[], |_| {});
    let address = format!("127.0.0.1:{}", watch.http);
    let state = watch.rig.path().join("other");
    let gw = watch.rig.gw.clone().env("GW_STATE", state).env("GW_HTTP", &address);
    let outcome = gw.run(&["watch", "manifests"]).expect(1);
    let told = &outcome.stderr;
    assert!(told.contains("can't listen for HTTP at") && told.contains("--http off"), "{told}");
    assert_eq!(watch.get("/healthz").0, 200);
}

#[test]
fn log_lines_tell_pass_and_revision() {
    let watch = Watch::start(newest(), &["--log-format", "json"], |_| {});
    watch.write(13, "40s");
    watch.gw.wait_for_log("\"reload\":\"", SOON);
    watch.rig.write("kind: Gate\u{1b}[2Jwy\n");
    watch.gw.wait_for_log("an error in the manifests", SOON);
    watch.eventually("logged", || watch.gw.log().contains("\"result\":\"partial\""));
    let log = watch.gw.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let of_passes = lines.iter().filter(|line| line["span"]["pass"].is_u64());
    let mut ends = 0;
    for line in of_passes {
        assert!(line["span"]["revision"].is_string(), "{line}");
        ends += u32::from(line["message"] == "a pass ended");
    }
    assert!(ends >= 3, "{log}");
    let reload = lines.iter().find(|line| line["reloads"] == 1).expect("one was reloaded");
    assert!(reload["reload"].as_str().unwrap().contains("timeout server"), "{reload}");

    let watch = Watch::start(newest(), &["--log-format", "text"], |_| {});
    watch.rig.write("kind: Gate\u{1b}[2Jwy\n");
    watch.gw.wait_for_log("an error in the manifests", SOON);
    let log = watch.gw.log();
    assert!(!log.contains('\u{1b}'), "{log:?}");
    let line = log.lines().find(|line| line.contains("an error in the manifests")).unwrap();
    assert!(line.contains("pass{pass=2 revision="), "{line}");
}

/// What a forge sends after a push, signed.
fn push_event(secret: &str) -> String {
    let body = "{}";
    let mut signer = Command::new("openssl")
        .args(["dgst", "-sha256", "-r", "-hmac", secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/setup.sh installs openssl");
    signer.stdin.take().expect("piped").write_all(body.as_bytes()).unwrap();
    let output = signer.wait_with_output().unwrap().stdout;
    let digest = String::from_utf8_lossy(&output[..64]).into_owned();
    format!(
        "POST /webhook HTTP/1.1\r\nHost: gw\r\nX-Hub-Signature-256: sha256={digest}\r\n\
         X-GitHub-Event: push\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_webhook_hastens_a_fetch() {
    const SECRET: &str = "a secret of some length";
    /// Less than the server is asked by itself.
    const HASTE: Duration = Duration::from_secs(12);
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::new(folder.path());
    let port = free_port();
    upstream.write("all.yaml", manifests(port, 9, "60s")).push("The first one");
    let url = upstream.url();
    let watch = Watch::start_on(&["--git", &url], newest(), &[], |rig| {
        let (config, secret) = (rig.path().join("gw.yaml"), rig.path().join("secret"));
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        std::fs::write(&config, "webhook: {secretFile: secret, providers: [github]}\n").unwrap();
        rig.gw = rig.gw.clone().env("GW_CONFIG", config);
    });
    let revision = || watch.json("/v1/status")["applied"]["revision"].clone();
    let first = revision();
    assert_eq!(watch.json("/v1/status")["source"]["revision"], first);
    assert_eq!(watch.metric("gw_source_fetch_total{result=\"done\"}"), Some(1.0));
    let second = upstream.write("all.yaml", manifests(port, 10, "60s")).push("The second one");

    // Whoever does not know the secret changes nothing.
    let forged = watch.raw(push_event("another secret of some length").as_bytes());
    assert!(forged.starts_with("HTTP/1.1 401"), "{forged}");
    clock::pause(Duration::from_millis(500));
    assert_eq!(revision(), first);

    let begun = Instant::now();
    let answer = watch.raw(push_event(SECRET).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    watch.eventually("fetched", || revision() != first);
    assert!(begun.elapsed() < HASTE, "{:?}", begun.elapsed());
    assert!(second.starts_with(revision().as_str().unwrap()), "{second}");
    let families = parse(&watch.get("/metrics").1);
    assert!(families.contains("gauge gw_source_age_seconds 1"), "{families}");

    // So does SIGHUP.
    let third = upstream.write("all.yaml", manifests(port, 11, "60s")).push("The third one");
    let begun = Instant::now();
    watch.gw.signal(Signal::HUP);
    let is_third = || third.starts_with(revision().as_str().unwrap_or("none"));
    watch.eventually("fetched", is_third);
    assert!(begun.elapsed() < HASTE, "{:?}", begun.elapsed());

    // The server goes: what was good stays, and it is told.
    std::fs::rename(&upstream.bare, folder.path().join("away")).unwrap();
    let _ = watch.raw(push_event(SECRET).as_bytes());
    let failed = "gw_source_fetch_total{result=\"failed\"}";
    watch.eventually("told", || watch.metric(failed) >= Some(1.0));
    assert!(watch.json("/v1/status")["source"]["failure"].is_string());
    assert_eq!(watch.get("/readyz").0, 200);
}

/// The datagrams that came, one line each.
fn received(socket: &UnixDatagram) -> Vec<String> {
    let mut lines = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

#[test]
fn systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut watch = Watch::start(newest(), &[], |rig| {
        let gw = rig.gw.clone().env("NOTIFY_SOCKET", &path);
        rig.gw = gw.env("WATCHDOG_USEC", "400000");
    });
    let mut lines = Vec::new();
    let mut comes = |what: &str, times: usize| {
        let came = clock::eventually(SOON, || {
            lines.extend(received(&socket));
            lines.iter().filter(|line| line.starts_with(what)).count() >= times
        });
        assert!(came, "no {what} in {lines:?}");
    };
    comes("READY=1", 1);
    comes("STATUS=Applied: ", 1);
    comes("WATCHDOG=1", 5);
    watch.gw.signal(Signal::HUP);
    comes("RELOADING=1", 1);
    comes("MONOTONIC_USEC=", 1);
    comes("READY=1", 2);
    // A process that does not go on is not alive.
    watch.gw.signal(Signal::STOP);
    clock::pause(Duration::from_millis(300));
    let _ = received(&socket);
    clock::pause(Duration::from_millis(900));
    let silent = received(&socket);
    watch.gw.signal(Signal::CONT);
    assert!(silent.is_empty(), "{silent:?}");
    watch.gw.signal(Signal::TERM);
    comes("STOPPING=1", 1);
    assert!(watch.gw.wait(SOON).is_some(), "{}", watch.gw.log());
}
