//! Certificates that are renewed, and certificates that come.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::handshake::{in_file, leaf, shake};
use super::manifest::{backend, certificate, gateway, https, route};
use super::site::{Site, step};
use crate::support::client::Client;
use crate::support::connection::{Ask, Connection, Wire};
use crate::support::origin::Origin;
use crate::support::runtime;
use crate::support::tls::{Authority, H2_FIRST, HTTP1_ONLY};
use crate::support::versions::{newest, oldest, versions};

/// A site with one HTTPS listener that shows `names`, each in a bundle of that name.
fn manifests(site: &Site, web: &Origin, names: &[&str]) -> Vec<Value> {
    let mut documents = vec![
        gateway("public", &[https("https", site.https, names)]),
        backend("web", &[web], json!({})),
        route("all", &[], "web"),
    ];
    let bundle = |name: &&str| certificate(name, json!({"file": format!("{name}.pem")}));
    documents.extend(names.iter().map(bundle));
    documents
}

#[test]
fn a_renewed_certificate_is_shown_at_once_and_open_connections_stay() {
    for version in versions() {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let file = authority.issue("front", &["front.test"]).bundle;
        let web = Origin::http1("web");
        let documents = manifests(&site, &web, &["front"]);
        site.converge(&documents);
        let worker = site.haproxy.worker();
        let before = leaf(site.https, Some("front.test"));
        assert!(before == in_file(&file));
        let open = [H2_FIRST, HTTP1_ONLY].map(|alpn| Open::new(&site, &authority, alpn));

        // Another certificate, and another key.
        authority.issue("front", &["front.test"]);
        let report = site.converge_live(&documents);
        let renewed = step(&report, "certificate front");
        assert_eq!(
            (&renewed["action"], &renewed["mechanism"]),
            (&json!("change"), &json!("runtime"))
        );
        let commands = renewed["commands"].to_string();
        assert!(
            commands.contains("commit ssl cert") && !commands.contains("PRIVATE"),
            "{commands}"
        );
        let after = leaf(site.https, Some("front.test"));
        assert!(after != before && after == in_file(&file), "{version}");
        let client = Client::tls(site.https, authority.client(H2_FIRST));
        assert_eq!(client.get("front.test", "/").unwrap().status, 200);
        for mut connection in open {
            connection.ask();
        }
        let again = site.again(&[]).ok().json();
        assert_eq!((&again["commands_sent"], &again["bytes_written"]), (&json!(0), &json!(0)));
        assert_eq!(site.haproxy.worker(), worker);

        // The same certificate with another chain.
        add_chain(&file, &authority.file);
        assert_eq!(shake(site.https, Some("front.test"), &[]).chain.len(), 1);
        site.converge_live(&documents);
        assert_eq!(shake(site.https, Some("front.test"), &[]).chain.len(), 2, "{version}");

        // The files say the same as the process.
        site.haproxy.reload();
        let shown = shake(site.https, Some("front.test"), &[]).chain;
        assert!(shown.len() == 2 && shown[0] == after, "{version}");
    }
}

/// Puts the authority's own certificate into a bundle.
fn add_chain(bundle: &Path, authority: &Path) {
    let text = fs::read_to_string(bundle).unwrap() + &fs::read_to_string(authority).unwrap();
    fs::write(bundle, text).unwrap();
}

/// A connection on which a request was answered.
struct Open(Option<Connection>);

impl Open {
    fn new(site: &Site, authority: &Authority, alpn: &[&str]) -> Self {
        let (wire, address) = (Wire::Tls(authority.client(alpn)), site.https);
        let opened = async move { Connection::open(&wire, address, "front.test").await };
        let mut open = Self(Some(runtime::wait(opened).unwrap()));
        open.ask();
        open
    }

    fn ask(&mut self) {
        let mut connection = self.0.take().unwrap();
        let (answer, connection) = runtime::wait(async move {
            (connection.send(&Ask::get("front.test", "/")).await, connection)
        });
        assert_eq!(answer.unwrap().status, 200);
        self.0 = Some(connection);
    }
}

#[test]
fn a_certificate_comes_to_a_listener_by_a_reload_and_renews_live_from_then_on() {
    for version in [oldest(), newest()] {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let [a, b] = ["a", "b"].map(|name| authority.issue(name, &[&format!("{name}.test")]));
        let web = Origin::http1("web");
        site.converge(&manifests(&site, &web, &["a"]));
        assert!(leaf(site.https, Some("b.test")) == in_file(&a.bundle));

        let both = manifests(&site, &web, &["a", "b"]);
        let plan = site.plan(&both);
        assert_eq!(plan["reload"], true, "{plan:#}");
        let report = site.converge(&both);
        assert_eq!(report["reloads"], 1, "{version}: {report:#}");
        assert!(leaf(site.https, Some("b.test")) == in_file(&b.bundle));

        authority.issue("b", &["b.test"]);
        site.converge_live(&both);
        assert!(leaf(site.https, Some("b.test")) == in_file(&b.bundle));
        assert!(leaf(site.https, Some("a.test")) == in_file(&a.bundle));

        let report = site.converge(&manifests(&site, &web, &["b"]));
        assert_eq!(report["reloads"], 1, "{version}: {report:#}");
        assert!(leaf(site.https, Some("a.test")) == in_file(&b.bundle), "the first one now");
    }
}
