//! Which routes meet which hosts, and what they become in the maps.

use crate::{
    manifest,
    model::{MapName, Severity, SourceFile},
};

use super::*;

/// One backend for all routes.
const BACKENDS: &str = "
apiVersion: gw/v1
kind: Backend
metadata: {name: blue}
spec: {servers: [{name: a, address: 10.0.0.1, port: 80}]}
---
apiVersion: gw/v1
kind: Backend
metadata: {name: green}
spec: {servers: [{name: a, address: 10.0.0.2, port: 80}]}
";

fn compiled(documents: &[String]) -> Compiled {
    let text = format!("{BACKENDS}---\n{}", documents.join("---\n"));
    let file = SourceFile { path: "test.yaml".into(), text: text.as_str().into() };
    let parsed = manifest::parse(&file);
    assert_ne!(parsed.problems.worst(), Some(Severity::Error), "{:#?}\n{text}", parsed.problems);
    let documents: Vec<_> = parsed.documents.into_iter().map(Arc::new).collect();
    compile(&documents, &ReferencedFiles::default())
}

fn gateway(name: &str, listeners: &[&str]) -> String {
    let listeners: Vec<String> = listeners
        .iter()
        .enumerate()
        .map(|(i, listener)| format!("    - {{name: l{i}, protocol: HTTP, {listener}}}\n"))
        .collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\n\
         spec:\n  listeners:\n{}",
        listeners.concat()
    )
}

/// An HTTPRoute; `matches` and backend of each rule.
fn route(name: &str, spec: &str, rules: &[(&str, &str)]) -> String {
    let rules: Vec<String> = rules
        .iter()
        .map(|(matches, backend)| {
            format!(
                "    - matches: [{matches}]\n      \
                 backendRefs: [{{name: {backend}, kind: Backend, group: gw}}]\n"
            )
        })
        .collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{{name}}}\n\
         spec:\n  {spec}\n  rules:\n{}",
        rules.concat()
    )
}

fn everything(name: &str, spec: &str) -> String {
    route(name, spec, &[("{}", "blue")])
}

/// The `key value` pairs of a map.
fn entries(compiled: &Compiled, map: MapName) -> Vec<String> {
    let table = compiled.desired.routing.table(map).iter();
    table.map(|(key, entry)| format!("{key} {}", entry.value)).collect()
}

fn messages(compiled: &Compiled) -> Vec<&str> {
    compiled.problems.iter().map(|problem| &*problem.message).collect()
}

#[test]
fn a_route_meets_the_hosts_that_it_and_the_listener_name() {
    for (listener, route, met) in [
        ("", "", Some("*")),
        ("", "a.example", Some("a.example")),
        ("a.example", "", Some("a.example")),
        ("*.example", "a.example", Some("a.example")),
        ("*.example", "*.b.example", Some("*.b.example")),
        ("*.b.example", "*.example", Some("*.b.example")),
        ("a.example", "*.example", Some("a.example")),
        ("*.example", "example", None),
        ("*.example", "notexample", None),
        ("a.example", "b.example", None),
    ] {
        let host = |name: &str| if name.is_empty() { String::new() } else { format!("'{name}'") };
        let at = if listener.is_empty() {
            String::new()
        } else {
            format!(", hostname: {}", host(listener))
        };
        let compiled = compiled(&[
            gateway("g", &[&format!("port: 80{at}")]),
            everything("name: r", &format!("hostnames: [{}]", host(route))),
        ]);
        let expected: Vec<String> =
            met.into_iter().map(|host| format!("http:80/{host}/ blue")).collect();
        assert_eq!(entries(&compiled, MapName::Prefix), expected, "{listener} {route}");
        assert_eq!(compiled.problems.is_empty(), met.is_some(), "{:?}", messages(&compiled));
    }
}

#[test]
fn hosts_of_a_more_specific_listener_are_lost_to_the_wider_one() {
    let listeners = ["port: 80", "port: 80, hostname: '*.b.example'", "port: 81"];
    let compiled = compiled(&[
        gateway("g", &listeners),
        everything(
            "name: wide",
            "parentRefs: [{name: g, sectionName: l0}]\n  hostnames: [a.b.example, c.example]",
        ),
        everything(
            "name: narrow",
            "parentRefs: [{name: g, sectionName: l1}]\n  hostnames: [x.b.example]",
        ),
        everything(
            "name: elsewhere",
            "parentRefs: [{name: g, port: 81}]\n  hostnames: ['*.b.example']",
        ),
    ]);
    assert_eq!(messages(&compiled), [""; 0]);
    let expected =
        ["http:80/c.example/ blue", "http:80/x.b.example/ blue", "http:81/*.b.example/ blue"];
    assert_eq!(entries(&compiled, MapName::Prefix), expected);
    // Each listener's hosts are led past the tables of the other.
    let expected = ["http:80/ -", "http:80/example.b. -", "http:81/example.b. *.b.example"];
    assert_eq!(entries(&compiled, MapName::Hosts), expected);
}

#[test]
fn a_parent_that_can_not_be_is_an_error_that_says_why() {
    let open = "port: 80, allowedRoutes: {namespaces: {from: All}}";
    for (gateways, name, spec, message) in [
        (
            vec![("g", "port: 80"), ("h", "port: 81")],
            "name: r",
            "",
            Some("HTTPRoute r must say which Gateway it is for"),
        ),
        (
            vec![("g", "port: 80")],
            "name: r",
            "parentRefs: [{name: h}]",
            Some("there is no Gateway h"),
        ),
        (
            vec![("g", "port: 80")],
            "name: r",
            "parentRefs: [{name: g, sectionName: l9}]",
            Some("Gateway g has no such listener"),
        ),
        (
            vec![("g", "port: 80")],
            "name: r",
            "parentRefs: [{name: g, port: 81}]",
            Some("Gateway g has no such listener"),
        ),
        (
            vec![("g", "port: 80")],
            "name: r, namespace: shop",
            "parentRefs: [{name: g, namespace: default}]",
            Some("no listener takes routes from the namespace shop of HTTPRoute shop.r"),
        ),
        (
            vec![("g", open)],
            "name: r, namespace: shop",
            "parentRefs: [{name: g, namespace: default}]",
            None,
        ),
        (vec![], "name: r", "", None),
    ] {
        let mut documents: Vec<String> =
            gateways.iter().map(|(name, listener)| gateway(name, &[listener])).collect();
        documents.push(everything(name, if spec.is_empty() { "hostnames: []" } else { spec }));
        let compiled = compiled(&documents);
        let errors = compiled.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let errors: Vec<&str> = errors.map(|problem| &*problem.message).collect();
        assert_eq!(errors, message.into_iter().collect::<Vec<_>>(), "{gateways:?} {spec}");
    }
}

#[test]
fn two_listeners_can_not_have_one_host_of_one_port() {
    // Inside one Gateway the manifest's reader finds that.
    let says =
        |a: &str, b: &str| compiled(&[gateway("g", &[a]), gateway("h", &[b])]).problems.worst();
    let error = Some(Severity::Error);
    assert_eq!(says("port: 80", "port: 80"), error);
    assert_eq!(says("port: 80, hostname: a.b", "port: 80, hostname: a.b"), error);
    assert_eq!(says("port: 80, hostname: a.b", "port: 80, hostname: '*.b'"), None);
    assert_eq!(says("port: 80", "port: 81"), None);
}

#[test]
fn who_comes_first_keeps_a_condition_and_the_other_is_told() {
    let compiled = compiled(&[
        route("name: b", "hostnames: [a.example]", &[("{path: {value: /x}}", "green")]),
        route(
            "name: a",
            "hostnames: [a.example]",
            &[("{path: {value: /x/}}", "blue"), ("{path: {value: /x}}", "green")],
        ),
    ]);
    assert_eq!(entries(&compiled, MapName::Prefix), ["http:80/a.example/x/ blue"]);
    let told = messages(&compiled);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|message| message.contains("never matches")), "{told:?}");
}

#[test]
fn a_path_inherits_the_methods_that_it_leaves_open() {
    let get = "{path: {value: /x}, method: GET}";
    let post = "{path: {type: Exact, value: /x/y}, method: POST}";
    let rules = [("{path: {value: /}}", "blue"), (get, "green"), (post, "green")];
    let compiled = compiled(&[route("name: r", "hostnames: [a.example]", &rules)]);
    let table = |key: &str, map: MapName| {
        let name = &compiled.desired.routing.table(map)[key].value;
        let methods = entries(&compiled, MapName::Methods).into_iter();
        let below = methods.filter_map(|entry| Some(entry.strip_prefix(name)?.to_owned()));
        below.collect::<Vec<_>>()
    };
    assert_eq!(table("http:80/a.example/x/", MapName::Prefix), ["/* blue", "/GET green"]);
    let expected = ["/* blue", "/GET green", "/POST green"];
    assert_eq!(table("http:80/a.example/x/y", MapName::Exact), expected);
    assert_eq!(compiled.desired.routing.table(MapName::Prefix)["http:80/a.example/"].value, "blue");
}

#[test]
fn a_backend_that_is_not_there_costs_its_own_share() {
    let compiled = compiled(&[everything("name: r", "hostnames: []").replace("blue", "bleu")]);
    assert_eq!(entries(&compiled, MapName::Prefix), ["http:80/*/ status:500"]);
    let problems: Vec<_> = compiled.problems.iter().collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Warning);
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean blue?"));
    assert_eq!(compiled.desired.backends.len(), 2);
}

/// A Gateway whose HTTPS listener names the certificate `a`, which is in two files.
const HTTPS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  listeners:
    - {name: s, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: a}]}}
---
apiVersion: gw/v1
kind: Certificate
metadata: {name: a}
spec: {certificate: a.crt, key: a.key}
---
apiVersion: gw/v1
kind: Certificate
metadata: {name: b}
spec: {certificate: a.crt, key: good.key}
";

/// What is wrong where `a` has this key.
fn with_key(key: &str) -> Vec<String> {
    let file = SourceFile { path: "test.yaml".into(), text: HTTPS.into() };
    let parsed = manifest::parse(&file);
    assert!(parsed.problems.is_empty(), "{:#?}", parsed.problems);
    let documents: Vec<_> = parsed.documents.into_iter().map(Arc::new).collect();
    let mut compiler = Compiler::default();
    compiler.replace(&[], &documents);
    let text = |path: &str| match path {
        "a.crt" => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        "a.key" => key.to_owned(),
        _ => pem_key("PRIVATE KEY", ""),
    };
    let requests = compiler.requests().into_iter();
    let files = requests.map(|request| {
        let text = text(request.path.as_str());
        (request, Ok(text.into()))
    });
    let files = files.collect();
    compiler.compile(&files).problems.iter().map(|problem| problem.message.clone()).collect()
}

fn pem_key(label: &str, headers: &str) -> String {
    format!("-----BEGIN {label}-----\n{headers}AAAA\n-----END {label}-----\n")
}

#[test]
fn an_encrypted_key_is_refused_and_only_its_own_problem_told() {
    let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n";
    for (label, headers) in [("ENCRYPTED PRIVATE KEY", ""), ("RSA PRIVATE KEY", headers)] {
        let problems = with_key(&pem_key(label, headers));
        assert_eq!(problems, ["the private key in a.key is encrypted"], "{label}");
    }
    assert_eq!(with_key(&pem_key("RSA PRIVATE KEY", "")), [""; 0]);
}

#[test]
fn a_route_in_the_short_form_is_told_of_its_own_field() {
    let short = "apiVersion: gw/v1\nkind: Route\nmetadata: {name: r}\nspec: {backend: blue}\n";
    let gateways = [gateway("g", &["port: 80"]), gateway("h", &["port: 81"])];
    let [g, h] = gateways;
    let compiled = compiled(&[g, h, short.to_owned()]);
    let [problem] = compiled.problems.iter().collect::<Vec<_>>()[..] else {
        panic!("{:?}", messages(&compiled))
    };
    assert_eq!(problem.message, "Route r must say which Gateway it is for");
    assert_eq!(problem.hint.as_deref(), Some("add `gateway` with one of: g, h"));
}
