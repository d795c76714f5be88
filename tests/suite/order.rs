//! Which server answers must not depend on the order in which servers came: it is the one that a cold
//! start would choose, so that a reload by whomever moves no client to another server.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::rig::Rig;
use crate::support::client::{Client, Table};
use crate::support::connection::Ask;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::versions::{Version, versions};

/// How a server is chosen, as JSON.
type Choices = [&'static str];

/// By a ring of hashes, which needs no reload for a new server.
const RINGS: &Choices =
    &[r#""uri""#, r#""source""#, r#"{"algorithm": "header", "header": "x-user"}"#];

/// By the order of servers itself.
const ORDERS: &Choices = &[
    r#""first""#,
    r#"{"algorithm": "uri", "hashType": "map-based"}"#,
    r#"{"algorithm": "header", "header": "x-user", "hashType": "map-based"}"#,
];

/// One backend per choice, each with the servers of these names.
fn manifests(port: u16, choices: &Choices, origins: &[Origin], names: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n"
    );
    for (number, balance) in choices.iter().enumerate() {
        let balance: Value = serde_json::from_str(balance).expect("it is JSON");
        let server = |origin: &Origin| {
            let port = origin.port();
            json!({"name": origin.name(), "address": "127.0.0.1", "port": port})
        };
        let chosen = origins.iter().filter(|origin| names.contains(&origin.name()));
        let servers: Vec<Value> = chosen.map(server).collect();
        let backend = json!({
            "apiVersion": "gw/v1", "kind": "Backend", "metadata": {"name": format!("b{number}")},
            "spec": {"servers": servers, "balance": balance},
        });
        let route = json!({
            "apiVersion": "gw/v1", "kind": "Route", "metadata": {"name": format!("r{number}")},
            "spec": {"hosts": [format!("b{number}.test")], "backend": format!("b{number}")},
        });
        let _ = write!(text, "---\n{backend}\n---\n{route}\n");
    }
    text
}

/// Who answers what, for each choice.
fn table(port: u16, choices: &Choices) -> Table {
    let client = Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let ask = |number: usize| {
        let host = format!("b{}.test", number % choices.len());
        let user = format!("user-{number}");
        Ask::get(&host, &format!("/{number}")).header("x-user", &user)
    };
    let asks: Vec<Ask> = (0..choices.len() * 15).map(ask).collect();
    client.table(&asks, 1)
}

/// The choices by which another server answers in `b` than in `a`.
fn moved(choices: &Choices, a: &Table, b: &Table) -> BTreeSet<&'static str> {
    let differ = a.0.iter().zip(&b.0).enumerate().filter(|(_, (a, b))| a.1 != b.1);
    differ.map(|(number, _)| choices[number % choices.len()]).collect()
}

/// Applies one set of servers after the other.
fn check(version: &Version, choices: &Choices, steps: &[&[&str]]) {
    let origins = ["a", "b", "c", "d"].map(Origin::http1);
    let (port, cold_port) = (free_port(), free_port());
    let rig = Rig::serving(version, &manifests(port, choices, &origins, steps[0]));
    for names in &steps[1..] {
        let report = rig.must_apply(&manifests(port, choices, &origins, names));
        let told = format!("HAProxy {version}, {steps:?} at {names:?}: {report}");
        assert!(choices == ORDERS || report["reloads"] == 0, "{told}");
        let live = table(port, choices);
        let _cold = Rig::serving(version, &manifests(cold_port, choices, &origins, names));
        let cold = table(cold_port, choices);
        assert_eq!(moved(choices, &live, &cold), BTreeSet::new(), "unlike a cold start: {told}");
        rig.haproxy().reload();
        let after = table(port, choices);
        assert_eq!(moved(choices, &live, &after), BTreeSet::new(), "after a reload: {told}");
    }
}

#[test]
fn servers_that_came_late_are_chosen_as_if_they_had_always_been_there() {
    for version in versions() {
        let steps: [&[&str]; 4] =
            [&["b", "d"], &["a", "b", "d"], &["a", "b", "c", "d"], &["c", "d"]];
        check(version, RINGS, &steps);
        check(version, ORDERS, &steps);
    }
}

#[test]
fn servers_that_came_back_are_chosen_as_before() {
    for version in versions() {
        let steps: [&[&str]; 4] = [&["a", "b", "c"], &["c"], &["b", "c"], &["a", "b", "c"]];
        check(version, RINGS, &steps);
        check(version, ORDERS, &steps);
    }
}
