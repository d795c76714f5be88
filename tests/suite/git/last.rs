//! What was applied last stays: after a rollback, after a change that was taken back, and without a
//! server.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::backend;
use crate::rig::{Rig, gateway};
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::run::Gw;
use crate::support::versions::{Version, newest, oldest};
use crate::support::webhook;

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(20);
/// How long what must not happen is waited for: some looks at everything.
const A_WHILE: Duration = Duration::from_secs(4);

/// A branch that is followed.
struct Stage {
    upstream: Upstream,
    gw: Gw,
    watch: Option<Process>,
    http: u16,
    rig: Rig,
}

impl Stage {
    fn new(version: &Version, more: &Value) -> Self {
        let mut rig = Rig::new(version);
        rig.start();
        let upstream = Upstream::new(rig.path());
        upstream.write("gateway.yaml", gateway(free_port()));
        let mut settings = json!({
            "source": {"git": upstream.url()},
            "watch": {"poll": "1s", "resync": "1s"},
            "reloadInterval": "0s",
            "readyTimeout": "1s",
        });
        let known = settings.as_object_mut().expect("it is one");
        known.extend(more.as_object().expect("it is one").clone());
        let config = rig.path().join("watch.yaml");
        fs::write(&config, settings.to_string()).unwrap();
        let gw = rig.gw.clone().env("GW_CONFIG", config);
        Self { upstream, gw, watch: None, http: free_port(), rig }
    }

    fn push(&self, text: &str) -> String {
        self.upstream.write("all.yaml", text).push("Another one")[..12].to_owned()
    }

    /// Starts `gw watch`, in place of the one that runs.
    fn restart(&mut self) {
        drop(self.watch.take());
        let watch = self.gw.start(&["watch", "--http", &format!("127.0.0.1:{}", self.http)]);
        watch.wait_for_log("Watching", SOON);
        self.watch = Some(watch);
    }

    /// Starts `gw watch` on a first commit, with its server at this port.
    fn restart_at(&mut self, server: u16) {
        self.push(&backend("web", server));
        self.restart();
        self.gets(&format!("web/a 127.0.0.1:{server}"));
    }

    /// What `/v1/status` says.
    fn status(&self) -> Value {
        let text = webhook::get(self.http, "/v1/status").unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        let status = self.status();
        let conditions = status["conditions"].as_array().into_iter().flatten();
        conditions.filter(|one| one["type"] == "Ready").any(|one| one["status"] == "True")
    }

    /// The generation in whose files a server is.
    fn generation_of(&self, server: &str) -> String {
        let address = server.split_once(' ').expect("a name and an address").1;
        let folder = self.rig.state_dir().join("generations");
        let mut numbers: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .flatten()
            .filter(|entry| {
                let text = fs::read_to_string(entry.path().join("10-backends-000.cfg"));
                text.is_ok_and(|text| text.contains(address))
            })
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        numbers.sort();
        numbers.first().expect("it ran once").trim_start_matches('0').to_owned()
    }

    fn log(&self) -> String {
        self.watch.as_ref().expect("it runs").log()
    }

    /// Whether HAProxy has this server.
    fn has(&self, server: &str) -> bool {
        self.rig.state().of(&format!("server {server} ")).count() == 1
    }

    #[track_caller]
    fn gets(&self, server: &str) {
        assert!(clock::eventually(SOON, || self.has(server)), "no {server}: {}", self.log());
    }

    #[track_caller]
    fn keeps(&self, server: &str) {
        self.keeps_beside(server, self.watch.as_ref().expect("it runs"));
    }

    #[track_caller]
    fn keeps_beside(&self, server: &str, watch: &Process) {
        let lost = clock::eventually(A_WHILE, || !self.has(server));
        assert!(!lost, "{server} is gone: {}", watch.log());
    }
}

#[test]
fn a_rollback_lasts_until_the_manifests_ask_for_something_else() {
    for version in [oldest(), newest()] {
        let mut stage = Stage::new(version, &json!({"healthGate": {"period": "off"}}));
        stage.push(&backend("web", 81));
        stage.restart();
        stage.gets("web/a 127.0.0.1:81");
        stage.push(&backend("web", 82));
        stage.gets("web/a 127.0.0.1:82");
        // It asks for nothing else, so nothing tells that it was applied.
        let last = stage.upstream.write("README", "a word").push("Another site")[..12].to_owned();
        assert!(clock::eventually(SOON, || stage.log().contains(&last)), "{}", stage.log());

        let said = stage.gw.run(&["rollback", "--yes"]).ok().stderr;
        assert!(said.contains("ask for something else"), "{said}");
        stage.keeps("web/a 127.0.0.1:81");
        // Nor does a commit of something else end it, nor a comment, nor another gw.
        stage.upstream.write("README", "two words");
        stage.push(&format!("# why\n{}", backend("web", 82)));
        stage.keeps("web/a 127.0.0.1:81");
        stage.restart();
        stage.keeps("web/a 127.0.0.1:81");
        let _ = stage.gw.run(&["apply", "--yes"]).expect(18);

        stage.push(&backend("web", 83));
        stage.gets("web/a 127.0.0.1:83");
        assert_eq!(stage.gw.run(&["resume"]).ok().stdout, "Nothing was suspended.\n");
    }
}

#[test]
fn a_revert_ends_a_rollback_for_good() {
    let mut stage = Stage::new(newest(), &json!({"healthGate": {"period": "off"}}));
    stage.restart_at(80);
    for server in [81, 82] {
        stage.push(&backend("web", server));
        stage.gets(&format!("web/a 127.0.0.1:{server}"));
    }
    let _ = stage.gw.run(&["rollback", "--yes"]).ok();
    stage.keeps("web/a 127.0.0.1:81");
    // What was left is taken back in the repository as well: there is nothing to do.
    stage.push(&backend("web", 81));
    let is_over = || {
        let status = stage.gw.run(&["status", "--output", "json"]).ok().json();
        status["suspended"].is_null()
    };
    assert!(clock::eventually(SOON, is_over), "{}", stage.log());
    assert!(!stage.rig.state_dir().join("suspended.json").exists());

    // Another rollback leaves what the manifests ask for now.
    let oldest = stage.generation_of("web/a 127.0.0.1:80");
    let _ = stage.gw.run(&["rollback", &oldest, "--yes"]).ok();
    stage.keeps("web/a 127.0.0.1:80");
    // What was left before is no reason any more.
    stage.push(&backend("web", 82));
    stage.gets("web/a 127.0.0.1:82");
}

#[test]
fn what_a_rollback_leads_to_is_no_newer_commit() {
    // What is on trial is not known to be good.
    let mut stage = Stage::new(newest(), &json!({"healthGate": {"period": "10m"}}));
    stage.restart_at(80);
    let commit = stage.push(&backend("web", 81));
    stage.gets("web/a 127.0.0.1:81");
    let _ = stage.gw.run(&["rollback", "--yes"]).ok();
    stage.keeps("web/a 127.0.0.1:80");
    fs::rename(&stage.upstream.bare, stage.upstream.root.join("away")).unwrap();
    let is_away = || stage.status()["source"]["failure"].is_string();
    assert!(clock::eventually(SOON, is_away), "{}", stage.log());
    let _ = stage.gw.run(&["resume"]).ok();
    stage.gets("web/a 127.0.0.1:81");
    stage.keeps("web/a 127.0.0.1:81");
    assert!(stage.log().contains(&commit), "{}", stage.log());
}

#[test]
fn what_is_asked_for_is_known_without_the_server() {
    let policy = json!({"healthGate": {"period": "off"}, "badManifests": "revision"});
    let mut stage = Stage::new(newest(), &policy);
    stage.restart_at(80);
    assert!(clock::eventually(SOON, || stage.is_ready()), "{}", stage.log());
    let wrong = stage.push(&backend("web", 1).replace("servers", "servrs"));
    assert!(clock::eventually(SOON, || stage.log().contains("servrs")), "{}", stage.log());
    let told = |words: &[&str]| {
        // Where nobody follows at present, it is told as well.
        let [status, doctor] = ["status", "doctor"].map(|command| stage.gw.run(&[command]).stdout);
        words.iter().all(|word| status.contains(word) && doctor.contains(word))
    };
    let not_what_runs = format!("revision {wrong} is not what runs: all.yaml:");
    assert!(clock::eventually(SOON, || told(&[&not_what_runs, "is missing"])), "{}", stage.log());
    fs::rename(&stage.upstream.bare, stage.upstream.root.join("away")).unwrap();
    let unread = "can't be read since 20";
    assert!(clock::eventually(SOON, || told(&[&not_what_runs, unread])), "{}", stage.log());
    stage.restart();
    stage.keeps("web/a 127.0.0.1:80");
    assert!(!stage.is_ready(), "{}", stage.log());
    let status = stage.status().to_string();
    assert!(status.contains(&format!("revision {wrong} was asked for last")), "{status}");

    // It is over when it is over.
    fs::rename(stage.upstream.root.join("away"), &stage.upstream.bare).unwrap();
    stage.push(&backend("web", 82));
    stage.gets("web/a 127.0.0.1:82");
    assert!(clock::eventually(SOON, || stage.is_ready()), "{}", stage.log());
    let status = stage.gw.run(&["status", "--output", "json"]).ok().json();
    assert!(status["wanted"].is_null() && status["unread"].is_null(), "{status}");

    // Of a repository that was never read nobody knows what it asks for.
    drop(stage.watch.take());
    let address = format!("127.0.0.1:{}", stage.http);
    let nowhere = stage.upstream.root.join("nowhere");
    let watch = stage.gw.start(&["watch", "--git", nowhere.to_str().unwrap(), "--http", &address]);
    watch.wait_for_log("Watching", SOON);
    stage.keeps_beside("web/a 127.0.0.1:82", &watch);
    assert!(!stage.is_ready(), "{}", watch.log());
}

#[test]
fn a_rollback_leaves_what_the_manifests_ask_for_wherever_haproxy_is() {
    let guards = json!({"healthGate": {"period": "off"}, "guards": {"emptyBackend": "refuse"}});
    let mut stage = Stage::new(newest(), &guards);
    stage.push(&backend("web", 81));
    stage.restart();
    stage.gets("web/a 127.0.0.1:81");
    stage.push(&backend("web", 82));
    stage.gets("web/a 127.0.0.1:82");
    // A guard keeps HAProxy from being there.
    let empty =
        "apiVersion: gw/v1\nkind: Backend\nmetadata: { name: web }\nspec: { servers: [] }\n";
    stage.push(empty);
    assert!(clock::eventually(SOON, || stage.log().contains("guards refuse")), "{}", stage.log());
    let _ = stage.gw.run(&["rollback", "--yes"]).ok();
    stage.keeps("web/a 127.0.0.1:81");
    let status = stage.gw.run(&["status", "--output", "json"]).ok().json();
    assert!(status["suspended"]["ends_with"].is_string(), "{status}");
    stage.push(&backend("web", 83));
    stage.gets("web/a 127.0.0.1:83");
}

#[test]
fn where_following_was_suspended_a_rollback_does_not_end_that() {
    let mut stage = Stage::new(newest(), &json!({"healthGate": {"period": "off"}}));
    stage.push(&backend("web", 81));
    stage.restart();
    stage.gets("web/a 127.0.0.1:81");
    stage.push(&backend("web", 82));
    stage.gets("web/a 127.0.0.1:82");
    let _ = stage.gw.run(&["suspend", "--reason", "INC-42"]).ok();
    let said = stage.gw.run(&["rollback", "--yes"]).ok().stderr;
    assert!(said.contains("Only `gw resume`"), "{said}");
    stage.push(&backend("web", 83));
    stage.keeps("web/a 127.0.0.1:81");
    let _ = stage.gw.run(&["resume"]).ok();
    stage.gets("web/a 127.0.0.1:83");
}

#[test]
fn a_restart_without_the_server_changes_nothing() {
    for version in [oldest(), newest()] {
        let mut stage = Stage::new(version, &json!({"healthGate": {"period": "off"}}));
        stage.push(&backend("web", 81));
        stage.restart();
        stage.gets("web/a 127.0.0.1:81");
        // It never comes up, so the commit is not known to be good.
        let down = format!(
            "apiVersion: gw/v1\nkind: Backend\nmetadata: {{ name: web }}\nspec:\n  \
             healthCheck: {{ type: tcp }}\n  servers: [{{ name: b, address: 127.0.0.1, port: {} }}]\n",
            free_port()
        );
        let commit = stage.push(&(backend("api", 82) + "---\n" + &down));
        stage.gets("api/a 127.0.0.1:82");
        assert!(clock::eventually(SOON, || stage.log().contains("pending")), "{}", stage.log());

        let away = stage.upstream.root.join("away");
        fs::rename(&stage.upstream.bare, &away).unwrap();
        stage.restart();
        let log = stage.log();
        assert!(log.contains("Staying at what was applied last") && log.contains(&commit), "{log}");
        stage.keeps("api/a 127.0.0.1:82");
        // It is kept so as well.
        stage.rig.haproxy().command("set server api/a addr 127.0.0.1 port 9");
        stage.gets("api/a 127.0.0.1:82");

        fs::rename(&away, &stage.upstream.bare).unwrap();
        stage.push(&backend("web", 83));
        stage.gets("web/a 127.0.0.1:83");
    }
}

#[test]
fn what_is_wrong_stays_what_it_was_over_restarts() {
    // The health gate's verdict on a part of a commit makes the commit no good one.
    let mut stage = Stage::new(newest(), &json!({"healthGate": {"period": "1s"}}));
    let push = |stage: &Stage, web: String, api: String| {
        stage.upstream.write("web.yaml", web).write("api.yaml", api).push("Another one");
    };
    let wrong = |name: &str| backend(name, 1).replace("servers", "servrs");
    push(&stage, backend("web", 81), backend("api", 81));
    stage.restart();
    stage.gets("api/a 127.0.0.1:81");
    push(&stage, backend("web", 82), wrong("api"));
    stage.gets("web/a 127.0.0.1:82");
    let judged =
        || stage.log().contains("InvalidObjects") || stage.log().contains("stays as it was");
    assert!(clock::eventually(SOON, judged), "{}", stage.log());
    clock::pause(Duration::from_secs(2));
    stage.restart();
    for server in ["web/a 127.0.0.1:82", "api/a 127.0.0.1:81"] {
        stage.keeps(server);
    }
    let told = || {
        let status = stage.gw.run(&["status"]).ok().stdout;
        status.contains("runs but for what is wrong in it: api.yaml:")
    };
    assert!(clock::eventually(SOON, told), "{}", stage.log());
    push(&stage, wrong("web"), wrong("api"));
    stage.keeps("web/a 127.0.0.1:82");
    stage.restart();
    push(&stage, wrong("web"), backend("api", 83));
    stage.gets("api/a 127.0.0.1:83");
    stage.keeps("web/a 127.0.0.1:82");

    // What a person applied as a whole meanwhile is what was good last.
    drop(stage.watch.take());
    push(&stage, backend("web", 84), backend("api", 84));
    let _ = stage.gw.run(&["apply", "--yes"]).ok();
    push(&stage, wrong("web"), backend("api", 85));
    stage.restart();
    stage.gets("api/a 127.0.0.1:85");
    stage.keeps("web/a 127.0.0.1:84");
}
