//! Servers that come: none takes a request before it was seen to be well, and none holds up the
//! others.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::manifest::{backend, backend_of, checked, route, server, with};
use super::site::{Site, at_once, step};
use crate::support::clock;
use crate::support::connection::Ask;
use crate::support::load::{Load, Running};
use crate::support::origin::Origin;
use crate::support::versions::{Version, newest, oldest, versions};

/// Load that leaves most of the machine to the processes.
pub(super) fn load(site: &Site, host: &str) -> Running {
    let pause = Duration::from_millis(5);
    let load = Load { keep_alive: 1, fresh: 1, http2: 1, streams: 2, pause, ..Load::default() };
    load.start(site.http, vec![Ask::get(host, "/")])
}

/// A gateway and one checked backend `web` for the host `web.test`.
pub(super) fn manifests(site: &Site, origins: &[&Origin], settings: Value) -> Vec<Value> {
    let backend = backend("web", origins, with(checked(), settings));
    vec![site.gateway(), backend, route("web", &["web.test"], "web")]
}

/// Applies `documents` while `origin`, a new server in them, is ill for a second, under load.
pub(super) fn comes_up_late(site: &Site, documents: &[Value], origin: &Origin) -> Value {
    origin.set_healthy(false);
    let load = load(site, "web.test");
    let report = thread::scope(|scope| {
        let applying = scope.spawn(|| site.converge(documents));
        clock::pause(Duration::from_secs(1));
        assert_eq!(origin.requests(), 0, "{}: asked though ill", site.haproxy.version);
        origin.set_healthy(true);
        applying.join().unwrap()
    });
    let taken = clock::eventually(Duration::from_secs(5), || origin.requests() > 20);
    let seen = load.stop();
    seen.assert_no_failure();
    assert!(taken, "{}: the new server gets nothing: {seen}", site.haproxy.version);
    report
}

#[test]
fn a_new_server_takes_no_request_before_its_first_good_check() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let [old, new] = ["old", "new"].map(Origin::http1);
        site.converge(&manifests(&site, &[&old], json!({})));
        let report = comes_up_late(&site, &manifests(&site, &[&old, &new], json!({})), &new);
        assert_eq!(report["reloads"], 0, "{version}: {report:#}");
        assert!(new.health_checks() > 1, "{version}");

        // One that does not even listen at first.
        let third = Origin::http1("third");
        third.refuse();
        let load = load(&site, "web.test");
        let documents = manifests(&site, &[&old, &new, &third], json!({}));
        thread::scope(|scope| {
            let applying = scope.spawn(|| site.converge_live(&documents));
            clock::pause(Duration::from_millis(500));
            third.accept();
            applying.join().unwrap();
        });
        load.wait_for(100);
        load.stop().assert_no_failure();
        assert!(third.requests() > 0, "{version}");
    });
}

/// A version of each way of adding: before and after `init-state`.
fn both_ways() -> Vec<&'static Version> {
    vec![oldest(), newest()]
}

#[test]
fn a_server_that_does_not_come_up_is_pending_and_holds_nobody_back() {
    at_once(both_ways(), |version| {
        let site = Site::start(version);
        let [old, ill, well, other] = ["old", "ill", "well", "other"].map(Origin::http1);
        ill.refuse();
        let documents = |web: &[&Origin], api: &[&Origin]| {
            let mut documents = manifests(&site, web, json!({}));
            documents.extend([backend("api", api, checked()), route("api", &["api.test"], "api")]);
            documents
        };
        site.converge(&documents(&[&old], &[&other]));
        let load = load(&site, "web.test");
        let both = documents(&[&old, &ill], &[&other, &well]);
        let report = site.apply(&both, &["--ready-timeout", "500ms"]).expect(3).json();
        let pending = step(&report, "server web/ill");
        assert_eq!(pending["outcome"], "pending", "{report:#}");
        assert!(pending["why"].as_str().unwrap().contains("health check"), "{report:#}");
        assert_eq!(step(&report, "server api/well")["outcome"], "done");
        assert!(clock::eventually(Duration::from_secs(5), || {
            site.answer("api.test", "/") == "200 well"
        }));
        // Still ill: pending again, and planned as such.
        let plan = site.plan(&both);
        assert_eq!(plan["summary"]["add"], 1, "{plan:#}");
        assert!(step(&plan, "server web/ill")["because"].to_string().contains("first good"));
        let again = site.again(&["--ready-timeout", "300ms"]).expect(3).json();
        assert_eq!(again["steps"].as_array().map(Vec::len), Some(1), "{again:#}");

        ill.accept();
        let report = site.converge_live(&both);
        assert_eq!(step(&report, "server web/ill")["outcome"], "done");
        assert!(clock::eventually(Duration::from_secs(5), || ill.requests() > 10), "{version}");
        load.stop().assert_no_failure();
    });
}

/// Requests are turned to a backend only once one of its servers was seen to be well, and a backend
/// that was begun is finished, whoever left it unfinished.
#[test]
fn a_backend_that_is_born_half_up_is_reached_and_one_that_is_born_dead_waits() {
    let version = newest();
    let site = Site::start(version);
    let [old, well, ill, dead] = ["old", "well", "ill", "dead"].map(Origin::http1);
    ill.refuse();
    dead.refuse();
    site.converge(&manifests(&site, &[&old], json!({})));
    let quick = ["--ready-timeout", "500ms"];
    let with = |host: &str, to: &str, servers: &[&Origin]| {
        let mut documents = manifests(&site, &[&old], json!({}));
        documents.truncate(2);
        documents.extend([backend(to, servers, checked()), route("web", &[host], to)]);
        documents
    };
    // One of two is up: it is reached, and the other one is pending.
    let half = with("web.test", "half", &[&well, &ill]);
    let report = site.apply(&half, &quick).expect(3).json();
    assert_eq!(report["reloads"], 0, "{report:#}");
    let _ = site.again(&quick).expect(3);
    assert_eq!(site.answer("web.test", "/"), "200 well");
    ill.accept();
    site.converge_live(&half);

    // None is up: requests stay where they were, over several passes.
    let waiting = with("web.test", "waiting", &[&dead]);
    for _ in 0..2 {
        let _ = site.apply(&waiting, &quick).expect(3);
        let answer = site.answer("web.test", "/");
        assert!(["200 well", "200 ill"].contains(&answer.as_str()), "{answer}");
    }
    dead.accept();
    site.converge_live(&waiting);
    assert_eq!(site.answer("web.test", "/"), "200 dead");

    // Taken out of reach by a hand, or by a gw that was killed.
    site.haproxy.command("unpublish backend waiting");
    site.converge_live(&waiting);
    assert_eq!(site.answer("web.test", "/"), "200 dead");
}

#[test]
fn a_pending_server_may_be_corrected_and_may_be_given_up() {
    at_once(both_ways(), |version| {
        let site = Site::start(version);
        let [old, new, wrong] = ["old", "new", "wrong"].map(Origin::http1);
        wrong.refuse();
        let with_new = |place: &Origin| {
            let place = with(server(place), json!({"name": "new"}));
            let backend = backend_of("web", &[server(&old), place], checked());
            vec![site.gateway(), backend, route("web", &["web.test"], "web")]
        };
        site.converge(&manifests(&site, &[&old], json!({})));
        let _ = site.apply(&with_new(&wrong), &["--ready-timeout", "300ms"]).expect(3);
        // The port was wrong.
        site.converge_live(&with_new(&new));
        assert!(clock::eventually(Duration::from_secs(5), || {
            site.answer("web.test", "/") == "200 new"
        }));
        // The next one never comes up and is taken back.
        let documents = manifests(&site, &[&old, &new, &wrong], json!({}));
        let _ = site.apply(&documents, &["--ready-timeout", "300ms"]).expect(3);
        site.converge_live(&with_new(&new));
        assert!(!site.has_server("web", "wrong"), "{version}");
    });
}

#[test]
fn servers_that_never_come_up_replace_nobody() {
    at_once(both_ways(), |version| {
        let site = Site::start(version);
        let [a, b, c, d] = ["a", "b", "c", "d"].map(Origin::http1);
        c.refuse();
        d.set_healthy(false);
        site.converge(&manifests(&site, &[&a, &b], json!({})));
        let load = load(&site, "web.test");
        let documents = manifests(&site, &[&c, &d], json!({}));
        let report = site.apply(&documents, &["--ready-timeout", "500ms"]).expect(3).json();
        for (server, outcome) in
            [("a", "skipped"), ("b", "skipped"), ("c", "pending"), ("d", "pending")]
        {
            let step = step(&report, &format!("server web/{server}"));
            assert_eq!(step["outcome"], outcome, "{version}: {report:#}");
        }
        load.wait_for(50);
        c.accept();
        d.set_healthy(true);
        site.converge_live(&documents);
        load.wait_for(50);
        let (of_c, of_d) = (c.requests(), d.requests());
        load.stop().assert_no_failure();
        assert!(of_c > 0 && of_d > 0, "{version}");
        assert!(!site.has_server("web", "a") && !site.has_server("web", "b"), "{version}");
    });
}
