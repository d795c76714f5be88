use crate::{
    compile::{ReferencedFiles, compile},
    manifest,
    model::{
        Certificate, Frontend, FrontendName, ListenerProtocol, Location, Origin, Severity,
        SourceFile, Span,
    },
};

use super::*;

/// Compiles manifests that are right.
fn desired(text: &str) -> Desired {
    let parsed = manifest::parse(&SourceFile { path: "test.yaml".into(), text: text.into() });
    let documents: Vec<_> = parsed.documents.into_iter().map(Arc::new).collect();
    let compiled = compile(&documents, &ReferencedFiles::default());
    for problem in parsed.problems.iter().chain(compiled.problems.iter()) {
        assert!(problem.severity < Severity::Error, "{problem:?}");
    }
    compiled.desired
}

fn settings() -> Settings {
    Settings { revision: "r".to_owned(), server_state_file: "/state".to_owned() }
}

const ESTATE: &str = "
apiVersion: gw/v1
kind: Backend
metadata: {name: api, namespace: shop}
spec:
  servers:
    - {name: a, address: 10.0.0.1, port: 80, weight: 7, maxconn: 9}
    - {name: b, address: '2001:db8::1', port: 81, backup: true, state: maint}
    - {name: c, address: 10.0.0.3, port: 80}
    - {name: d, address: 10.0.0.4, port: 80, state: ready}
  healthCheck: {type: http, path: /healthz, interval: 1s}
  sessionAffinity: {cookie: {name: SRV}}
---
apiVersion: gw/v1
kind: Route
metadata: {name: api, namespace: shop}
spec: {hosts: [a.example, '*.b.example'], path: /x, backend: api}
";

#[test]
fn what_was_rendered_reads_back_as_what_was_wanted() {
    let wanted = desired(ESTATE);
    let rendered = render(&wanted, &settings());
    let read = read_back(&rendered.files);
    assert_eq!(read.backends.len(), 1);
    for (name, backend) in &*wanted.backends {
        assert_eq!(read.backends[name].servers, backend.servers);
        assert_eq!(read.backends[name].profile.name(), backend.profile.name());
    }
    for map in MapName::ALL {
        let pairs = |desired: &Desired| -> Vec<(String, String)> {
            let table = desired.routing.table(map);
            table.iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
        };
        assert_eq!(pairs(&read), pairs(&wanted), "{map:?}");
    }
}

#[test]
fn the_structure_is_about_meaning_and_routes_and_servers_are_no_part_of_it() {
    let structure = |text: &str| render(&desired(text), &settings()).structure;
    let base = structure(ESTATE);
    assert_eq!(structure(&format!("# a comment\n{ESTATE}")), base);
    assert_eq!(structure(&ESTATE.replace("10.0.0.3", "10.0.0.4")), base);
    assert_eq!(structure(&ESTATE.replace("a.example", "c.example")), base);
    assert_eq!(structure(&ESTATE.replace("interval: 1s", "interval: 2s")), base);
    let deep = "'*.a.b.c.d.e.f.g.example'";
    assert_ne!(structure(&ESTATE.replace("'*.b.example'", deep)), base);
}

#[test]
fn an_unchanged_shard_is_the_same_allocation() {
    let wanted = desired(ESTATE);
    let mut renderer = Renderer::default();
    let (first, second) =
        (renderer.render(&wanted, &settings()), renderer.render(&wanted, &settings()));
    let shard = "10-backends-000.cfg";
    assert!(Arc::ptr_eq(&first.files[shard], &second.files[shard]));
    assert_eq!(first, render(&wanted, &settings()));
}

#[test]
fn certificates_read_back() {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let leaf = parameters.self_signed(&key).unwrap();
    let certificate = Certificate {
        origin: Origin {
            object: "Certificate a".into(),
            at: Location { file: "a.yaml".into(), span: Span::default() },
        },
        pem: (leaf.pem() + &key.serialize_pem()).into(),
        fingerprint: Certificate::fingerprint_of(leaf.der()),
    };
    let file = "certs/a.pem".to_owned();
    let name = FrontendName { protocol: ListenerProtocol::Https, address: None, port: 443 };
    let frontend = Frontend { certificates: vec![file.clone()], origins: Vec::new() };
    let wanted = Desired {
        frontends: [(name, frontend)].into(),
        certificates: [(file.clone(), certificate.clone())].into(),
        authorities: [("certs/ca-1.pem".to_owned(), leaf.pem().into())].into(),
        ..desired(ESTATE)
    };
    let read = read_back(&render(&wanted, &settings()).files).certificates;
    assert_eq!(read.keys().collect::<Vec<_>>(), [&file]);
    assert_eq!(read[&file].pem, certificate.pem);
    assert_eq!(read[&file].fingerprint, certificate.fingerprint);
}
