//! No request is lost while routes change: for random old and new routes, after every single
//! command of the plan, each request meets its old target or its new one.

mod program;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use proptest::prelude::*;

use crate::{
    compile::{ReferencedFiles, compile},
    diff::{Scope, diff},
    haproxy::{Capabilities, Version},
    manifest,
    model::{self, Desired, Live, LiveEntry, MapName, Problems, Severity, SourceFile},
    plan::{Context, Plan, plan},
};

use self::program::{Request, maps, obey, target};

/// Hosts that the random routes and listeners name; `""` is none.
const PATTERNS: [&str; 6] =
    ["", "*.example", "*.b.example", "*.a.b.example", "b.example", "a.b.example"];
/// Hosts that requests ask for.
const HOSTS: [&str; 6] =
    ["b.example", "a.b.example", "x.b.example", "x.a.b.example", "x.example", "elsewhere"];
/// Paths of routes, and of requests.
const PATHS: [&str; 5] = ["/", "/x", "/x/y", "/x/y/z", "/xx"];
/// Methods of routes, and of requests; `""` is none, which no request has.
const METHODS: [&str; 3] = ["", "GET", "POST"];
/// What a split may draw.
const NUMBERS: [&str; 2] = ["10000", "19999"];
const BACKENDS: [&str; 5] = ["b0", "b1", "b2", "b3", "b4"];

/// One random rule, as indices into the tables above.
#[derive(Clone, Debug)]
struct RandomRoute {
    host: usize,
    path: usize,
    exact: bool,
    method: usize,
    backend: usize,
    second: Option<usize>,
}

/// A random set of manifests.
#[derive(Clone, Debug)]
struct Estate {
    /// Hostnames of further listeners on the same port.
    listeners: Vec<usize>,
    routes: Vec<RandomRoute>,
}

fn random_route() -> impl Strategy<Value = RandomRoute> {
    let second = proptest::option::weighted(0.2, 0..BACKENDS.len());
    // Methods are seldom, since they hide the order of paths behind their tables.
    let method = prop_oneof![4 => Just(0), 1 => 1..METHODS.len()];
    (0..PATTERNS.len(), 0..PATHS.len(), any::<bool>(), method, 0..BACKENDS.len(), second).prop_map(
        |(host, path, exact, method, backend, second)| RandomRoute {
            host,
            path,
            exact,
            method,
            backend,
            second,
        },
    )
}

fn estate() -> impl Strategy<Value = Estate> {
    let listeners = proptest::collection::btree_set(1..PATTERNS.len(), 0..3);
    (listeners, proptest::collection::vec(random_route(), 0..7)).prop_map(|(listeners, routes)| {
        Estate { listeners: listeners.into_iter().collect(), routes }
    })
}

impl Estate {
    /// Every table of methods has a target for the other methods: one without lets requests fall
    /// through to wider hosts, which no order of single changes can always look after.
    fn manifests(&self) -> String {
        let mut text = String::from(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g}\n\
             spec:\n  gatewayClassName: gw\n  listeners:\n  - {name: all, protocol: HTTP, port: 80}\n",
        );
        for listener in &self.listeners {
            let host = PATTERNS[*listener];
            let _ = writeln!(
                text,
                "  - {{name: l{listener}, protocol: HTTP, port: 80, hostname: '{host}'}}"
            );
        }
        for name in BACKENDS {
            let _ = write!(
                text,
                "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: {name}}}\n\
                 spec: {{servers: [{{name: s, address: 10.0.0.1, port: 80}}]}}\n"
            );
        }
        for (index, route) in self.routes.iter().enumerate() {
            let _ = write!(
                text,
                "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n\
                 metadata: {{name: r{index}}}\nspec:\n"
            );
            if route.host > 0 {
                let _ = writeln!(text, "  hostnames: ['{}']", PATTERNS[route.host]);
            }
            let kind = if route.exact { "Exact" } else { "PathPrefix" };
            let path = format!("path: {{type: {kind}, value: {}}}", PATHS[route.path]);
            text.push_str("  rules:\n");
            if route.method > 0 {
                let name = BACKENDS[(route.backend + 1) % BACKENDS.len()];
                let method = METHODS[route.method];
                let _ = writeln!(
                    text,
                    "  - matches: [{{{path}, method: {method}}}]\n    backendRefs: [{{name: {name}, kind: Backend, group: gw}}]"
                );
            }
            let _ = writeln!(text, "  - matches: [{{{path}}}]\n    backendRefs:");
            for backend in std::iter::once(route.backend).chain(route.second) {
                let name = BACKENDS[backend];
                let _ = writeln!(text, "    - {{name: {name}, kind: Backend, group: gw}}");
            }
        }
        text
    }

    fn desired(&self) -> Desired {
        let text = self.manifests();
        let file = SourceFile { path: "test.yaml".into(), text: text.as_str().into() };
        let parsed = manifest::parse(&file);
        let documents: Vec<_> = parsed.documents.into_iter().map(Arc::new).collect();
        let compiled = compile(&documents, &ReferencedFiles::default());
        let none_is_wrong = |problems: &Problems| problems.worst() != Some(Severity::Error);
        assert!(none_is_wrong(&parsed.problems), "{:#?}\n{text}", parsed.problems);
        assert!(none_is_wrong(&compiled.problems), "{:#?}\n{text}", compiled.problems);
        compiled.desired
    }
}

/// How many wildcard tables there are in either.
fn wildcards(sides: &[&Desired]) -> usize {
    let tables = sides.iter().flat_map(|desired| {
        let maps = [MapName::Exact, MapName::Prefix];
        maps.into_iter().flat_map(|map| desired.routing.table(map).keys())
    });
    let hosts = tables.filter_map(|key| key.split('/').nth(1));
    hosts.filter(|host| host.starts_with('*')).collect::<BTreeSet<_>>().len()
}

/// The process that runs `desired`.
fn live(desired: &Desired) -> Live {
    let entry = |value: String| LiveEntry { value, duplicates: Vec::new() };
    let maps = maps(desired).into_iter().map(|(map, table)| {
        (map, table.into_iter().map(|(key, value)| (key, entry(value))).collect())
    });
    Live {
        structure: Some("same".to_owned()),
        notes: model::notes(desired),
        maps: maps.collect(),
        ..Live::default()
    }
}

fn requests() -> impl Iterator<Item = Request> {
    let methods = &METHODS[1..];
    HOSTS.iter().flat_map(move |host| {
        PATHS.iter().flat_map(move |path| {
            methods.iter().flat_map(move |method| {
                NUMBERS.iter().map(move |number| (*host, *path, *method, *number))
            })
        })
    })
}

/// What a plan sends, in the order of `apply`'s waves.
fn lines(plan: &Plan) -> Vec<String> {
    let made = plan.steps.iter().map(|step| &step.make);
    let switched = plan.switch_order.iter().map(|&index| &plan.steps[index].switch);
    let finished = plan.steps.iter().map(|step| &step.finish);
    let instructions = made.chain(switched).chain(finished).flatten();
    let commands = instructions.flat_map(|instruction| instruction.commands());
    commands.map(|command| command.line().to_owned()).collect()
}

/// Checks the whole way from one estate to another.
fn check(before: &Desired, after: &Desired) -> Result<(), TestCaseError> {
    let depth = before.routing.wildcard_depth;
    // Another depth is another program, which a reload brings at once.
    prop_assume!(depth == after.routing.wildcard_depth);
    // Only where a host has room for its old and its new tables is the way without a gap.
    prop_assume!(wildcards(&[before, after]) <= depth);
    let live = live(before);
    let scope = Scope { backends: Some([].into()), limits: false, routing: true };
    let differences = diff(after, "same", &live, &scope);
    let context = Context {
        desired: after,
        live: &live,
        capabilities: &Capabilities::of(Version::V3_4),
        loaded: &BTreeMap::new(),
        rendered: &BTreeMap::new(),
        revision: "2",
        files_differ: true,
    };
    let lines = lines(&plan(&differences, context));
    let (mut now, goal) = (maps(before), maps(after));
    let ends: Vec<(Request, String, String)> = requests()
        .map(|request| (request, target(&now, depth, request), target(&goal, depth, request)))
        .collect();
    for (done, line) in lines.iter().enumerate() {
        obey(&mut now, line);
        for (request, old, new) in &ends {
            let met = target(&now, depth, *request);
            prop_assert!(
                met == *old || met == *new,
                "{request:?} meets {met} instead of {old} or {new} after {:#?}",
                &lines[..=done]
            );
        }
    }
    prop_assert_eq!(now, goal);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 4096, ..ProptestConfig::default() })]

    #[test]
    fn each_request_meets_its_old_or_its_new_target_at_every_moment(
        old in estate(), new in estate(),
    ) {
        check(&old.desired(), &new.desired())?;
    }
}
