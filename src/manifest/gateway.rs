//! The kind `Gateway`, field for field that of the Gateway API.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::json;

use crate::model::{Located, ObjectName};

use super::{
    document::{Gateway, Listener, ListenerProtocol, RouteNamespaces},
    object::{KnownFields, Object},
    reference::{CERTIFICATE, GATEWAY_GROUP, reference},
    slot::{Slot, located, port},
    text::{BIND_ADDRESS, HOSTNAME, SECTION_NAME},
};

const GATEWAY: KnownFields = KnownFields {
    ignored: &["gatewayClassName", "infrastructure"],
    unsupported: &["allowedListeners", "backendTLS", "defaultScope", "tls"],
};

const TLS: KnownFields = KnownFields::unsupported(&["frontendValidation", "options"]);

const NAMESPACES: KnownFields = KnownFields::unsupported(&["selector"]);

const PROTOCOLS: [(&str, ListenerProtocol); 2] =
    [("HTTP", ListenerProtocol::Http), ("HTTPS", ListenerProtocol::Https)];

pub(super) fn gateway(object: &mut Object<'_>) -> Option<Gateway> {
    let listeners = object.required("listeners", "Where to listen, with distinct names.", |slot| {
        slot.list(1, |slot| slot.object(listener))
    });
    let addresses = object.optional("addresses", "The addresses to bind; all if empty.", |slot| {
        slot.list(0, |slot| slot.object(address))
    });
    object.known(&GATEWAY);
    let listeners = listeners?;
    check_distinct(&listeners, object);
    Some(Gateway { listeners, addresses: addresses.unwrap_or_default() })
}

fn address(object: &mut Object<'_>) -> Option<Located<IpAddr>> {
    object.default("type", "The type of the value.", ((), json!("IPAddress")), |slot| {
        slot.choice(&[("IPAddress", ())], &["Hostname", "NamedAddress"])
    });
    object.required(
        "value",
        "An IPv4 or IPv6 address of this machine.",
        located(|slot| slot.text(&BIND_ADDRESS)),
    )
}

fn listener(object: &mut Object<'_>) -> Option<Listener> {
    let name = object.required(
        "name",
        "The name, to which `sectionName` refers.",
        located(|slot| slot.text(&SECTION_NAME)),
    );
    let hostname = object.optional(
        "hostname",
        "The host to serve; all if left out.",
        located(|slot| slot.text(&HOSTNAME)),
    );
    let port = object.required("port", "The port to bind.", port);
    let protocol = object.required(
        "protocol",
        "What clients speak.",
        located(|slot| slot.choice(&PROTOCOLS, &["TLS", "TCP", "UDP"])),
    );
    let certificates =
        object.optional("tls", "TLS, which ends here.", |slot| slot.object(certificates));
    let routes_from = object
        .optional("allowedRoutes", "Which routes may attach.", |slot| slot.object(allowed_routes));
    let protocol = protocol?;
    match protocol.value {
        ListenerProtocol::Http => object.refuse("tls", "a listener with protocol HTTP has no tls"),
        ListenerProtocol::Https if !object.has("tls") => {
            let span = protocol.span;
            if let Some(context) = object.context() {
                let hint = "add `tls: {certificateRefs: [{kind: Certificate, name: …}]}`";
                context.error_hint(span, "a listener with protocol HTTPS needs tls", hint);
            }
        }
        ListenerProtocol::Https => {}
    }
    Some(Listener {
        name: name?,
        hostname,
        port: port?,
        protocol,
        certificates: certificates.unwrap_or_default(),
        routes_from: routes_from.unwrap_or_default(),
    })
}

fn certificates(object: &mut Object<'_>) -> Option<Vec<Located<ObjectName>>> {
    object.default("mode", "Where TLS ends.", ((), json!("Terminate")), |slot| {
        slot.choice(&[("Terminate", ())], &["Passthrough"])
    });
    let certificates = object.required(
        "certificateRefs",
        "The certificates; the first one is for clients that name no known host.",
        |slot| slot.list(1, |slot| slot.object(|object| reference(object, &CERTIFICATE))),
    );
    object.known(&TLS);
    certificates
}

fn allowed_routes(object: &mut Object<'_>) -> Option<RouteNamespaces> {
    let from = object.optional("namespaces", "Whose routes may attach.", |slot| {
        slot.object(|object| {
            let from = object.default(
                "from",
                "Those of the gateway's own namespace, or all.",
                (RouteNamespaces::Same, json!("Same")),
                |slot| {
                    let words = [("Same", RouteNamespaces::Same), ("All", RouteNamespaces::All)];
                    slot.choice(&words, &["Selector", "None"])
                },
            );
            object.known(&NAMESPACES);
            Some(from)
        })
    });
    // The only kind that a listener of ours can serve: checked, and then of no interest.
    object.optional("kinds", "The kinds of routes that may attach.", |slot| {
        slot.list(0, |slot| slot.object(route_kind))
    });
    Some(from.unwrap_or_default())
}

fn route_kind(object: &mut Object<'_>) -> Option<()> {
    object.default("group", "The group of the kind.", ((), json!(GATEWAY_GROUP)), |slot| {
        slot.choice(&[(GATEWAY_GROUP, ())], &[])
    });
    object.required("kind", "The kind of route.", |slot: &mut Slot<'_>| {
        slot.choice(&[("HTTPRoute", ())], &["GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"])
    })
}

/// Listeners differ in their names, and in port, protocol and host name together.
fn check_distinct(listeners: &[Listener], object: &mut Object<'_>) {
    let Some(context) = object.context() else { return };
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    for listener in listeners {
        if !names.insert(&listener.name.value) {
            let message =
                format!("a listener before this one is named {}, too", listener.name.value);
            context.error(listener.name.span, message);
        }
        let hostname = listener.hostname.as_ref().map(|hostname| &hostname.value);
        if !places.insert((listener.port.value, listener.protocol.value, hostname)) {
            let message = format!(
                "a listener before {} has the same port, protocol and hostname",
                listener.name.value
            );
            context.error(listener.port.span, message);
        }
    }
}
