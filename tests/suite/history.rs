//! What gw did, told afterwards: the journal that every apply writes, who set what, and the way back
//! to what was before.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::Rig;
use crate::support::client::Client;
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::tls::Authority;
use crate::support::versions::{Version, newest, oldest};
use rustix::process::Signal;

/// A site with one server, and three states of its manifests.
struct Site {
    rig: Rig,
    port: u16,
    one: Origin,
    two: Origin,
}

impl Site {
    /// Serving its first state.
    fn serving(version: &Version) -> Self {
        let (one, two) = (Origin::http1("one"), Origin::http1("two"));
        let mut site = Self { rig: Rig::new(version), port: free_port(), one, two };
        site.rig.write(&site.first());
        let _ = site.rig.apply().ok();
        site.rig.start();
        site
    }

    fn first(&self) -> String {
        self.manifests(&self.one, "5s", "")
    }

    /// Its server elsewhere: a change at runtime.
    fn second(&self) -> String {
        self.manifests(&self.two, "5s", "")
    }

    /// Another timeout besides: a change by reload.
    fn third(&self) -> String {
        self.manifests(&self.two, "6s", "")
    }

    fn manifests(&self, origin: &Origin, timeout: &str, more: &str) -> String {
        let (port, server) = (self.port, origin.port());
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
             spec:\n  listeners:\n  - {{name: http, port: {port}, protocol: HTTP}}\n{more}\
             ---\napiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
             spec: {{hosts: [a.test], backend: web}}\n\
             ---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\n\
             spec: {{servers: [{{name: s, address: 127.0.0.1, port: {server}}}], \
             timeouts: {{server: {timeout}}}}}\n"
        )
    }

    fn assert_served_by(&self, name: &str) {
        let client = Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        let answer = client.get("a.test", "/").expect("HAProxy serves on");
        assert_eq!(answer.origin(), Some(name), "HAProxy {}", self.rig.version);
    }

    /// The records, newest first.
    fn history(&self) -> Vec<Value> {
        let history = self.rig.gw.run(&["history", "--output", "json"]).ok().json();
        history["records"].as_array().expect("a list").clone()
    }

    /// What a command prints.
    fn said(&self, arguments: &[&str]) -> String {
        self.rig.gw.run(arguments).ok().stdout
    }

    /// What `gw blame` says, all of it on one line.
    fn blame(&self, object: &str) -> String {
        let said = self.said(&["blame", object]);
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn journal(&self) -> Vec<u8> {
        fs::read(self.rig.state_dir().join("journal.jsonl")).expect("there is a journal")
    }

    /// Rolls back, which must succeed. Returns the report.
    fn roll_back(&self, to: Option<u64>) -> Value {
        let number = to.map(|to| to.to_string());
        let mut arguments = vec!["rollback", "--yes", "--output", "json"];
        arguments.extend(number.as_deref());
        self.rig.gw.run(&arguments).ok().json()
    }

    /// Panics unless everything is as these manifests say.
    fn assert_is(&self, manifests: &str) {
        self.rig.write(manifests);
        self.rig.assert_converged();
    }
}

#[test]
fn what_was_done_is_told_and_undone() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}");
        let before = site.rig.state();
        let _ = site.rig.must_apply(&site.second());
        let moved = site.rig.state();
        let report = site.rig.must_apply(&site.third());
        let size = site.journal().len();
        site.rig.assert_converged();
        assert_eq!(site.journal().len(), size, "{told}: nothing to do is no record");

        let history = site.history();
        let column = |name: &str| -> Vec<Value> {
            history.iter().map(|record| record[name].clone()).collect()
        };
        assert_eq!(column("number"), [3, 2, 1], "{told}");
        assert_eq!(column("result"), ["done", "done", "done"], "{told}");
        assert_eq!(column("reloads"), [1, 0, 0], "{told}");
        assert_eq!(column("revision")[0], report["revision"], "{told}");
        assert_eq!(column("generation")[0], report["generation"], "{told}");
        let text = site.said(&["history", "--limit", "1"]);
        assert!(text.contains("apply by ") && text.contains("one reload"), "{told}: {text}");
        assert!(!text.contains("\n   2"), "{told}: {text}");

        let second = site.rig.gw.run(&["show", "2", "--output", "json"]).ok().json();
        let port = site.two.port();
        let command = format!("set server web/s addr 127.0.0.1 port {port}");
        assert_eq!(second["steps"][0]["commands"][0], json!(command), "{told}: {second}");
        assert_eq!(second["haproxy_before"], second["haproxy_after"], "{told}");
        let text = site.said(&["show", "3"]);
        assert!(
            text.contains("timeout server 5000ms → 6000ms") && text.contains("because"),
            "{text}"
        );
        let _ = site.rig.gw.run(&["show", "4"]).expect(1);

        let port = format!("server web/s port: {port} since");
        for (object, words) in [
            ("web/s.port", [port.as_str(), "record 2"]),
            ("web/s.address", ["server web/s address: 127.0.0.1:", "record 2"]),
            ("web/s.maxconn", ["server web/s maxconn since", "record 1"]),
            ("web", ["backend web", "record 3"]),
            ("web.timeout server", ["backend web timeout server: 6000ms since", "record 3"]),
        ] {
            let blamed = site.blame(object);
            assert!(words.iter().all(|word| blamed.contains(word)), "{told}: {object}: {blamed}");
        }
        let outcome = site.rig.gw.run(&["blame", "web/nobody"]).expect(1);
        assert!(outcome.stderr.contains("server web/nobody"), "{}", outcome.transcript());

        // To the state before, by a reload.
        let rolled = site.roll_back(None);
        assert_eq!(rolled["reloads"], 1, "{told}: {rolled}");
        assert_eq!(rolled["revision"], second["revision"], "{told}");
        assert_eq!(moved.diff(&site.rig.state(), "before", "rolled back"), "", "{told}");
        let suspended = fs::read(site.rig.state_dir().join("suspended.json")).unwrap();
        let suspended: Value = serde_json::from_slice(&suspended).unwrap();
        assert_eq!(suspended["ends_with"], report["revision"], "{told}: {suspended}");
        site.assert_is(&site.second());

        // To the very first one, by commands alone.
        let first = history[2]["generation"].as_u64();
        let rolled = site.roll_back(first);
        assert_eq!(rolled["reloads"], 0, "{told}: {rolled}");
        assert_eq!(before.diff(&site.rig.state(), "before", "rolled back"), "", "{told}");
        site.assert_served_by("one");
        site.assert_is(&site.first());
        let last = &site.history()[0];
        assert_eq!((&last["number"], &last["who"]["command"]), (&json!(5), &json!("rollback")));
        assert!(last["about"].as_str().unwrap().contains("generation"), "{told}: {last}");
        assert!(site.blame("web/s.port").contains("record 5"), "{told}");
        let outcome = site.rig.gw.run(&["rollback", "99", "--yes"]).expect(1);
        assert!(outcome.stderr.contains("there is no generation 99"), "{}", outcome.transcript());
        assert!(site.said(&["history", "--verify"]).contains("is whole"), "{told}");
    }
}

#[test]
fn the_commit_is_told_with_its_author() {
    let site = Site::serving(newest());
    let upstream = Upstream::new(site.rig.path());
    let id = upstream.write("all.yaml", site.second()).push("Move the server");
    let url = upstream.url();
    let arguments = ["apply", "--yes", "--git", &url, "--ref", "main"];
    let _ = site.rig.gw.run(&arguments).ok();
    let last = &site.history()[0];
    assert_eq!(last["commit"]["id"], id, "{last}");
    assert_eq!(last["revision"], id[..12], "{last}");
    let blamed = site.blame("web/s.port");
    let author = last["commit"]["author"].as_str().unwrap();
    assert!(author.contains('@') && blamed.contains(author), "{blamed}");
    assert!(blamed.contains("Move the server"), "{blamed}");
}

#[test]
fn a_gw_that_was_killed_leaves_a_trace() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}");
        let checked = |text: String| {
            text.replace("servers:", "healthCheck: {type: tcp, interval: 200ms}, servers:")
        };
        let _ = site.rig.must_apply(&checked(site.first()));
        // A server that never comes up keeps gw waiting.
        let dead = format!("{{name: dead, address: 127.0.0.1, port: {}}}", free_port());
        let waiting = checked(site.first()).replace("servers: [", &format!("servers: [{dead}, "));
        site.rig.write(&waiting);
        let process = site.rig.gw.start(&["apply", "manifests", "--yes"]);
        let added = || site.rig.haproxy().command("show servers state").contains(" dead ");
        assert!(clock::eventually(Duration::from_secs(5), added), "{told}: {}", process.log());
        process.signal(Signal::KILL);
        drop(process);
        let last = &site.history()[0];
        assert_eq!((&last["number"], &last["result"]), (&json!(3), &json!("unfinished")), "{told}");
        let text = site.said(&["show", "3"]);
        assert!(text.contains("perhaps done") && text.contains("interrupted"), "{told}: {text}");

        let _ = site.rig.must_apply(&checked(site.second()));
        let history = site.history();
        assert_eq!(history[1]["result"], "interrupted", "{told}: {history:?}");
        assert_eq!(history[0]["result"], "done", "{told}");
        assert!(site.said(&["history", "--verify"]).contains("is whole"), "{told}");
        site.rig.assert_converged();
    }
}

#[test]
fn a_changed_journal_is_told_apart() {
    let site = Site::serving(newest());
    let _ = site.rig.must_apply(&site.second());
    let path = site.rig.state_dir().join("journal.jsonl");
    let mut journal = site.journal();
    let at = journal.iter().position(|byte| *byte == b'\n').unwrap() + 40;
    journal[at] ^= 1;
    fs::write(&path, &journal).unwrap();
    let outcome = site.rig.gw.run(&["history", "--verify"]).expect(1);
    let transcript = outcome.transcript();
    assert!(outcome.stderr.contains("line 2 of "), "{transcript}");
    assert!(outcome.stderr.contains("journal.jsonl breaks"), "{transcript}");
    // What can be read is shown, and an apply goes on.
    let outcome = site.rig.gw.run(&["history"]).ok();
    assert!(outcome.stderr.contains("1 line of the journal can't be read"), "{outcome:?}");
    let _ = site.rig.must_apply(&site.third());
    assert_eq!(site.history()[0]["result"], "done");
    assert!(site.journal().starts_with(&journal), "earlier lines changed");
    // A torn last line is no damage.
    let mut torn = site.journal();
    torn.extend_from_slice(b"{\"number\":9,\"prev");
    fs::write(&path, &torn).unwrap();
    let _ = site.rig.must_apply(&site.first());
    assert_eq!(site.history()[0]["result"], "done");
}

#[test]
fn without_a_trace_nothing_is_changed() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}");
        let (path, kept) = (site.rig.state_dir().join("journal.jsonl"), site.journal());
        fs::remove_file(&path).unwrap();
        // A device that is always full.
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let (before, generation) = (site.rig.state(), site.rig.generation());
        for manifests in [site.second(), site.third()] {
            site.rig.write(&manifests);
            let outcome = site.rig.apply().expect(1);
            let words = ["journal.jsonl", "make room on the disk"];
            let says = words.iter().all(|word| outcome.stderr.contains(word));
            assert!(says, "{told}: {}", outcome.transcript());
            assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{told}");
            assert_eq!(site.rig.generation(), generation, "{told}");
        }
        // Nothing to do needs no trace.
        site.assert_is(&site.first());
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
        let _ = site.rig.must_apply(&site.second());
        assert_eq!(site.history().len(), 2, "{told}");
    }
}

#[test]
fn a_refusal_is_told_with_the_words_of_haproxy() {
    let site = Site::serving(newest());
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    // gw does not know what the operator's own configuration listens on.
    let bind = format!("frontend other\n    mode http\n    bind :{port}\n");
    fs::write(site.rig.path().join("base.cfg"), format!("{}{bind}", site.rig.base)).unwrap();
    site.rig.write(&site.manifests(&site.one, "7s", ""));
    let _ = site.rig.apply().expect(14);
    let last = &site.history()[0];
    assert_eq!(last["result"], "refused", "{last}");
    // 2.6 does not say why.
    let words = last["message"].as_str().unwrap();
    assert!(words.contains("bind") || words.contains("a port that is taken"), "{last}");
    let record = site.rig.gw.run(&["show", "2", "--output", "json"]).ok().json();
    assert_eq!(record["generation_before"], record["generation_after"], "{record}");
    let outcomes = record["steps"].as_array().unwrap().iter().map(|step| &step["outcome"]);
    assert!(outcomes.clone().all(|outcome| outcome == "failed"), "{record}");
    // It set nothing.
    assert!(site.blame("web/s.port").contains("record 1"));
}

#[test]
fn certificates_are_rolled_back_and_no_key_is_in_the_journal() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}");
        let authority = Authority::new(site.rig.path());
        let file = site.rig.path().join("site.pem");
        let renew = |name: &str| {
            fs::copy(authority.issue(name, &["a.test"]).bundle, &file).unwrap();
        };
        let listener = format!(
            "  - {{name: https, port: {}, protocol: HTTPS, tls: {{certificateRefs: [{{name: site}}]}}}}\n",
            free_port()
        );
        let manifests = site.manifests(&site.one, "5s", &listener)
            + &format!(
                "---\napiVersion: gw/v1\nkind: Certificate\nmetadata: {{name: site}}\n\
                 spec: {{file: {}}}\n",
                file.display()
            );
        renew("first");
        let _ = site.rig.must_apply(&manifests);
        let before = site.rig.state();
        renew("second");
        let report = site.rig.must_apply(&manifests);
        assert_eq!(report["reloads"], 0, "{told}: {report}");
        assert_ne!(before.diff(&site.rig.state(), "before", "renewed"), "", "{told}");

        let rolled = site.roll_back(None);
        assert_eq!(rolled["reloads"], 0, "{told}: {rolled}");
        assert_eq!(before.diff(&site.rig.state(), "before", "rolled back"), "", "{told}");
        let status = site.rig.gw.run(&["status", "--output", "json"]).ok().json();
        assert_eq!(status["in_sync"], true, "{told}: {status}");

        let journal = String::from_utf8(site.journal()).unwrap();
        assert!(journal.contains("set ssl cert certs/site.pem"), "{told}");
        let keys = fs::read_to_string(&file).unwrap();
        let secret = keys.lines().filter(|line| line.len() > 40);
        assert!(secret.clone().count() > 2, "{told}");
        for line in secret {
            assert!(!journal.contains(line), "{told}: a line of a key is in the journal");
        }
    }
}

#[test]
fn what_a_loop_leaves_undone_is_one_record() {
    let site = Site::serving(newest());
    let state = site.rig.path().join("up");
    let gw = site.rig.gw.clone().env("GW_STATE", &state);
    // A port of its own: the other HAProxy has the first one.
    let listener = |port: u16| format!("port: {port}, protocol");
    let checked = (site.first())
        .replace(&listener(site.port), &listener(free_port()))
        .replace("servers:", "healthCheck: {type: tcp, interval: 200ms}, servers:");
    site.rig.write(&checked);
    let mut process = gw.start(&["up", "manifests", "--state", "up", "--ready-timeout", "1s"]);
    let history = || {
        let outcome = gw.run(&["history", "--output", "json"]);
        // Before its state directory is there, nothing is known.
        let known = if outcome.code == Some(0) { outcome.json() } else { Value::Null };
        known["records"].as_array().cloned().unwrap_or_default()
    };
    let last_is = |result: &str| {
        let reached = || history().first().is_some_and(|last| last["result"] == result);
        assert!(clock::eventually(Duration::from_secs(20), reached), "{result}: {:?}", history());
    };
    last_is("done");
    let dead = format!("{{name: dead, address: 127.0.0.1, port: {}}}", free_port());
    site.rig.write(&checked.replace("servers: [", &format!("servers: [{dead}, ")));
    last_is("incomplete");
    // Two more passes.
    clock::pause(Duration::from_secs(5));
    let lines = fs::read_to_string(state.join("journal.jsonl")).unwrap().lines().count();
    // The pass after it waited for no time, which is news; further ones are not.
    assert!((4..=5).contains(&lines), "{lines}: {}", process.log());
    let records = history();
    assert_eq!(records.len(), 2, "{records:?}");
    assert_eq!(records[0]["who"]["command"], "up", "{records:?}");

    // A pass that fails, and goes on failing, is told once.
    site.rig.write("apiVersion: gw/v1\nkind: Backnd\n");
    last_is("failed");
    clock::pause(Duration::from_secs(3));
    assert_eq!(history().len(), 3, "{:?}", history());
    process.signal(Signal::TERM);
    assert!(process.wait(Duration::from_secs(30)).is_some(), "{}", process.log());
}
