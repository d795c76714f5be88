//! How a server is chosen, and how much it gets.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::manifest::{backend, backend_of, checked, route, server, with};
use super::newcomers;
use super::site::{Site, at_once, step};
use crate::support::clock;
use crate::support::connection::Ask;
use crate::support::origin::Origin;
use crate::support::versions::{newest, oldest, versions};

/// Every algorithm by which servers can come and go, with a name of its own.
fn algorithms() -> [(&'static str, Value); 6] {
    [
        ("roundrobin", json!("roundrobin")),
        ("leastconn", json!("leastconn")),
        ("random", json!("random")),
        ("source", json!("source")),
        ("uri", json!("uri")),
        ("header", json!({"algorithm": "header", "header": "x-user"})),
    ]
}

/// Who answers 20 requests, on 20 paths, from 20 users.
fn spread(site: &Site, name: &str) -> BTreeMap<String, u32> {
    let mut spread = BTreeMap::new();
    for turn in 0..20 {
        let path = format!("/{turn}");
        let ask = || Ask::get(&format!("{name}.test"), &path).header("x-user", &path);
        let answer = site.client().send(ask()).unwrap();
        let origin = answer.origin().unwrap_or_else(|| panic!("{name}: {answer:?}")).to_owned();
        if ["source", "uri", "header"].contains(&name) {
            let again = site.client().send(ask()).unwrap();
            assert_eq!(again.origin(), Some(&*origin), "{name}: the same for the same");
        }
        *spread.entry(origin).or_default() += 1;
    }
    spread
}

#[test]
fn every_algorithm_takes_new_servers_live() {
    for version in versions() {
        let site = Site::start(version);
        let [a, b, c] = ["a", "b", "c"].map(Origin::http1);
        let documents = |origins: &[&Origin]| {
            let mut documents = vec![site.gateway()];
            for (name, algorithm) in algorithms() {
                documents.push(backend(name, origins, json!({"balance": algorithm})));
                documents.push(route(name, &[&format!("{name}.test")], name));
            }
            documents
        };
        site.converge(&documents(&[&a, &b]));
        let seen = |name: &str| spread(&site, name);
        let even = BTreeMap::from([("a".to_owned(), 10), ("b".to_owned(), 10)]);
        assert_eq!(seen("roundrobin"), even, "{version}");
        assert_eq!(seen("leastconn").len(), 2, "{version}");
        assert_eq!(seen("random").len(), 2, "{version}");
        assert_eq!(seen("source").len(), 1, "{version}");
        assert_eq!(seen("uri").len(), 2, "{version}");
        assert_eq!(seen("header").len(), 2, "{version}");

        site.converge_live(&documents(&[&a, &b, &c]));
        for name in ["roundrobin", "leastconn", "random", "uri", "header"] {
            let seen = seen(name);
            assert!(seen.contains_key("c"), "{version} {name}: {seen:?}");
        }
        site.converge_live(&documents(&[&c]));
        for (name, _) in algorithms() {
            assert_eq!(seen(name), BTreeMap::from([("c".to_owned(), 20)]), "{version} {name}");
        }
    }
}

#[test]
fn a_static_algorithm_takes_servers_and_weights_by_a_reload() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let [a, b] = ["a", "b"].map(Origin::http1);
        let settings = || json!({"balance": "static-rr"});
        site.converge(&newcomers::manifests(&site, &[&a], settings()));
        let both = newcomers::manifests(&site, &[&a, &b], settings());
        let plan = site.plan(&both);
        let added = step(&plan, "server web/b");
        assert_eq!((&plan["reload"], &added["mechanism"]), (&json!(true), &json!("reload")));
        assert!(added["because"].to_string().contains("static-rr"), "{plan:#}");
        // The new one counts as down over the reload until its first good check.
        let report = newcomers::comes_up_late(&site, &both, &b);
        assert_eq!(report["reloads"], 1, "{version}: {report:#}");

        let heavy = with(server(&b), json!({"weight": 3}));
        let backend = backend_of("web", &[server(&a), heavy], with(checked(), settings()));
        let documents = [site.gateway(), backend, route("web", &["web.test"], "web")];
        let report = site.converge(&documents);
        assert_eq!(report["reloads"], 1, "{version}: {report:#}");
        let before = (a.requests(), b.requests());
        let table = site.client().table(&[Ask::get("web.test", "/")], 40);
        assert_eq!((a.requests() - before.0, b.requests() - before.1), (10, 30), "{table}");
    });
}

#[test]
fn first_goes_by_the_order_of_the_file() {
    at_once([oldest(), newest()], |version| {
        let site = Site::start(version);
        let [a, b] = ["a", "b"].map(Origin::http1);
        let first =
            |origins: &[&Origin]| newcomers::manifests(&site, origins, json!({"balance": "first"}));
        site.converge(&first(&[&b]));
        let added = first(&[&a, &b]);
        let plan = site.plan(&added);
        assert!(step(&plan, "server web/a")["because"].to_string().contains("order"), "{plan:#}");
        let report = site.converge(&added);
        assert_eq!(report["reloads"], 1, "{version}: {report:#}");
        let all_on_a = || {
            let table = site.client().table(&[Ask::get("web.test", "/")], 5);
            table.answers() == ["200 a"]
        };
        assert!(clock::eventually(Duration::from_secs(5), all_on_a), "{version}");
        a.set_healthy(false);
        let on_b = || site.answer("web.test", "/") == "200 b";
        assert!(clock::eventually(Duration::from_secs(5), on_b), "{version}");
    });
}

#[test]
fn weights_change_live_and_zero_is_none() {
    for version in versions() {
        let site = Site::start(version);
        let [a, b] = ["a", "b"].map(Origin::http1);
        let weighted = |of_a: u16, of_b: u16| {
            let servers = [(&a, of_a), (&b, of_b)]
                .map(|(origin, weight)| with(server(origin), json!({"weight": weight})));
            let backend = backend_of("web", &servers, json!({}));
            vec![site.gateway(), backend, route("web", &["web.test"], "web")]
        };
        site.converge(&weighted(1, 1));
        for (of_a, of_b, requests) in [(1, 3, 40), (256, 256, 10), (0, 5, 10), (2, 1, 30)] {
            site.converge_live(&weighted(of_a, of_b));
            let before = (a.requests(), b.requests());
            let table = site.client().table(&[Ask::get("web.test", "/")], requests);
            let share = u64::from(requests) / u64::from(of_a + of_b);
            let expected = match (of_a, of_b) {
                (256, 256) => (5, 5),
                _ => (share * u64::from(of_a), share * u64::from(of_b)),
            };
            let taken = (a.requests() - before.0, b.requests() - before.1);
            let off = taken.0.abs_diff(expected.0) + taken.1.abs_diff(expected.1);
            assert!(off <= 2, "{version} {of_a}:{of_b}: {taken:?}\n{table}");
            assert!(of_a > 0 || taken.0 == 0, "{version}: {taken:?}");
        }
    }
}

#[test]
fn a_backup_server_is_for_when_the_others_are_down() {
    at_once(versions(), |version| {
        let site = Site::start(version);
        let [main, spare, second] = ["main", "spare", "second"].map(Origin::http1);
        let backup = |origin: &Origin| with(server(origin), json!({"backup": true}));
        let documents = |servers: &[Value]| {
            let backend = backend_of("web", servers, checked());
            vec![site.gateway(), backend, route("web", &["web.test"], "web")]
        };
        site.converge(&documents(&[server(&main)]));
        // Comes at runtime, and is a backup all the same.
        site.converge_live(&documents(&[server(&main), backup(&spare)]));
        let answers = |expected: &str| {
            clock::eventually(Duration::from_secs(5), || site.answer("web.test", "/") == expected)
        };
        for _ in 0..6 {
            assert_eq!(site.answer("web.test", "/"), "200 main", "{version}");
        }
        main.set_healthy(false);
        assert!(answers("200 spare"), "{version}");
        assert_eq!(site.answer("web.test", "/"), "200 spare", "{version}");
        main.set_healthy(true);
        assert!(answers("200 main"), "{version}");
        assert_eq!(site.answer("web.test", "/"), "200 main", "{version}");
        // No command makes a server a backup.
        site.converge_live(&documents(&[server(&main), backup(&spare), server(&second)]));
        let report = site.converge(&documents(&[server(&main), backup(&spare), backup(&second)]));
        assert_eq!(report["reloads"], 1, "{version}: {report:#}");
        for _ in 0..4 {
            assert_eq!(site.answer("web.test", "/"), "200 main", "{version}");
        }
    });
}

#[test]
fn a_server_gets_no_more_at_a_time_than_it_may() {
    at_once([oldest(), newest()], |version| {
        let site = Site::start(version);
        let origin = Origin::http1("o");
        origin.set_delay(Duration::from_millis(300));
        let limited = |maxconn: Option<u32>| {
            let limit = maxconn.map_or_else(|| json!({}), |most| json!({"maxconn": most}));
            let backend = backend_of("web", &[with(server(&origin), limit)], json!({}));
            vec![site.gateway(), backend, route("web", &["web.test"], "web")]
        };
        let six_at_once = || {
            let start = Instant::now();
            thread::scope(|scope| {
                let asking: Vec<_> =
                    (0..6).map(|_| scope.spawn(|| site.answer("web.test", "/"))).collect();
                for answer in asking {
                    assert_eq!(answer.join().unwrap(), "200 o", "{version}");
                }
            });
            start.elapsed()
        };
        site.converge(&limited(Some(1)));
        assert!(six_at_once() >= Duration::from_millis(1800), "{version}: one at a time");
        site.converge_live(&limited(Some(3)));
        assert!(six_at_once() >= Duration::from_millis(600), "{version}: three at a time");
        site.converge_live(&limited(None));
        assert!(six_at_once() < Duration::from_millis(1500), "{version}: all at a time");
        site.converge_live(&limited(Some(2)));
        assert!(six_at_once() >= Duration::from_millis(900), "{version}: two at a time");
    });
}
