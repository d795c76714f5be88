//! A change with which HAProxy serves worse than before is taken back.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::rig::{Rig, web};
use crate::support::client::Client;
use crate::support::clock;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::versions::{Version, newest, oldest};

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(20);

const CHECKED: &str = "  healthCheck: {type: tcp, interval: 100ms}\n";

/// `gw watch` beside an HAProxy that serves from one good server.
struct Stage {
    rig: Rig,
    gw: Process,
    port: u16,
    good: Origin,
    more: &'static str,
}

impl Stage {
    fn new(version: &Version, more: &'static str, settings: &str) -> Self {
        let (good, port) = (Origin::http1("good"), free_port());
        let rig = Rig::serving(version, &web(port, good.port(), more));
        fs::write(rig.path().join("gw.yaml"), settings).expect("the test's folder is writable");
        // What is usual is known from these on.
        assert_eq!(requests(port, &good, 40), 40);
        Self { gw: watch(&rig), rig, port, good, more }
    }

    /// Another `gw watch` in place of the one that runs.
    fn restart(&mut self) {
        self.gw.signal(Signal::TERM);
        let status = self.gw.wait(SOON).and_then(|status| status.code());
        assert_eq!(status, Some(0), "{}", self.gw.log());
        self.gw = watch(&self.rig);
    }

    /// Sends so many requests. Returns how many the good server answered.
    fn requests(&self, count: usize) -> usize {
        requests(self.port, &self.good, count)
    }

    fn serves(&self) -> bool {
        self.requests(1) == 1
    }

    fn write(&self, server: u16) {
        self.rig.write(&web(self.port, server, self.more));
    }

    /// Asks for something bad while requests go on, and waits until it is taken back. Returns the bad
    /// server's port.
    fn be_taken_back(&self) -> u16 {
        let before = self.gw.log().matches("was taken back").count();
        let bad = free_port();
        self.write(bad);
        let left = || !self.serves();
        assert!(clock::eventually(SOON, left), "nothing changed\n{}", self.gw.log());
        let back =
            || self.requests(12) == 12 && self.gw.log().matches("was taken back").count() > before;
        assert!(clock::eventually(SOON, back), "not taken back\n{}", self.gw.log());
        bad
    }
}

/// Sends so many requests at the same time: one to a server that is not there takes seconds. Returns
/// how many this server answered.
fn requests(port: u16, good: &Origin, count: usize) -> usize {
    let is_good = || {
        let client = Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        client.get("web.test", "/").is_ok_and(|answer| answer.origin() == Some(good.name()))
    };
    thread::scope(|scope| {
        let sent: Vec<_> = (0..count).map(|_| scope.spawn(is_good)).collect();
        let answers = sent.into_iter().map(|sent| sent.join().expect("a request ends"));
        answers.filter(|is_good| *is_good).count()
    })
}

fn watch(rig: &Rig) -> Process {
    let gw = rig.gw.start(&["watch", "manifests", "--config", "gw.yaml", "--log-format", "json"]);
    gw.wait_for_log("Watching", SOON);
    gw
}

#[test]
fn a_change_that_fails_requests_is_taken_back_and_not_tried_again() {
    for version in [oldest(), newest()] {
        let mut stage = Stage::new(version, "", "healthGate: {period: 60s}\nreloadInterval: 0s\n");
        let bad = stage.be_taken_back();
        let status = stage.rig.gw.run(&["status"]).ok().stdout;
        assert!(status.contains("was taken back") && status.contains("5xx"), "{status}");
        let status = stage.rig.gw.run(&["status", "--output", "json"]).ok().json();
        assert_eq!(status["quarantine"]["fault"], "unhealthy", "{status}");
        let plan = stage.rig.gw.run(&["plan", "manifests"]).ok().stdout;
        assert!(plan.contains("`gw retry`"), "{plan}");
        let history = stage.rig.gw.run(&["history"]).ok().stdout;
        assert!(history.contains("back"), "{history}");

        // Neither another revision that asks for the same tries it again,
        stage.rig.write(&(web(stage.port, bad, stage.more) + "# why\n"));
        stage.gw.wait_for_log("\"files\"", SOON);
        assert_eq!(stage.requests(20), 20, "{}", stage.gw.log());
        // nor a look at everything, nor another gw.
        stage.gw.signal(Signal::HUP);
        stage.gw.wait_for_log("\"asked\"", SOON);
        assert_eq!(stage.requests(20), 20, "{}", stage.gw.log());
        stage.restart();
        assert_eq!(stage.requests(20), 20, "{}", stage.gw.log());

        // Nor does a way back lead to it.
        let _ = stage.rig.gw.run(&["rollback", "--yes"]).ok();
        assert_eq!(stage.requests(20), 20, "{}", stage.gw.log());
        let _ = stage.rig.gw.run(&["resume"]).ok();

        // What was good is kept good meanwhile.
        let address = format!("set server web/s addr 127.0.0.1 port {}", free_port());
        let reply = stage.rig.haproxy().command(&address);
        assert!(reply.contains("changed from"), "{reply}");
        stage.restart();
        assert!(clock::eventually(SOON, || stage.serves()), "{}", stage.gw.log());

        // Somebody who wants it can have it: it is judged anew.
        let said = stage.rig.gw.run(&["retry"]).ok().stdout;
        assert!(said.contains("Tried again"), "{said}");
        assert!(clock::eventually(SOON, || !stage.serves()), "{}", stage.gw.log());
        let back = || stage.requests(12) == 12;
        assert!(clock::eventually(SOON, back), "{}", stage.gw.log());
        let again = stage.rig.gw.run(&["retry"]).ok().stdout;
        assert!(again.contains("Tried again"), "{again}");
        assert_eq!(stage.rig.gw.run(&["retry"]).ok().stdout, "Nothing was taken back.\n");

        // Other manifests end it.
        stage.write(stage.good.port());
        let ended = || stage.rig.contradiction().is_none();
        assert!(clock::eventually(SOON, ended), "{}", stage.gw.log());
        assert!(stage.serves());
    }
}

#[test]
fn why_and_what_is_taken_back_is_told_to_people() {
    let settings = "healthGate: {period: 60s}\nreloadInterval: 0s\n";
    let mut stage = Stage::new(newest(), "", settings);
    drop(stage.gw);
    stage.gw = stage.rig.gw.start(&["watch", "manifests", "--config", "gw.yaml"]);
    stage.gw.wait_for_log("Watching", SOON);
    // Nothing was asked of this one, so it is not known to be good.
    let (other, bad) = (Origin::http1("other"), free_port());
    stage.write(other.port());
    let has = |port: u16| {
        stage.rig.state().of("server web/").any(|line| line.contains(&format!(":{port} ")))
    };
    assert!(clock::eventually(SOON, || has(other.port())), "{}", stage.gw.log());
    let status = stage.rig.gw.run(&["status", "--output", "json"]).ok().json();
    let first = status["revision"].as_str().expect("one runs");
    stage.write(bad);
    assert!(clock::eventually(SOON, || has(bad)), "{}", stage.gw.log());
    assert!(clock::eventually(SOON, || stage.requests(12) == 12), "{}", stage.gw.log());
    stage.gw.wait_for_log("was taken back", SOON);
    let log = stage.gw.log();
    for word in ["HAProxy serves worse with revision", "5xx", "Going back to generation"] {
        assert!(log.contains(word), "{word}: {log}");
    }
    assert!(log.contains(&format!("with it goes back what was judged together: {first}")), "{log}");
}

#[test]
fn nothing_is_condemned_while_another_gw_is_at_work() {
    let stage = Stage::new(newest(), "", "healthGate: {period: 60s}\nreloadInterval: 0s\n");
    stage.write(free_port());
    assert!(clock::eventually(SOON, || !stage.serves()), "{}", stage.gw.log());
    let lock = File::options().write(true).open(stage.rig.state_dir().join("lock")).unwrap();
    assert!(clock::eventually(SOON, || lock.try_lock().is_ok()), "{}", stage.gw.log());
    assert_eq!(stage.requests(20), 0, "{}", stage.gw.log());
    let quarantine = stage.rig.state_dir().join("quarantine.json");
    let is_condemned = clock::eventually(Duration::from_secs(4), || quarantine.exists());
    assert!(!is_condemned, "{}", stage.gw.log());
    drop(lock);
    assert!(clock::eventually(SOON, || stage.serves()), "{}", stage.gw.log());
    stage.gw.wait_for_log("was taken back", SOON);
}

#[test]
fn a_change_after_which_servers_are_down_is_taken_back() {
    for version in [oldest(), newest()] {
        let settings = "healthGate: {period: 2s, errors: 100%}\nreloadInterval: 0s\n";
        let stage = Stage::new(version, CHECKED, settings);
        let _ = stage.be_taken_back();
        let status = stage.rig.gw.run(&["status"]).ok().stdout;
        assert!(status.contains("0 of 1 servers up"), "{status}");
    }
}

#[test]
fn a_reload_is_taken_back_by_a_reload() {
    for version in [oldest(), newest()] {
        let settings = "healthGate: {period: 60s}\nreloadInterval: 0s\n";
        let stage = Stage::new(version, "", settings);
        let pid = stage.rig.haproxy().worker();
        let more = "  timeouts: {server: 7s}\n";
        stage.rig.write(&web(stage.port, free_port(), more));
        assert!(clock::eventually(SOON, || !stage.serves()), "{}", stage.gw.log());
        assert_ne!(stage.rig.haproxy().worker(), pid, "there was no reload");
        assert!(clock::eventually(SOON, || stage.requests(12) == 12), "{}", stage.gw.log());
    }
}

#[test]
fn a_way_back_that_haproxy_refuses_is_tried_until_it_succeeds() {
    for version in [oldest(), newest()] {
        let settings = "healthGate: {period: 60s}\nreloadInterval: 0s\n";
        let stage = Stage::new(version, "", settings);
        stage.rig.write(&web(stage.port, free_port(), "  timeouts: {server: 7s}\n"));
        let loaded = || stage.rig.plan().code == Some(0);
        assert!(clock::eventually(SOON, loaded), "{}", stage.gw.log());
        // The operator's own file is wrong just now.
        let base = stage.rig.path().join("base.cfg");
        fs::write(&base, format!("{}nonsense\n", stage.rig.base)).unwrap();
        assert_eq!(stage.requests(20), 0, "{}", stage.gw.log());
        stage.gw.wait_for_log("the way back failed", SOON);
        let log = stage.gw.log();
        assert!(!log.contains("was taken back") && log.contains("nonsense"), "{log}");
        fs::write(&base, &stage.rig.base).unwrap();
        assert!(clock::eventually(SOON, || stage.requests(12) == 12), "{}", stage.gw.log());
        stage.gw.wait_for_log("was taken back", SOON);
    }
}

#[test]
fn a_mistake_in_the_operators_own_file_is_not_held_against_the_manifests() {
    for version in [oldest(), newest()] {
        let settings = "healthGate: {period: off}\nreloadInterval: 0s\n";
        let stage = Stage::new(version, "", settings);
        let base = stage.rig.path().join("base.cfg");
        fs::write(&base, format!("{}nonsense\n", stage.rig.base)).unwrap();
        stage.rig.write(&web(stage.port, stage.good.port(), "  timeouts: {server: 7s}\n"));
        stage.gw.wait_for_log("mend the configuration beside gw's", SOON);
        let status = stage.rig.gw.run(&["status", "--output", "json"]).ok().json();
        assert!(status["quarantine"].is_null(), "{status}");
        fs::write(&base, &stage.rig.base).unwrap();
        let loaded = || stage.rig.plan().code == Some(0);
        assert!(clock::eventually(SOON, loaded), "{}", stage.gw.log());
        assert_eq!(stage.requests(20), 20, "{}", stage.gw.log());
    }
}

/// `web.test` led to another backend, which has one server.
fn turned(port: u16, server: u16) -> String {
    let other = format!(
        "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: green}}\n\
         spec:\n  servers: [{{name: s, address: 127.0.0.1, port: {server}}}]\n"
    );
    web(port, 9, "").replace("backend: web}", "backend: green}") + &other
}

#[test]
fn a_route_that_is_turned_to_a_bad_backend_is_taken_back() {
    for version in [oldest(), newest()] {
        let stage = Stage::new(version, "", "healthGate: {period: 60s}\nreloadInterval: 0s\n");
        stage.rig.write(&turned(stage.port, free_port()));
        assert!(clock::eventually(SOON, || !stage.serves()), "{}", stage.gw.log());
        assert!(clock::eventually(SOON, || stage.requests(12) == 12), "{}", stage.gw.log());
    }
}

#[test]
fn what_fails_by_itself_is_no_fault_of_a_change_elsewhere() {
    let sick = Origin::http1("sick");
    let settings = "healthGate: {period: 2s}\nreloadInterval: 0s\n";
    let stage = Stage::new(newest(), "", settings);
    let with = |timeout: &str| {
        let sick = format!(
            "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: sick}}\n\
             spec:\n{CHECKED}  servers: [{{name: s, address: 127.0.0.1, port: {}}}]\n",
            sick.port()
        );
        let timeouts = format!("  timeouts: {{server: {timeout}}}\n");
        stage.rig.write(&(web(stage.port, stage.good.port(), &timeouts) + &sick));
    };
    with("5s");
    let converged = || stage.rig.plan().code == Some(0);
    assert!(clock::eventually(SOON, converged), "{}", stage.gw.log());
    // This one is judged before it goes on.
    clock::pause(Duration::from_secs(4));
    with("6s");
    sick.refuse();
    assert!(clock::eventually(SOON, converged), "{}", stage.gw.log());
    clock::pause(Duration::from_secs(4));
    assert!(converged() && !stage.gw.log().contains("taken_back"), "{}", stage.gw.log());
}

#[test]
fn a_newer_commit_does_not_wait_for_the_gate() {
    let stage = Stage::new(newest(), "", "healthGate: {period: 60s}\nreloadInterval: 0s\n");
    // No request fails, so nobody can tell yet.
    stage.write(free_port());
    stage.gw.wait_for_log("\"commands\":2", SOON);
    let begin = Instant::now();
    stage.write(stage.good.port());
    assert!(clock::eventually(SOON, || stage.serves()), "{}", stage.gw.log());
    assert!(begin.elapsed() < Duration::from_secs(10), "it took {:?}", begin.elapsed());
    assert_eq!(stage.requests(40), 40);
    assert!(!stage.gw.log().contains("was taken back"), "{}", stage.gw.log());
}

#[test]
fn without_the_gate_nothing_is_taken_back() {
    let settings = "healthGate: {period: off}\nreloadInterval: 0s\n";
    let stage = Stage::new(newest(), "", settings);
    stage.write(free_port());
    assert!(clock::eventually(SOON, || !stage.serves()), "{}", stage.gw.log());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(4) {
        assert_eq!(stage.requests(12), 0, "{}", stage.gw.log());
    }
}

#[test]
fn reloads_are_merged() {
    for version in [oldest(), newest()] {
        let stage = Stage::new(version, "", "healthGate: {period: off}\nreloadInterval: 3s\n");
        let begin = Instant::now();
        let mut workers = vec![stage.rig.haproxy().worker()];
        for timeout in 1..=12 {
            let more = format!("  timeouts: {{server: {timeout}s}}\n");
            stage.rig.write(&web(stage.port, stage.good.port(), &more));
            clock::pause(Duration::from_millis(200));
            let worker = stage.rig.haproxy().worker();
            if workers.last() != Some(&worker) {
                workers.push(worker);
            }
        }
        let converged = || stage.rig.plan().code == Some(0);
        assert!(clock::eventually(SOON, converged), "{}", stage.gw.log());
        if workers.last() != Some(&stage.rig.haproxy().worker()) {
            workers.push(stage.rig.haproxy().worker());
        }
        let (reloads, most) = (workers.len() - 1, begin.elapsed().as_secs() / 3 + 1);
        assert!(reloads >= 1, "nothing was reloaded");
        assert!(reloads as u64 <= most, "{reloads} reloads within {:?}", begin.elapsed());
        assert_eq!(stage.requests(20), 20);
    }
}
