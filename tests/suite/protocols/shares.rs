//! Weighted splits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::manifest::{backend, http_route, rule};
use super::newcomers::load;
use super::site::Site;
use crate::support::connection::Ask;
use crate::support::origin::Origin;
use crate::support::versions::{newest, oldest, versions};

/// A route for each list of shares, `split-0.test` and so on, and one for `web.test`.
fn manifests(site: &Site, origins: &[&Origin], splits: &[&[(&str, u32)]]) -> Vec<Value> {
    let mut documents = vec![site.gateway()];
    documents.extend(origins.iter().map(|origin| backend(origin.name(), &[origin], json!({}))));
    for (at, shares) in splits.iter().enumerate() {
        let spec = json!({
            "hostnames": [format!("split-{at}.test")],
            "rules": [rule(json!({}), shares)],
        });
        documents.push(http_route(&format!("split-{at}"), spec));
    }
    documents
}

/// What answers `requests` requests to one split.
fn answers(site: &Site, at: usize, requests: u32) -> BTreeMap<String, u32> {
    let table = site.client().table(&[Ask::get(&format!("split-{at}.test"), "/")], requests);
    table.0.into_iter().next().expect("one request is one row").1
}

#[test]
fn shares_are_what_the_weights_say() {
    for version in versions() {
        let site = Site::start(version);
        let [a, b, c] = ["a", "b", "c"].map(Origin::http1);
        site.converge(&manifests(
            &site,
            &[&a, &b, &c],
            &[
                &[("a", 3), ("missing", 1)],
                &[("a", 1), ("b", 3)],
                &[("a", 0), ("b", 5)],
                &[("a", 1), ("b", 1_000_000)],
                &[("a", 1), ("b", 1), ("c", 1)],
                &[("a", 0), ("missing", 1)],
                &[("a", 1), ("a", 1)],
            ],
        ));
        let between = |at: usize, answer: &str, low: u32, high: u32| {
            let answers = answers(&site, at, 400);
            let times = answers.get(answer).copied().unwrap_or(0);
            assert!((low..=high).contains(&times), "{version}: split {at}: {answers:?}");
            answers
        };
        // Bounds at five times the standard deviation.
        let broken = between(0, "500", 57, 143);
        assert_eq!(broken.len(), 2, "{version}: {broken:?}");
        assert_eq!(between(1, "200 a", 57, 143).len(), 2, "{version}");
        for origin in ["200 a", "200 b", "200 c"] {
            between(4, origin, 86, 180);
        }
        for (at, only) in [(2, "200 b"), (5, "500"), (6, "200 a")] {
            assert_eq!(
                answers(&site, at, 30),
                BTreeMap::from([(only.to_owned(), 30)]),
                "{version}"
            );
        }
        // The least share is one in ten thousand.
        assert!(answers(&site, 3, 100).get("200 b").is_some_and(|times| *times >= 95), "{version}");
    }
}

#[test]
fn shares_move_live_and_no_request_is_lost() {
    for version in [oldest(), newest()] {
        let site = Site::start(version);
        let [a, b, c] = ["a", "b", "c"].map(Origin::http1);
        let origins = [&a, &b, &c];
        site.converge(&manifests(&site, &origins, &[&[("a", 1)]]));
        let load = load(&site, "split-0.test");
        for shares in [
            &[("a", 9), ("b", 1)][..],
            &[("a", 1), ("b", 1)],
            &[("b", 1), ("c", 3)],
            &[("a", 1), ("b", 1), ("c", 1)],
            &[("c", 1)],
            &[("c", 0), ("b", 1)],
        ] {
            site.converge_live(&manifests(&site, &origins, &[shares]));
            load.wait_for(30);
            let answered = answers(&site, 0, 40);
            let has_share = |answer: &str| {
                let name = answer.strip_prefix("200 ").unwrap_or(answer);
                shares.iter().any(|(share, weight)| *share == name && *weight > 0)
            };
            assert!(answered.keys().all(|answer| has_share(answer)), "{version}: {answered:?}");
        }
        load.stop().assert_no_failure();
    }
}
