//! `gw doctor` finds what is broken, says how to mend it, and touches nothing. Where the mend is a
//! command, it is carried out here, and all is well then.

mod git;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::rig::{Rig, census, web};
use crate::support::clock;
use crate::support::haproxy::Mode;
use crate::support::ports::free_port;
use crate::support::run::Gw;
use crate::support::versions::{Version, newest, oldest};

fn rig(version: &Version) -> Rig {
    Rig::serving(version, &web(free_port(), 1, ""))
}

/// What a doctor said, who changed nothing below the folder of the test.
struct Diagnosis(Value);

impl Diagnosis {
    /// Asks as a program, and once more as people do; the exit code must tell whether all is well.
    fn of(gw: &Gw, root: &Path, arguments: &[&str]) -> Self {
        Self::under(gw, &[], root, arguments)
    }

    fn under(gw: &Gw, prefix: &[&str], root: &Path, arguments: &[&str]) -> Self {
        let before = settled(root);
        let json = [&["doctor", "--output", "json"], arguments].concat();
        let told = gw.run_under(prefix, &json);
        let text = gw.run_under(prefix, &[&["doctor"], arguments].concat());
        assert_eq!(before, settled(root), "the doctor changed something: {}", told.transcript());
        let document = told.json();
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/doctor.json");
        let schema = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        assert!(validator.is_valid(&document), "{document:#}");
        let healthy = document["healthy"] == true;
        assert_eq!(told.code, Some(i32::from(!healthy)), "{}", told.transcript());
        assert_eq!((text.code, &*text.stderr), (told.code, ""), "{}", text.transcript());
        let diagnosis = Self(document);
        for check in diagnosis.checks() {
            let word = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            let (state, title) = (word("state").replace('_', " "), word("id").replace('-', " "));
            let line = format!("{state:11}  {title}: ");
            assert!(
                text.stdout.lines().any(|one| one.starts_with(&line)),
                "{line}: {}",
                text.stdout
            );
            let is_wrong = ["warning", "failed"].contains(&state.as_str());
            assert_eq!(is_wrong, check["mend"].is_string(), "{check}");
        }
        diagnosis
    }

    fn checks(&self) -> &Vec<Value> {
        self.0["checks"].as_array().expect("a list of checks")
    }

    /// The checks in a state, by name.
    fn in_state(&self, state: &str) -> Vec<&str> {
        let checks = self.checks().iter().filter(|check| check["state"] == state);
        checks.filter_map(|check| check["id"].as_str()).collect()
    }

    /// The mend of a check, which must be in this state and tell all of `words`.
    fn mend(&self, id: &str, state: &str, words: &[&str]) -> String {
        let found = self.checks().iter().find(|check| check["id"] == id && check["state"] == state);
        let found = found.unwrap_or_else(|| panic!("no {id} is {state}: {:#}", self.0));
        for word in words {
            assert!(found.to_string().contains(word), "no {word:?}: {found:#}");
        }
        found["mend"].as_str().unwrap_or_default().to_owned()
    }

    /// Panics unless nothing is wrong, but for the warnings that are named.
    fn assert_healthy(&self, warnings: &[&str]) {
        assert_eq!(self.in_state("failed"), [""; 0], "{:#}", self.0);
        assert_eq!(self.in_state("warning"), warnings, "{:#}", self.0);
    }
}

/// All that is below a folder, but for what the test itself writes there for each command.
fn settled(root: &Path) -> impl PartialEq + std::fmt::Debug {
    let mut found = census(root);
    let is_log = |path: &Path| path.extension().is_some_and(|end| end == "log");
    found.retain(|path, _| !path.starts_with(root.join("home")) && !is_log(path));
    found
}

/// Carries out the part of a mend that begins with `from`; who tests is root already, or needs not be.
fn carry_out(mend: &str, from: &str) {
    let at = mend.find(from).unwrap_or_else(|| panic!("no {from:?} in {mend:?}"));
    let command = mend[at..].replace("sudo ", "");
    let output = Command::new("sh").arg("-c").arg(&command).output().expect("there is a shell");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn where_nothing_is_wrong_all_is_ok() {
    for version in [oldest(), newest()] {
        let rig = rig(version);
        let told = Diagnosis::of(&rig.gw, rig.path(), &["manifests"]);
        told.assert_healthy(&[]);
        assert_eq!(told.in_state("not_checked"), ["http", "webhook", "notify"], "{:#}", told.0);
        let can = if version.is_at_least(3, 4) {
            "takes at runtime all that gw can do"
        } else {
            "server added, with an affinity cookie"
        };
        let _ = told.mend("capabilities", "ok", &[can]);
        let _ = told.mend("haproxy-version", "ok", &[&version.full]);
    }
}

#[test]
fn a_socket_that_may_not_be_used_is_told_with_its_line() {
    for version in [oldest(), newest()] {
        let mut rig = rig(version);
        rig.base = rig.base.replace("level admin", "level operator");
        rig.stop();
        rig.start();
        let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
        let line = format!("stats socket {} mode 660 level admin", rig.socket.display());
        let mend = told.mend("socket-level", "failed", &["operator", &line]);
        assert_eq!(told.in_state("failed"), ["socket-level"], "{:#}", told.0);
        // As it says: the line goes into the global section.
        assert!(mend.contains(&rig.path().join("base.cfg").display().to_string()), "{mend}");
        let old = rig.base.lines().find(|line| line.contains("stats socket")).unwrap().to_owned();
        rig.base = rig.base.replace(&old, &line);
        rig.stop();
        rig.start();
        Diagnosis::of(&rig.gw, rig.path(), &[]).assert_healthy(&[]);
    }
}

#[test]
fn an_haproxy_that_is_stopped_or_elsewhere_is_told_how_to_start() {
    let mut rig = rig(newest());
    let elsewhere = rig.gw.clone().env("GW_SOCKET", rig.path().join("none.sock"));
    let told = Diagnosis::of(&elsewhere.without("GW_MASTER"), rig.path(), &[]);
    let mend = told.mend("socket", "failed", &["there is no socket", "HAProxy runs (process"]);
    assert!(mend.contains("--socket"), "{mend}");

    rig.stop();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    let mend = told.mend("socket", "failed", &[]);
    let parts = [
        rig.version.binary.display().to_string(),
        format!("-W -S {}", rig.path().join("master.sock").display()),
        format!("-f {}", rig.path().join("base.cfg").display()),
        format!("-f {}", rig.current().display()),
    ];
    assert_eq!(mend, parts.join(" "));
    let unknown = told.in_state("not_checked");
    for id in ["socket-level", "haproxy-version", "loads-state", "master"] {
        assert!(unknown.contains(&id), "{:#}", told.0);
    }
    // All else was looked at nevertheless.
    let _ = told.mend("configuration", "ok", &["passes haproxy -c"]);
    rig.start();
    Diagnosis::of(&rig.gw, rig.path(), &[]).assert_healthy(&[]);
}

#[test]
fn a_master_that_is_missing_is_told() {
    for version in [oldest(), newest()] {
        let mut rig = rig(version);
        let unnamed = rig.gw.clone().without("GW_MASTER");
        let told = Diagnosis::of(&unnamed, rig.path(), &[]);
        let _ = told.mend("master", "warning", &["SIGUSR2", "-W -S", "--master"]);
        let absent = rig.gw.clone().env("GW_MASTER", rig.path().join("none.sock"));
        let _ = Diagnosis::of(&absent, rig.path(), &[]).mend("master", "failed", &["-W -S"]);
        let mistaken = rig.gw.clone().env("GW_SOCKET", rig.path().join("master.sock"));
        let told = Diagnosis::of(&mistaken, rig.path(), &[]);
        let _ = told.mend("socket", "warning", &["is the master's socket", "--master"]);
        rig.stop();
        rig.start_as(Mode::Plain);
        let told = Diagnosis::of(&unnamed, rig.path(), &[]);
        let _ = told.mend("master", "failed", &["no way to reload"]);
    }
}

#[test]
fn an_haproxy_that_loads_something_else_is_told_the_argument() {
    for version in [oldest(), newest()] {
        let rig = rig(version);
        let other = rig.path().join("other");
        let gw = rig.gw.clone().env("GW_STATE", &other);
        let told = Diagnosis::of(&gw, rig.path(), &[]);
        let mend = told.mend("state-directory", "failed", &["does not exist"]);
        assert_eq!(mend, format!("sudo gw init --state {}", other.display()));
        let _ = gw.run(&["init"]).ok();
        let told = Diagnosis::of(&gw, rig.path(), &[]);
        assert_eq!(told.in_state("failed"), ["loads-state"], "{:#}", told.0);
        let argument = format!("-f {}", other.join("current").display());
        let _ = told.mend("loads-state", "failed", &[&argument]);
    }
}

#[test]
fn a_state_directory_with_wrong_rights_is_told_the_right_ones() {
    let rig = rig(newest());
    let state = rig.state_dir();
    let set = |mode: u32| {
        for path in [state.clone(), state.join("generations")] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o555);
    // Root may write anywhere unless that right is taken away.
    let humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"];
    let prefix: &[&str] = if rustix::process::geteuid().is_root() { &humble } else { &[] };
    let told = Diagnosis::under(&rig.gw, prefix, rig.path(), &[]);
    let mend = told.mend("state-directory", "failed", &["can't write", "mode 555"]);
    carry_out(&mend, "sudo chmod");
    Diagnosis::under(&rig.gw, prefix, rig.path(), &[]).assert_healthy(&[]);

    set(0o777);
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    carry_out(&told.mend("state-directory", "failed", &["all users may write"]), "sudo chmod");
    Diagnosis::of(&rig.gw, rig.path(), &[]).assert_healthy(&[]);
}

#[test]
fn a_configuration_that_haproxy_refuses_is_told_in_its_words() {
    for version in [oldest(), newest()] {
        let rig = rig(version);
        let base = rig.path().join("base.cfg");
        fs::write(&base, format!("{}    frobnicate on\n", rig.base)).unwrap();
        let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
        let mend = told.mend("base", "failed", &["frobnicate", "base.cfg:5"]);
        assert_eq!(told.in_state("failed"), ["base"], "{:#}", told.0);
        fs::write(&base, &rig.base).unwrap();
        carry_out(&mend, &rig.version.binary.display().to_string());
        // Right by itself, and wrong together: it has a backend of gw's name.
        let taken = "backend web\n    mode http\n    timeout connect 1s\n    timeout server 1s\n";
        fs::write(&base, rig.base.clone() + taken).unwrap();
        let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
        let _ = told.mend("configuration", "failed", &["'web'", "must not have the names of gw's"]);
        assert_eq!(told.in_state("failed"), ["configuration"], "{:#}", told.0);
        fs::write(&base, rig.base.replace("hard-stop-after 10s", "")).unwrap();
        let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
        let _ = told.mend("hard-stop-after", "warning", &["not set", "hard-stop-after 5m"]);
    }
}

#[test]
fn every_mistake_in_the_settings_has_its_place() {
    let rig = rig(newest());
    let config = rig.path().join("gw.yaml");
    fs::write(&config, "readyTimeout: soon\ndrift: never\nhttp: here\n").unwrap();
    let gw = rig.gw.clone().env("GW_CONFIG", &config);
    let told = Diagnosis::of(&gw, rig.path(), &["manifests"]);
    let places: Vec<String> = told
        .checks()
        .iter()
        .filter(|check| check["id"] == "settings")
        .map(Value::to_string)
        .collect();
    assert_eq!(places.len(), 3, "{:#}", told.0);
    for place in ["gw.yaml:1:15", "gw.yaml:2:8", "gw.yaml:3:7"] {
        assert!(places.iter().any(|found| found.contains(place)), "{place}: {places:#?}");
    }
    fs::write(&config, "sokcet: /run/x\n").unwrap();
    let told = Diagnosis::of(&gw, rig.path(), &[]);
    let _ = told.mend("settings", "failed", &["gw.yaml:1:1", "did you mean `socket`?"]);
    fs::remove_file(&config).unwrap();
    let _ = Diagnosis::of(&gw, rig.path(), &[]).mend("settings", "failed", &["cannot read"]);
}

#[test]
fn what_is_wrong_inside_of_the_state_directory_is_told() {
    let rig = rig(newest());
    let state = rig.state_dir();
    let _ = rig.gw.run(&["suspend", "--reason", "INC-42"]).ok();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    let mend = told.mend("suspension", "warning", &["INC-42"]);
    assert_eq!(mend, format!("sudo gw resume --state {}", state.display()));
    let _ = rig.gw.run(&["resume"]).ok();

    let quarantine = state.join("quarantine.json");
    let bad = r#"{"revision":"0bad","files":"0","fault":"unhealthy","reason":"INC-43","since":0}"#;
    fs::write(&quarantine, bad).unwrap();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    assert!(told.mend("quarantine", "warning", &["0bad", "INC-43"]).contains("gw retry"));
    fs::write(&quarantine, "{").unwrap();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    let _ = told.mend("quarantine", "failed", &["quarantine.json"]);
    fs::remove_file(&quarantine).unwrap();

    let journal = state.join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"gw\"", "\"GW\"", 1).replacen("manifests", "manifasts", 1))
        .unwrap();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    carry_out(&told.mend("journal", "failed", &["journal.jsonl:1"]), "sudo mkdir");
    Diagnosis::of(&rig.gw, rig.path(), &[]).assert_healthy(&[]);

    let metadata = rig.current().join("generation.json");
    let mut about: Value = serde_json::from_str(&fs::read_to_string(&metadata).unwrap()).unwrap();
    about["created"] = Value::from(about["created"].as_u64().unwrap() + 1_000_000);
    fs::write(&metadata, about.to_string()).unwrap();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    let _ = told.mend("clock", "warning", &["timedatectl set-ntp true"]);
    fs::write(&metadata, "{").unwrap();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    let _ = told.mend("generation", "failed", &["is damaged"]);
}

#[test]
fn who_works_and_who_listens_is_told_without_asking_for_the_lock() {
    let rig = rig(newest());
    let lock = fs::File::create(rig.state_dir().join("lock")).unwrap();
    lock.lock().unwrap();
    let told = Diagnosis::of(&rig.gw, rig.path(), &[]);
    let _ = told.mend("lock", "ok", &[&format!("held: process {}", std::process::id())]);
    drop(lock);
    let _ = Diagnosis::of(&rig.gw, rig.path(), &[]).mend("lock", "ok", &["nobody"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = taken.local_addr().unwrap().to_string();
    let told = Diagnosis::of(&rig.gw.clone().env("GW_HTTP", &other), rig.path(), &[]);
    let _ = told.mend("http", "failed", &["another program", "ss -ltnp"]);
    drop(taken);
    let address = format!("127.0.0.1:{}", free_port());
    let gw = rig.gw.clone().env("GW_HTTP", &address);
    let _ = Diagnosis::of(&gw, rig.path(), &[]).mend("http", "ok", &["is free"]);
    let _watch = gw.start(&["watch", "manifests"]);
    let follows = || gw.run(&["doctor"]).stdout.contains("a gw that follows answers");
    assert!(clock::eventually(Duration::from_secs(20), follows));
    assert!(gw.run(&["doctor"]).stdout.contains("watch: followed by process"));
}

#[test]
fn a_webhook_without_a_secret_is_told_how_to_make_one() {
    let rig = rig(newest());
    let (config, secret) = (rig.path().join("gw.yaml"), rig.path().join("secret"));
    let text = format!("webhook: {{secretFile: {}}}\n", secret.display());
    fs::write(&config, text).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let gw = rig.gw.clone().env("GW_CONFIG", &config).env("GW_HTTP", &address);
    let told = Diagnosis::of(&gw, rig.path(), &[]);
    fs::write(&secret, "0123456789abcdef0123\n").unwrap();
    assert!(told.mend("webhook", "failed", &["cannot read"]).contains("openssl rand -hex 32"));
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    let told = Diagnosis::of(&gw, rig.path(), &[]);
    carry_out(&told.mend("webhook", "failed", &["mode 644"]), "sudo chmod");
    Diagnosis::of(&gw, rig.path(), &[]).assert_healthy(&[]);
}
