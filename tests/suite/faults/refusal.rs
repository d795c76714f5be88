//! Configurations that HAProxy refuses, before a reload and during it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

use super::{Site, assert_says};
use crate::rig::Rig;
use crate::support::ports::free_port;
use crate::support::versions::{newest, oldest, versions};

#[test]
fn a_refused_configuration_leaves_the_old_one_serving() {
    for version in versions() {
        let mut site = Site::with_base(version, "backend taken\n    mode http\n");
        site.begin();
        let told = format!("HAProxy {version}, a backend of the base's name");
        let (before, generation) = (site.rig.state(), site.rig.generation());
        let worker = site.rig.haproxy().worker();
        // The timeout makes a reload of it where backends can come at runtime.
        site.rig.write(&site.manifests(&site.origin, "taken", "7s", ""));
        let outcome = site.rig.apply();
        assert_says(&outcome, 14, &["taken"], &told);
        let report = outcome.json();
        assert_eq!(report["loading"]["state"], "refused", "{told}: {report}");
        assert_eq!(report["reloads"], 0, "{told}: {report}");
        // The failed generation is there for reading, with HAProxy's own words.
        let failed = report["loading"]["generation"].as_str().expect("a path");
        let words: String = (fs::read_dir(failed).unwrap().flatten())
            .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "txt"))
            .map(|entry| fs::read_to_string(entry.path()).unwrap())
            .collect();
        assert!(words.contains("taken") && words.contains("ALERT"), "{told}: {words:?}");
        assert!(fs::metadata(format!("{failed}/00-gw.cfg")).is_ok(), "{told}");

        assert_eq!(site.rig.generation(), generation, "{told}: `current` moved");
        assert_eq!(site.rig.haproxy().worker(), worker, "{told}: another worker");
        assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{told}");
        site.assert_serves();
        let _ = site.rig.must_apply(&site.reloading());
        site.rig.assert_converged();
    }
}

/// A listener as HAProxy's own are, which others of the same user may share.
fn shared(port: u16) -> TcpListener {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    sockopt::set_socket_reuseport(&socket, true).unwrap();
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    listen(&socket, 1).unwrap();
    socket.into()
}

#[test]
fn a_port_that_is_taken_is_refused_before_anything_happens() {
    for version in [oldest(), newest()] {
        let [alone, others, own] = [free_port(), free_port(), free_port()];
        let frontend = format!("frontend own\n  mode http\n  bind 127.0.0.1:{own}\n");
        let mut site = Site::with_base(version, &frontend);
        site.begin();
        let (before, worker) = (site.rig.state(), site.rig.haproxy().worker());
        let listeners = [TcpListener::bind(("0.0.0.0", alone)).unwrap(), shared(others)];
        let with = |port: u16| {
            let more = format!("  - {{name: more, port: {port}, protocol: HTTP}}\n");
            site.manifests(&site.origin, "web", "5s", &more)
        };
        for port in [alone, others, own] {
            site.rig.write(&with(port));
            let outcome = site.rig.apply();
            let told = format!("HAProxy {version}, port taken");
            assert_says(&outcome, 14, &["another program", &port.to_string()], &told);
            assert_eq!(outcome.json()["reloads"], 0, "{told}");
            assert_eq!(site.rig.haproxy().worker(), worker, "{told}");
            assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{told}");
        }
        drop(listeners);
        let _ = site.rig.must_apply(&with(alone));
        site.rig.assert_converged();
        site.assert_serves();
        // What HAProxy has given up a moment ago is free.
        for manifests in [site.first(), with(alone)] {
            let _ = site.rig.must_apply(&manifests);
        }
    }
}

#[test]
fn an_address_that_the_machine_does_not_have_is_refused_before_anything_happens() {
    for version in [oldest(), newest()] {
        let [one, other] = [free_port(), free_port()];
        let site = |address: &str, port: u16| {
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: a}}\n\
                 spec:\n  addresses: [{{value: 127.0.0.1}}]\n  \
                 listeners: [{{name: http, port: {one}, protocol: HTTP}}]\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: b}}\n\
                 spec:\n  addresses: [{{value: {address}}}]\n  \
                 listeners: [{{name: http, port: {port}, protocol: HTTP}}]\n"
            )
        };
        let rig = Rig::serving(version, &site("127.0.0.2", one));
        let worker = rig.haproxy().worker();
        // On a port that HAProxy has, and on another one. The address is for documentation (RFC 5737).
        for port in [one, other] {
            rig.write(&site("192.0.2.7", port));
            let outcome = rig.apply();
            let told = format!("HAProxy {version}, port {port}");
            assert_says(&outcome, 14, &["this machine has no address 192.0.2.7"], &told);
            assert_eq!(outcome.json()["reloads"], 0, "{told}");
            assert_eq!(rig.haproxy().worker(), worker, "{told}");
        }
        let _ = rig.must_apply(&site("127.0.0.3", other));
        rig.assert_converged();
    }
}

#[test]
fn a_reload_that_fails_is_rolled_back() {
    for version in versions() {
        let site = Site::serving(version);
        let told = format!("HAProxy {version}, port taken");
        let (before, generation) = (site.rig.state(), site.rig.generation());
        let port = free_port();
        let taken = TcpListener::bind(("0.0.0.0", port)).unwrap();
        // gw does not know what the operator's own configuration listens on.
        let base = site.rig.path().join("base.cfg");
        let bind = format!("frontend more\n    mode http\n    bind :{port}\n");
        fs::write(&base, format!("{}{bind}", site.rig.base)).unwrap();
        let wanted = site.manifests(&site.origin, "web", "7s", "");
        site.rig.write(&wanted);
        let outcome = site.rig.apply();
        assert_says(&outcome, 14, &["refused"], &told);
        assert_eq!(outcome.json()["loading"]["state"], "refused", "{told}");
        assert_eq!(site.rig.generation(), generation, "{told}: `current` moved");
        site.assert_serves();
        // From 3.2 on HAProxy itself takes the socket away in this case.
        assert!(site.rig.haproxy().worker().is_some(), "{told}: the socket is dead");
        assert_eq!(before.diff(&site.rig.state(), "before", "after"), "", "{told}");
        let _ = site.rig.must_apply(&site.moved());
        site.assert_served_by("two");
        site.rig.assert_converged();
        drop(taken);
        let _ = site.rig.must_apply(&wanted);
        site.rig.assert_converged();
        site.assert_serves();
    }
}
