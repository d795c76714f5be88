//! The kind `Route`: the short form of an `HTTPRoute`, turned into one right here.

use serde_json::json;

use crate::model::RoutePath;

use super::{
    document::{HttpRoute, Match, ParentRef, PathMatch, Rule, WeightedBackend},
    http_route::{method, weight},
    object::Object,
    reference::local_name,
    slot::located,
    text::{HOSTNAME, ROUTE_PATH},
};

pub(super) fn route(object: &mut Object<'_>) -> Option<HttpRoute> {
    let at = object.span();
    let hostnames = object.optional(
        "hosts",
        "The hosts, with `*.` in front for all below one; all if left out.",
        |slot| slot.list(0, located(|slot| slot.text(&HOSTNAME))),
    );
    let about = "The first elements of the path.";
    let path = object
        .default("path", about, (RoutePath::root(), json!("/")), |slot| slot.text(&ROUTE_PATH));
    let method = object.optional("method", "The method; any if left out.", method);
    let single = object.optional("backend", "Where to go.", local_name);
    let several = object.optional("backends", "Where to go, by weight.", |slot| {
        slot.list(1, |slot| slot.object(backend))
    });
    let gateway = object.optional(
        "gateway",
        "The gateway to attach to; may be left out where there is only one.",
        local_name,
    );
    match (object.has("backend"), object.has("backends")) {
        (true, true) => object.refuse("backends", "give `backend` or `backends`, not both"),
        (false, false) => {
            if let Some(context) = object.context() {
                let hint = "add `backend: NAME`, or `backends:` with names and weights";
                context.error_hint(at, "the route has no backend", hint);
            }
        }
        (true, false) | (false, true) => {}
    }
    let single = single.map(|backend| vec![WeightedBackend { backend, weight: 1 }]);
    Some(HttpRoute {
        parents: gateway
            .map(|gateway| ParentRef { gateway, section: None, port: None })
            .into_iter()
            .collect(),
        hostnames: hostnames.unwrap_or_default(),
        rules: vec![Rule {
            at,
            name: None,
            matches: vec![Match { at, path: PathMatch::Prefix(path), method }],
            backends: single.or(several).unwrap_or_default(),
        }],
        is_short: true,
    })
}

fn backend(object: &mut Object<'_>) -> Option<WeightedBackend> {
    let backend = object.required("name", "The name of the backend.", local_name);
    let about = "The share of the requests, relative to the sum over all.";
    let weight = object.default("weight", about, (1, json!(1)), weight);
    Some(WeightedBackend { backend: backend?, weight })
}
