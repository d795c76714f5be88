//! Which server answers must not depend on the order in which servers came: a ring of hashes is the
//! same as after a cold start, so that a reload by whomever moves no client to another server.

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

/// How a server is chosen, as JSON. None of them needs a reload for a new server.
const CHOICES: [&str; 3] =
    [r#""uri""#, r#""source""#, r#"{"algorithm": "header", "header": "x-user"}"#];

/// One backend per choice, each with the servers of these names.
fn manifests(port: u16, origins: &[Origin], names: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n"
    );
    for (number, balance) in CHOICES.iter().enumerate() {
        let balance: Value = serde_json::from_str(balance).expect("it is JSON");
        let server = |origin: &Origin| json!({ "name": origin.name(), "address": "127.0.0.1", "port": origin.port() });
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
fn table(port: u16) -> Table {
    let client = Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let ask = |number: usize| {
        let host = format!("b{}.test", number % CHOICES.len());
        let user = format!("user-{number}");
        Ask::get(&host, &format!("/{number}")).header("x-user", &user)
    };
    let asks: Vec<Ask> = (0..CHOICES.len() * 15).map(ask).collect();
    client.table(&asks, 1)
}

/// The choices by which another server answers in `b` than in `a`.
fn moved(a: &Table, b: &Table) -> BTreeSet<&'static str> {
    let differ = a.0.iter().zip(&b.0).enumerate().filter(|(_, (a, b))| a.1 != b.1);
    differ.map(|(number, _)| CHOICES[number % CHOICES.len()]).collect()
}

fn check(version: &Version, steps: &[&[&str]]) {
    let origins = ["a", "b", "c", "d"].map(Origin::http1);
    let (port, cold_port) = (free_port(), free_port());
    let rig = Rig::serving(version, &manifests(port, &origins, steps[0]));
    for names in &steps[1..] {
        let report = rig.must_apply(&manifests(port, &origins, names));
        assert_eq!(report["reloads"], 0, "{report}");
        let told = format!("HAProxy {version}, {steps:?} at {names:?}: {report}");
        let live = table(port);
        let _cold = Rig::serving(version, &manifests(cold_port, &origins, names));
        let cold = table(cold_port);
        assert_eq!(moved(&live, &cold), BTreeSet::new(), "unlike a cold start: {told}");
        rig.haproxy().reload();
        assert_eq!(moved(&live, &table(port)), BTreeSet::new(), "after a reload: {told}");
    }
}

#[test]
fn servers_that_came_late_are_chosen_as_if_they_had_always_been_there() {
    for version in versions() {
        check(version, &[&["b", "d"], &["a", "b", "d"], &["a", "b", "c", "d"], &["c", "d"]]);
    }
}

#[test]
fn servers_that_came_back_are_chosen_as_before() {
    for version in versions() {
        check(version, &[&["a", "b", "c"], &["c"], &["b", "c"], &["a", "b", "c"]]);
    }
}
