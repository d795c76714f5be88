//! Sockets that are missing, closed, or not allowed to do enough.

use std::fs;
use std::time::{Duration, Instant};

use super::{Site, assert_says};
use crate::support::haproxy::Mode;
use crate::support::versions::{newest, oldest, versions};

#[test]
fn without_haproxy_the_files_wait_for_its_start() {
    for version in versions() {
        let mut site = Site::new(version);
        site.rig.write(&site.first());
        let outcome = site.rig.apply().ok();
        let report = outcome.json();
        assert_eq!(report["loading"]["state"], "at_start", "{report}");
        assert_eq!((&report["commands_sent"], &report["reloads"]), (&0.into(), &0.into()));
        assert!(report["bytes_written"].as_u64() > Some(0), "{report}");
        assert_says(&outcome, 0, &["start"], "HAProxy is not running");
        let again = site.rig.apply().ok().json();
        assert_eq!(again["bytes_written"], 0, "{again}");
        site.rig.start();
        site.rig.assert_converged();
        site.assert_serves();
        site.rig.stop();
        // HAProxy leaves its socket behind, which is no HAProxy. Nor is any other file.
        let _ = site.rig.must_apply(&site.moved());
        let _ = fs::remove_file(&site.rig.socket);
        fs::write(&site.rig.socket, "").unwrap();
        let status = site.rig.gw.run(&["status"]);
        assert!(!status.stderr.contains("panicked"), "{}", status.transcript());
    }
}

#[test]
fn what_haproxy_would_refuse_at_its_start_is_refused_before() {
    for version in [oldest(), newest()] {
        let site = Site::with_base(version, "backend web\n    mode http\n");
        site.rig.write(&site.first());
        let before = site.rig.generation();
        let outcome = site.rig.apply();
        assert_says(&outcome, 14, &["web"], "the base has a backend of the same name");
        let report = outcome.json();
        let steps = report["steps"].as_array().expect("a list");
        let all_failed = steps.iter().all(|step| step["outcome"] == "failed");
        assert!(all_failed && !steps.is_empty(), "{report}");
        assert_eq!(site.rig.generation(), before);
    }
}

#[test]
fn a_socket_of_too_low_a_level_is_refused_before_anything_happens() {
    for version in versions() {
        let mut site = Site::new(version);
        site.rig.base = site.rig.base.replace("level admin", "level operator");
        site.begin();
        // The columns up to the weight: the next one tells the time.
        let servers = || -> Vec<String> {
            let text = site.rig.haproxy().command("show servers state web");
            text.lines().map(|row| row.split(' ').take(8).collect::<Vec<_>>().join(" ")).collect()
        };
        let (before, generation) = (servers(), site.rig.generation());
        let told = format!("HAProxy {version}, level operator");
        let gw = site.rig.gw.clone().without("GW_MASTER");
        site.rig.write(&site.moved());
        let outcome = gw.run(&["apply", "manifests", "--yes"]);
        assert!(matches!(outcome.code, Some(1 | 17)), "{told}: {}", outcome.transcript());
        let code = outcome.code.unwrap_or_default();
        assert_says(&outcome, code, &["level admin"], &told);
        assert_eq!(servers(), before, "{told}");
        assert_eq!(site.rig.generation(), generation, "{told}");
        site.assert_served_by("one");
    }
}

#[test]
fn without_a_master_socket_the_reload_goes_by_signal() {
    for version in versions() {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}, no master socket");
        let worker = site.rig.haproxy().worker();
        let gw = site.rig.gw.clone().without("GW_MASTER");
        site.rig.write(&site.reloading());
        let outcome = gw.run(&["apply", "manifests", "--yes"]);
        assert_says(&outcome, 0, &["SIGUSR2", "--master"], &told);
        assert_ne!(site.rig.haproxy().worker(), worker, "{told}");
        site.rig.assert_converged();
        site.assert_serves();
    }
}

#[test]
fn a_master_by_the_keyword_of_the_configuration_is_one() {
    for version in [oldest(), newest()] {
        let mut site = Site::new(version);
        site.rig.write(&site.first());
        let _ = site.rig.apply().ok();
        site.rig.start_as(Mode::Keyword);
        let told = format!("HAProxy {version}, master-worker in global");
        let gw = site.rig.gw.clone().without("GW_MASTER");
        // The second time the master has further arguments, which HAProxy itself adds.
        for text in [site.reloading(), site.first()] {
            let worker = site.rig.haproxy().worker();
            site.rig.write(&text);
            let outcome = gw.run(&["apply", "manifests", "--yes"]);
            assert_says(&outcome, 0, &["SIGUSR2", "--master"], &told);
            assert_ne!(site.rig.haproxy().worker(), worker, "{told}");
            site.assert_serves();
        }
    }
}

#[test]
fn without_a_master_a_reload_is_refused_and_the_rest_is_done() {
    for version in [oldest(), newest()] {
        let mut site = Site::new(version);
        site.rig.write(&site.first());
        let _ = site.rig.apply().ok();
        site.rig.start_as(Mode::Plain);
        let told = format!("HAProxy {version}, no master");
        let gw = site.rig.gw.clone().without("GW_MASTER");
        site.rig.write(&site.moved());
        let _ = gw.run(&["apply", "manifests", "--yes"]).ok();
        site.assert_served_by("two");
        let generation = site.rig.generation();
        site.rig.write(&site.reloading());
        let plan = gw.run(&["plan", "manifests"]).ok();
        assert!(plan.transcript().contains("this can't be applied"), "{}", plan.transcript());
        let staged = || fs::read_dir(site.rig.state_dir().join("generations")).unwrap().count();
        let before = staged();
        let outcome = gw.run(&["apply", "manifests", "--yes"]);
        assert_says(&outcome, 17, &["can't be reloaded", "master-worker", "-W"], &told);
        assert!(!outcome.transcript().contains("refused"), "{}", outcome.transcript());
        assert_eq!((site.rig.generation(), staged()), (generation, before), "{told}");
        site.assert_serves();
        // The way back leads through gw, too.
        site.rig.write(&site.first());
        let _ = gw.run(&["apply", "manifests", "--yes"]).ok();
        site.assert_served_by("one");
    }
}

#[test]
fn a_dead_runtime_socket_is_replaced_by_the_masters() {
    for version in versions() {
        let site = Site::serving(version);
        fs::remove_file(&site.rig.socket).unwrap();
        site.rig.write(&site.moved());
        let outcome = site.rig.apply();
        let told = format!("HAProxy {version}, socket file removed");
        assert_says(&outcome, 0, &["master"], &told);
        site.assert_served_by("two");
        let plan = site.rig.plan();
        assert_eq!(plan.code, Some(0), "{told}: {}", plan.transcript());
    }
}

#[test]
fn a_haproxy_that_stopped_answering_is_given_up_in_time() {
    let site = Site::serving(newest());
    let worker = site.rig.haproxy().worker().expect("it runs");
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    site.rig.write(&site.moved());
    let start = Instant::now();
    let gw = site.rig.gw.clone().without("GW_MASTER");
    let outcome = gw.run(&["apply", "manifests", "--yes"]);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}: {}", outcome.transcript());
    assert_says(&outcome, 17, &["error"], "a stopped worker");
    let _ = site.rig.apply().ok();
    site.rig.assert_converged();
}

#[test]
fn a_state_directory_that_haproxy_does_not_load_is_refused() {
    for version in [oldest(), newest()] {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}");
        let process = || (site.rig.haproxy().pid(), site.rig.haproxy().worker());
        let before = process();
        for (name, init, said) in [
            ("empty", false, "is no state directory of gw"),
            ("wrong", true, "was not started with"),
        ] {
            let state = site.rig.path().join(name);
            fs::create_dir(&state).unwrap();
            let gw = site.rig.gw.clone().env("GW_STATE", &state);
            if init {
                let _ = gw.run(&["init"]).ok();
            }
            site.rig.write(&site.reloading());
            for command in [
                &["plan", "manifests"][..],
                &["apply", "manifests", "--yes"],
                &["status"],
                &["drift", "manifests"],
            ] {
                let outcome = gw.run(command);
                let code = if init { 17 } else { 1 };
                assert_says(&outcome, code, &[said, "gw init"], &told);
            }
            let link = fs::read_link(state.join("current")).ok();
            assert_eq!(link, init.then(|| "generations/0001".into()), "{told}");
            assert_eq!(process(), before, "{told}");
        }
        site.assert_serves();
    }
}
