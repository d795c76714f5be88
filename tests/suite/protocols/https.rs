//! HTTPS listeners, and which of several listeners a request belongs to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hyper::Version as Http;
use serde_json::{Value, json};

use super::handshake::{in_file, leaf, shake};
use super::manifest::{backend, certificate, gateway, http, http_route, https, route, rule, with};
use super::site::{Site, said};
use crate::support::client::Client;
use crate::support::connection::Ask;
use crate::support::origin::Origin;
use crate::support::ports::free_address;
use crate::support::tls::{Authority, H2_FIRST, HTTP1_ONLY};
use crate::support::versions::{newest, oldest, versions};

#[test]
fn a_listener_shows_the_certificate_of_the_name_and_speaks_what_alpn_agrees_on() {
    for version in versions() {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let first = authority.issue("first", &["first.test"]);
        let second = authority.issue("second", &["second.test", "*.wild.test"]);
        let web = Origin::http1("web");
        let listeners = [http("http", site.http), https("https", site.https, &["first", "second"])];
        site.converge(&[
            gateway("public", &listeners),
            certificate("first", json!({"file": "first.pem"})),
            certificate("second", json!({"certificate": "second.crt", "key": "second.key"})),
            backend("web", &[&web], json!({})),
            route("all", &[], "web"),
        ]);

        let (first, second) = (in_file(&first.bundle), in_file(&second.certificate));
        for (name, expected) in [
            (Some("first.test"), &first),
            (Some("second.test"), &second),
            (Some("SECOND.test"), &second),
            (Some("a.wild.test"), &second),
            (Some("unknown.test"), &first),
            (None, &first),
        ] {
            assert!(leaf(site.https, name) == *expected, "{version}: {name:?}");
        }
        for (offered, agreed, spoken) in [
            (H2_FIRST, Some("h2"), Http::HTTP_2),
            (HTTP1_ONLY, Some("http/1.1"), Http::HTTP_11),
            (&[], None, Http::HTTP_11),
        ] {
            assert_eq!(shake(site.https, Some("first.test"), offered).alpn.as_deref(), agreed);
            let client = Client::tls(site.https, authority.client(offered));
            let answer = client.get("second.test", "/x").unwrap();
            assert_eq!((answer.version, &*said(&answer)), (spoken, "200 web"), "{version}");
            assert_eq!(header(&answer.body, "x-forwarded-proto"), "https");
        }
        forwarded(&site, &authority);
        only_for_the_owner(&site);
    }
}

/// The server learns who asked and how, whatever the client says about it.
fn forwarded(site: &Site, authority: &Authority) {
    let lie = Ask::get("first.test", "/").header("x-forwarded-proto", "gopher");
    for (client, proto) in [
        (site.client(), "http"),
        (Client::h2c(site.http), "http"),
        (Client::tls(site.https, authority.client(H2_FIRST)), "https"),
    ] {
        let body = client.send(lie.clone()).unwrap().body;
        assert_eq!(header(&body, "x-forwarded-proto"), proto);
        assert_eq!(header(&body, "x-forwarded-for"), "127.0.0.1");
    }
}

/// Keys are nobody else's to read.
fn only_for_the_owner(site: &Site) {
    let certificates = fs::read_dir(site.state.join("current/certs")).unwrap();
    let mut keys = 0;
    for file in certificates.map(Result::unwrap) {
        let is_key = fs::read_to_string(file.path()).unwrap().contains("PRIVATE KEY");
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert!(!is_key || mode == 0o600, "{}: {mode:o}", file.path().display());
        keys += usize::from(is_key);
    }
    assert_eq!(keys, 2);
}

/// A header that an origin saw.
fn header(body: &str, name: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["headers"][name].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_route_is_served_where_its_parents_say_and_nowhere_else() {
    for version in [oldest(), newest()] {
        let site = Site::start(version);
        let (other, third) = (free_address(), free_address());
        let origins = ["all", "shop", "x", "y", "both"].map(Origin::http1);
        let public = [
            http("all", site.http),
            with(http("shop", site.http), json!({"hostname": "shop.test"})),
            with(http("wild", site.http), json!({"hostname": "*.shop.test"})),
        ];
        let mut documents = vec![
            gateway("public", &public),
            gateway("private", &[http("x", other), http("y", third)]),
        ];
        documents.extend(origins.iter().map(|origin| backend(origin.name(), &[origin], json!({}))));
        let attached = |name: &str, hosts: &[&str], parents: Value, path: &str| {
            let matching = json!({"path": {"value": path}});
            let rules = [rule(matching, &[(name, 1)])];
            http_route(name, json!({"parentRefs": parents, "hostnames": hosts, "rules": rules}))
        };
        let public = |section: &str| json!([{"name": "public", "sectionName": section}]);
        documents.extend([
            attached("all", &[], public("all"), "/"),
            attached("shop", &[], public("shop"), "/"),
            attached("x", &[], json!([{"name": "private", "sectionName": "x"}]), "/"),
            attached("y", &[], json!([{"name": "private", "port": third.port()}]), "/"),
            attached(
                "both",
                &["both.test", "both.shop.test"],
                json!([{"name": "public"}, {"name": "private"}]),
                "/both",
            ),
        ]);
        site.converge(&documents);

        for (at, host, path, expected) in [
            (site.http, "other.test", "/", "200 all"),
            (site.http, "shop.test", "/", "200 shop"),
            // The listeners for *.shop.test and for shop.test have these hosts for themselves.
            (site.http, "a.shop.test", "/", "404"),
            (site.http, "a.b.shop.test", "/", "404"),
            (site.http, "shop.test", "/both", "200 shop"),
            (site.http, "both.test", "/both", "200 both"),
            (site.http, "both.test", "/", "200 all"),
            (site.http, "both.shop.test", "/both/x", "200 both"),
            (site.http, "both.shop.test", "/", "404"),
            (other, "shop.test", "/", "200 x"),
            (other, "both.test", "/both", "200 both"),
            (third, "other.test", "/", "200 y"),
            (third, "both.shop.test", "/both", "200 both"),
        ] {
            let answer = Client::http1(at).get(host, path).unwrap();
            assert_eq!(said(&answer), expected, "{version}: {host}{path} at {at}");
        }
    }
}

#[test]
fn https_listeners_of_one_port_have_their_own_hosts_and_certificates() {
    for version in [oldest(), newest()] {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        let names = ["a", "b"];
        let files = names.map(|name| authority.issue(name, &[&format!("{name}.test")]).bundle);
        let origins = names.map(Origin::http1);
        let listener = |name: &str| {
            with(https(name, site.https, &[name]), json!({"hostname": format!("{name}.test")}))
        };
        let mut documents = vec![gateway("public", &names.map(listener))];
        for (name, origin) in names.into_iter().zip(&origins) {
            let parents = json!([{"name": "public", "sectionName": name}]);
            let rules = [rule(json!({}), &[(name, 1)])];
            documents.extend([
                certificate(name, json!({"file": format!("{name}.pem")})),
                backend(name, &[origin], json!({})),
                http_route(name, json!({"parentRefs": parents, "rules": rules})),
            ]);
        }
        site.converge(&documents);
        for (name, file) in names.into_iter().zip(&files) {
            let host = format!("{name}.test");
            assert!(leaf(site.https, Some(&host)) == in_file(file), "{version}: {host}");
            let client = Client::tls(site.https, authority.client(H2_FIRST));
            assert_eq!(said(&client.get(&host, "/").unwrap()), format!("200 {name}"));
        }
    }
}
