//! The kind `HTTPRoute`, field for field that of the Gateway API.

use serde_json::json;

use crate::model::{Problem, RoutePath, Span};

use super::{
    document::{HttpRoute, Match, Method, ParentRef, PathMatch, Rule, WeightedBackend},
    object::{KnownFields, Object},
    reference::{BACKEND, GATEWAY, reference},
    slot::{Slot, located, port},
    text::{HOSTNAME, ROUTE_PATH, SECTION_NAME},
};

const HTTP_ROUTE: KnownFields = KnownFields::unsupported(&["useDefaultGateways"]);

const RULE: KnownFields =
    KnownFields::unsupported(&["filters", "retry", "sessionPersistence", "timeouts"]);

const MATCH: KnownFields = KnownFields::unsupported(&["headers", "queryParams"]);

const BACKEND_REF: KnownFields = KnownFields::unsupported(&["filters"]);

/// The greatest weight of a backend (Gateway API, `BackendRef`).
const WEIGHT_MAX: u32 = 1_000_000;

pub(super) fn http_route(object: &mut Object<'_>) -> Option<HttpRoute> {
    let parents = object.optional(
        "parentRefs",
        "The gateways to attach to; may be left out where there is only one.",
        |slot| slot.list(0, |slot| slot.object(parent)),
    );
    let hostnames = object.optional(
        "hostnames",
        "The hosts, with `*.` in front for all below one; all that the listener serves if empty.",
        |slot| slot.list(0, located(|slot| slot.text(&HOSTNAME))),
    );
    let at = object.span();
    let rules = object.optional("rules", "Conditions and where to go.", |slot| {
        slot.list(0, |slot| slot.object(rule))
    });
    object.known(&HTTP_ROUTE);
    // The Gateway API's default: one rule, for everything, to nowhere.
    let rules = rules.filter(|rules| !rules.is_empty()).unwrap_or_else(|| {
        vec![Rule { at, name: None, matches: vec![any_request(at)], backends: Vec::new() }]
    });
    Some(HttpRoute {
        parents: parents.unwrap_or_default(),
        hostnames: hostnames.unwrap_or_default(),
        rules,
        is_short: false,
    })
}

fn parent(object: &mut Object<'_>) -> Option<ParentRef> {
    let section = object.optional(
        "sectionName",
        "Only the listener of this name.",
        located(|slot| slot.text(&SECTION_NAME)),
    );
    let port = object.optional("port", "Only listeners on this port.", port);
    let gateway = reference(object, &GATEWAY)?;
    Some(ParentRef { gateway, section, port })
}

fn rule(object: &mut Object<'_>) -> Option<Rule> {
    let at = object.span();
    let name = object.optional(
        "name",
        "The name of the rule, for messages.",
        located(|slot| slot.text(&SECTION_NAME)),
    );
    let matches =
        object.optional("matches", "Conditions, of which one must hold; all if empty.", |slot| {
            slot.list(0, |slot| slot.object(condition))
        });
    let backends = object.optional("backendRefs", "Where to go, by weight.", |slot| {
        slot.list(0, |slot| slot.object(backend_ref))
    });
    object.known(&RULE);
    Some(Rule {
        at,
        name,
        matches: matches
            .filter(|matches| !matches.is_empty())
            .unwrap_or_else(|| vec![any_request(at)]),
        backends: backends.unwrap_or_default(),
    })
}

/// The condition of a rule that states none.
pub(super) fn any_request(at: Span) -> Match {
    Match { at, path: PathMatch::Prefix(RoutePath::root()), method: None }
}

fn condition(object: &mut Object<'_>) -> Option<Match> {
    let at = object.span();
    let path = object.optional("path", "The path.", |slot| slot.object(path));
    let method = object.optional("method", "The method; any if left out.", method);
    object.known(&MATCH);
    let path = path.unwrap_or_else(|| any_request(at).path);
    Some(Match { at, path, method })
}

fn path(object: &mut Object<'_>) -> Option<PathMatch> {
    let words = [("PathPrefix", false), ("Exact", true)];
    let is_exact = object.default(
        "type",
        "The whole path, or its first elements.",
        (false, json!("PathPrefix")),
        |slot| slot.choice(&words, &["RegularExpression"]),
    );
    let path = object.default("value", "The path.", (RoutePath::root(), json!("/")), |slot| {
        slot.text(&ROUTE_PATH)
    });
    Some(if is_exact { PathMatch::Exact(path) } else { PathMatch::Prefix(path) })
}

pub(super) fn method(slot: &mut Slot<'_>) -> Option<Method> {
    slot.choice(&Method::ALL.map(|method| (method.as_str(), method)), &[])
}

pub(super) fn weight(slot: &mut Slot<'_>) -> Option<u32> {
    slot.integer(0..=WEIGHT_MAX)
}

fn backend_ref(object: &mut Object<'_>) -> Option<WeightedBackend> {
    let about = "The share of the requests, relative to the sum over all.";
    let weight = object.default("weight", about, (1, json!(1)), weight);
    let about = "Ignored: the servers of a backend have their own ports.";
    let ignored = object.optional("port", about, port);
    object.known(&BACKEND_REF);
    if let (Some(port), Some(context)) = (ignored, object.context()) {
        let message = "`port` is ignored: the servers of a backend have their own ports";
        context.report(Problem::note(context.at(port.span), message));
    }
    Some(WeightedBackend { backend: reference(object, &BACKEND)?, weight })
}
