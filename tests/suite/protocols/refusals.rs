//! Certificates that can't be used cost nothing but a clear error.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::handshake::leaf;
use super::manifest::{backend, certificate, gateway, https, route};
use super::site::Site;
use crate::support::client::Client;
use crate::support::origin::Origin;
use crate::support::tls::{Authority, H2_FIRST};
use crate::support::versions::{Version, newest, oldest};

/// A site that serves one certificate, with all that must stay as it is.
struct Served {
    site: Site,
    authority: Authority,
    web: Origin,
    shown: Vec<u8>,
    worker: Option<u32>,
    generation: String,
}

impl Served {
    fn start(version: &Version) -> Self {
        let site = Site::start(version);
        let authority = Authority::new(&site.manifests);
        authority.issue("front", &["front.test"]);
        authority.issue("other", &["front.test"]);
        let web = Origin::http1("web");
        let pair = json!({"certificate": "front.crt", "key": "front.key"});
        site.converge(&manifests(&site, &web, &[("front", pair)]));
        let shown = leaf(site.https, Some("front.test"));
        let (worker, generation) = (site.haproxy.worker(), generation(&site.state));
        Self { site, authority, web, shown, worker, generation }
    }

    /// Applies other certificates, which must end with `code`. Returns what was said.
    fn refuse(&self, certificates: &[(&str, Value)], code: i32) -> String {
        let manifests = manifests(&self.site, &self.web, certificates);
        let outcome = self.site.apply(&manifests, &[]).expect(code);
        self.unchanged();
        outcome.transcript()
    }

    fn unchanged(&self) {
        let Self { site, authority, shown, worker, generation: before, .. } = self;
        assert!(leaf(site.https, Some("front.test")) == *shown);
        let client = Client::tls(site.https, authority.client(H2_FIRST));
        assert_eq!(client.get("front.test", "/").unwrap().status, 200);
        assert_eq!(site.haproxy.worker(), *worker, "it was not reloaded");
        assert_eq!(generation(&site.state), *before, "a reload would load the old files");
    }
}

fn manifests(site: &Site, web: &Origin, certificates: &[(&str, Value)]) -> Vec<Value> {
    let names: Vec<&str> = certificates.iter().map(|(name, _)| *name).collect();
    let mut documents = vec![
        gateway("public", &[https("https", site.https, &names)]),
        backend("web", &[web], json!({})),
        route("all", &[], "web"),
    ];
    documents.extend(certificates.iter().map(|(name, spec)| certificate(name, spec.clone())));
    documents
}

/// The generation that HAProxy would load.
fn generation(state: &Path) -> String {
    fs::read_link(state.join("current")).unwrap().display().to_string()
}

#[test]
fn a_file_that_is_no_certificate_is_an_error_with_its_place() {
    let served = Served::start(newest());
    let folder = &served.site.manifests;
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (certificate, key) = (read("front.crt"), read("front.key"));
    let broken = certificate.replace("-----END CERTIFICATE-----", "");
    for (content, says) in [
        ("hello", "there is no certificate in it"),
        (&key, "there is no certificate in it"),
        (&certificate, "there is no private key in it"),
        (&(certificate.clone() + &key + &key), "more than one private key"),
        (&broken, "bad.pem"),
        ("", "there is no certificate in it"),
    ] {
        fs::write(folder.join("bad.pem"), content).unwrap();
        let said = served.refuse(&[("front", json!({"file": "bad.pem"}))], 16);
        assert!(said.contains(says), "{said}");
        // The certificate is the last document, a line of JSON each, with `---` between.
        assert!(said.contains("all.yaml:8:"), "{said}");
    }
    for (spec, says) in [
        (json!({"file": "missing.pem"}), "can't read the file missing.pem"),
        (json!({"certificate": "front.crt", "key": "missing.key"}), "missing.key"),
        (json!({"file": "/dev/null"}), "/dev/null"),
        (json!({"file": "."}), "can't read the file"),
    ] {
        let said = served.refuse(&[("front", spec)], 16);
        assert!(said.contains(says) && said.contains("all.yaml:8:"), "{said}");
    }
}

/// gw reads PEM, but doesn't do the arithmetic: here HAProxy is asked before anything changes.
#[test]
fn what_only_haproxy_can_tell_is_refused_in_its_words() {
    for version in [oldest(), newest()] {
        let served = Served::start(version);
        let mismatch = || json!({"certificate": "other.crt", "key": "front.key"});
        // In place of the one that is served: without a reload.
        let said = served.refuse(&[("front", mismatch())], 14);
        assert!(said.contains("front.pem"), "{version}: {said}");
        // Beside it: by a reload.
        let good = json!({"certificate": "front.crt", "key": "front.key"});
        let said = served.refuse(&[("front", good.clone()), ("more", mismatch())], 14);
        assert!(said.contains("more.pem"), "{version}: {said}");
        // The bytes of a certificate that are none.
        let nonsense = pem::encode(&pem::Pem::new("CERTIFICATE", b"nonsense".to_vec()));
        fs::write(served.site.manifests.join("bad.crt"), nonsense).unwrap();
        let bad = json!({"certificate": "bad.crt", "key": "front.key"});
        served.refuse(&[("front", bad)], 14);

        // It is none the worse for it.
        served.site.converge(&manifests(&served.site, &served.web, &[("front", good)]));
        let other = json!({"certificate": "other.crt", "key": "other.key"});
        let manifests = manifests(&served.site, &served.web, &[("front", other)]);
        served.site.converge_live(&manifests);
        assert!(leaf(served.site.https, Some("front.test")) != served.shown);
    }
}
