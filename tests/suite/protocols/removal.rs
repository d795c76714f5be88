//! Servers that go: what they have begun they finish.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::manifest::{backend, route};
use super::newcomers::load;
use super::site::{Site, at_once, said, step};
use crate::support::clock;
use crate::support::origin::Origin;
use crate::support::versions::versions;

fn manifests(site: &Site, origins: &[&Origin]) -> Vec<Value> {
    let backend = backend("web", origins, json!({}));
    vec![site.gateway(), backend, route("web", &["web.test"], "web")]
}

/// Runs `task` while the server `slow` has a request that takes this long; returns what that got.
fn while_busy(site: &Site, slow: &Origin, time: Duration, task: impl FnOnce()) -> String {
    slow.set_delay(time);
    let before = slow.requests();
    thread::scope(|scope| {
        let asking = scope.spawn(|| site.get("web.test", "/slow"));
        let came = clock::eventually(Duration::from_secs(5), || slow.requests() > before);
        assert!(came, "the slow request did not arrive");
        task();
        said(&asking.join().unwrap())
    })
}

#[test]
fn a_removed_server_finishes_its_request_and_is_deleted() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let [old, new] = ["old", "new"].map(Origin::http1);
        site.converge(&manifests(&site, &[&old]));
        let start = Instant::now();
        let answer = while_busy(&site, &old, Duration::from_millis(1200), || {
            site.converge_live(&manifests(&site, &[&new]));
            assert!(start.elapsed() > Duration::from_secs(1), "{version}: it was waited for");
            assert!(!site.has_server("web", "old"), "{version}");
        });
        assert_eq!(answer, "200 old", "{version}");
        assert_eq!(site.answer("web.test", "/"), "200 new", "{version}");
    });
}

#[test]
fn a_server_that_stays_busy_is_pending_without_new_requests() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let [old, new] = ["old", "new"].map(Origin::http1);
        site.converge(&manifests(&site, &[&old]));
        let only_new = manifests(&site, &[&new]);
        let answer = while_busy(&site, &old, Duration::from_millis(2500), || {
            let report = site.apply(&only_new, &["--removal-timeout", "300ms"]).expect(3).json();
            let pending = step(&report, "server web/old");
            assert_eq!(pending["outcome"], "pending", "{version}: {report:#}");
            assert_eq!(step(&report, "server web/new")["outcome"], "done");
            assert!(site.has_server("web", "old"));
            let asked = old.requests();
            for _ in 0..4 {
                assert_eq!(site.answer("web.test", "/"), "200 new", "{version}");
            }
            assert_eq!(old.requests(), asked, "{version}: it takes no new requests");
            let plan = site.plan(&only_new);
            assert_eq!(plan["summary"]["remove"], 1, "{version}: {plan:#}");
        });
        assert_eq!(answer, "200 old", "{version}");
        site.converge_live(&only_new);
        assert!(!site.has_server("web", "old"), "{version}");
    });
}

/// HAProxy's answer to the last command is lost among what it tells of the servers.
#[test]
fn a_backend_with_many_servers_is_removed_at_once() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let origin = Origin::http1("one");
        let mut many = backend("many", &[], json!({}));
        many["spec"]["servers"] = (1..=9)
            .map(|n| json!({"name": format!("a-rather-long-name-{n}"), "address": "127.0.0.1", "port": n}))
            .collect();
        let with_many = [manifests(&site, &[&origin]), vec![many]].concat();
        site.converge(&with_many);
        let _ = site.apply(&manifests(&site, &[&origin]), &["--removal-timeout", "0s"]).ok();
        site.converge_live(&manifests(&site, &[&origin]));
    });
}

/// Wanted again before it was gone: it serves on.
#[test]
fn a_server_on_its_way_out_may_come_back() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let [old, new] = ["old", "new"].map(Origin::http1);
        site.converge(&manifests(&site, &[&old]));
        let answer = while_busy(&site, &old, Duration::from_millis(1500), || {
            let only_new = manifests(&site, &[&new]);
            let _ = site.apply(&only_new, &["--removal-timeout", "200ms"]).expect(3);
            old.set_delay(Duration::ZERO);
            site.converge_live(&manifests(&site, &[&old, &new]));
            let answers = ["/1", "/2"].map(|path| site.answer("web.test", path));
            assert!(answers.contains(&"200 old".to_owned()), "{version}: {answers:?}");
        });
        assert_eq!(answer, "200 old", "{version}");
    });
}

#[test]
fn servers_come_and_go_under_load() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let origins = ["a", "b", "c", "d"].map(Origin::http1);
        let pair = |at: usize| [&origins[at % 4], &origins[(at + 1) % 4]];
        site.converge(&manifests(&site, &pair(0)));
        let load = load(&site, "web.test");
        for at in 1..=4 {
            site.converge_live(&manifests(&site, &pair(at)));
            load.wait_for(20);
        }
        let report = load.stop();
        report.assert_no_failure();
        assert_eq!(report.answers.len(), 4, "{version}: {report}");
    });
}
