//! Which routes meet which hosts on which frontend (Gateway API, `ParentReference` and listener
//! isolation).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    manifest::document::{
        self as manifest, Document, HttpRoute, Listener, ParentRef, RouteNamespaces,
    },
    model::{FrontendName, Hostname, ListenerProtocol, ObjectName, Problem, Problems},
};

use super::dangling;

/// A Gateway and its document.
#[derive(Clone, Copy)]
pub(super) struct GatewayRef<'a> {
    pub(super) document: &'a Document,
    pub(super) gateway: &'a manifest::Gateway,
}

/// One host name of one frontend, and the routes attached there.
pub(super) struct Site<'a> {
    /// The frontend that it belongs to.
    pub(super) frontend: FrontendName,
    /// The listener's host, all hosts where `None`.
    pub(super) hostname: Option<&'a Hostname>,
    /// The attached routes with the hosts that they match here, in order of precedence.
    pub(super) routes: Vec<(RouteRef<'a>, Vec<HostPattern>)>,
    listener: Option<(GatewayRef<'a>, &'a Listener)>,
}

/// An HTTPRoute and its document.
#[derive(Clone, Copy)]
pub(super) struct RouteRef<'a> {
    pub(super) document: &'a Document,
    pub(super) route: &'a HttpRoute,
}

/// The hosts of a routing table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostPattern {
    /// All hosts.
    Any,
    /// All hosts below a suffix, which is given without `*.`.
    Below(String),
    /// One host.
    Exact(String),
}

impl HostPattern {
    fn of(hostname: Option<&Hostname>) -> Self {
        match hostname {
            None => Self::Any,
            Some(name) => match name.wildcard_suffix() {
                Some(suffix) => Self::Below(suffix.to_owned()),
                None => Self::Exact(name.as_str().to_owned()),
            },
        }
    }

    /// Whether every host of `other` is one of these.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_below = |host: &str, suffix: &str| {
            host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
        };
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Self::Below(other)) => other == suffix || is_below(other, suffix),
            (Self::Below(suffix), Self::Exact(host)) => is_below(host, suffix),
            (Self::Exact(host), Self::Exact(other)) => host == other,
            (Self::Exact(_) | Self::Below(_), Self::Any) | (Self::Exact(_), Self::Below(_)) => {
                false
            }
        }
    }

    /// The hosts that are in both, where there are any.
    fn intersection(&self, other: &Self) -> Option<Self> {
        if self.covers(other) {
            Some(other.clone())
        } else if other.covers(self) {
            Some(self.clone())
        } else {
            None
        }
    }

    /// The table's part of a map key.
    pub(super) fn table(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Below(suffix) => format!("*.{suffix}"),
            Self::Exact(host) => host.clone(),
        }
    }
}

/// Lays out the sites of all Gateways, without routes. No Gateway at all means one that listens on
/// port 80, and on 443 where there are certificates.
pub(super) fn sites<'a>(
    gateways: &[GatewayRef<'a>],
    has_certificates: bool,
    problems: &mut Problems,
) -> Vec<Site<'a>> {
    if gateways.is_empty() {
        let default = |protocol, port| Site {
            frontend: FrontendName { protocol, address: None, port },
            hostname: None,
            routes: Vec::new(),
            listener: None,
        };
        let mut sites = vec![default(ListenerProtocol::Http, 80)];
        if has_certificates {
            sites.push(default(ListenerProtocol::Https, 443));
        }
        return sites;
    }
    let mut sites: Vec<Site<'a>> = Vec::new();
    for &gateway in gateways {
        let addresses: Vec<Option<IpAddr>> = match gateway.gateway.addresses.as_slice() {
            [] => vec![None],
            some => some.iter().map(|address| Some(address.value)).collect(),
        };
        for listener in &gateway.gateway.listeners {
            for &address in &addresses {
                let protocol = listener.protocol.value;
                let frontend = FrontendName { protocol, address, port: listener.port.value };
                let site = Site {
                    frontend,
                    hostname: listener.hostname.as_ref().map(|hostname| &hostname.value),
                    routes: Vec::new(),
                    listener: Some((gateway, listener)),
                };
                match sites.iter().find(|other| other.conflicts_with(&site)) {
                    Some(other) => problems.push(site.conflict(other)),
                    None => sites.push(site),
                }
            }
        }
    }
    sites
}

impl<'a> Site<'a> {
    /// The hosts of the listener.
    pub(super) fn hosts(&self) -> HostPattern {
        HostPattern::of(self.hostname)
    }

    /// The certificates that the listener names.
    pub(super) fn listener(&self) -> Option<(GatewayRef<'a>, &'a Listener)> {
        self.listener
    }

    /// Whether both want the same socket in different ways, or the same host of one socket.
    fn conflicts_with(&self, other: &Self) -> bool {
        let (a, b) = (self.frontend, other.frontend);
        let same_socket = a.port == b.port
            && (a.address == b.address || a.address.is_none() || b.address.is_none());
        same_socket && (a != b || self.hostname == other.hostname)
    }

    fn conflict(&self, other: &Self) -> Problem {
        let (at, name) = match self.listener {
            Some((gateway, listener)) => {
                (gateway.document.location(listener.port.span), listener.name.value.as_str())
            }
            None => unreachable!("only listeners of Gateways are compared"),
        };
        let other_name = match other.listener {
            Some((gateway, listener)) => {
                format!("listener {} of Gateway {}", listener.name.value, gateway.document.name)
            }
            None => "the default Gateway".to_owned(),
        };
        let what = if self.frontend == other.frontend {
            "asks for the same port and hostname as"
        } else {
            "can't share its port with"
        };
        Problem::error(at, format!("listener {name} {what} {other_name}"))
            .hint("give one of them another port, or another hostname and the same protocol")
    }

    /// Whether `parent`, written in `route`, selects this site.
    fn selected_by(&self, parent: &ParentRef) -> bool {
        let Some((gateway, listener)) = self.listener else { return false };
        gateway.document.name == parent.gateway.value
            && parent.section.as_ref().is_none_or(|name| name.value == listener.name.value)
            && parent.port.as_ref().is_none_or(|port| port.value == listener.port.value)
    }

    /// Whether the listener takes routes from the namespace of `route`.
    fn admits(&self, route: &Document) -> bool {
        let Some((gateway, listener)) = self.listener else { return true };
        match listener.routes_from {
            RouteNamespaces::All => true,
            RouteNamespaces::Same => gateway.document.name.namespace() == route.name.namespace(),
        }
    }
}

/// Attaches every route to the sites that its `parentRefs` select. `routes` are in order of
/// precedence.
pub(super) fn attach<'a>(
    sites: &mut [Site<'a>],
    gateways: &[GatewayRef<'a>],
    routes: &[RouteRef<'a>],
    problems: &mut Problems,
) {
    for &route in routes {
        let selected = select(sites, gateways, route, problems);
        let mut met = false;
        for &index in &selected {
            let hosts = matching_hosts(sites, index, route.route);
            if !hosts.is_empty() {
                met = true;
                sites[index].routes.push((route, hosts));
            }
        }
        if !met && !selected.is_empty() {
            problems.push(
                Problem::warning(
                    route.document.location(
                        route.route.hostnames.first().map_or(route.document.at, |name| name.span),
                    ),
                    format!(
                        "{} {} has no hostname that its listener serves, so it matches no request",
                        route.document.written().0,
                        route.document.name
                    ),
                )
                .hint("name a host that the listener's hostname covers"),
            );
        }
    }
}

/// The sites that a route's `parentRefs` select.
fn select(
    sites: &[Site<'_>],
    gateways: &[GatewayRef<'_>],
    route: RouteRef<'_>,
    problems: &mut Problems,
) -> BTreeSet<usize> {
    let document = route.document;
    let all = || 0..sites.len();
    let admitted = |index: &usize| sites[*index].admits(document);
    if route.route.parents.is_empty() {
        if gateways.len() > 1 {
            let names: Vec<String> =
                gateways.iter().map(|gateway| gateway.document.name.to_string()).collect();
            let (kind, field) = document.written();
            problems.push(
                Problem::error(
                    document.location(document.at),
                    format!("{kind} {} must say which Gateway it is for", document.name),
                )
                .hint(format!("add `{field}` with one of: {}", names.join(", "))),
            );
            return BTreeSet::new();
        }
        let open: BTreeSet<usize> = all().filter(admitted).collect();
        if open.is_empty() && !sites.is_empty() {
            problems.push(not_admitted(document, document.at));
        }
        return open;
    }
    let mut selected = BTreeSet::new();
    for parent in &route.route.parents {
        let at = parent.gateway.span;
        let found: Vec<usize> = all().filter(|&index| sites[index].selected_by(parent)).collect();
        if found.is_empty() {
            problems.push(missing_parent(document, parent, gateways));
        } else if !found.iter().any(admitted) {
            problems.push(not_admitted(document, at));
        }
        selected.extend(found.into_iter().filter(admitted));
    }
    selected
}

fn not_admitted(document: &Document, at: crate::model::Span) -> Problem {
    Problem::error(
        document.location(at),
        format!(
            "no listener takes routes from the namespace {} of {} {}",
            document.name.namespace(),
            document.written().0,
            document.name
        ),
    )
    .hint("set `allowedRoutes: {namespaces: {from: All}}` on the listener")
}

fn missing_parent(document: &Document, parent: &ParentRef, gateways: &[GatewayRef<'_>]) -> Problem {
    let named: &ObjectName = &parent.gateway.value;
    let known = gateways.iter().find(|gateway| gateway.document.name == *named);
    match known {
        None => {
            let names = gateways.iter().map(|gateway| gateway.document.name.to_string());
            dangling(
                Problem::error(
                    document.location(parent.gateway.span),
                    format!("there is no Gateway {named}"),
                ),
                &named.to_string(),
                names,
            )
        }
        Some(gateway) => {
            let listeners: Vec<String> = gateway
                .gateway
                .listeners
                .iter()
                .map(|listener| format!("{} (port {})", listener.name.value, listener.port.value))
                .collect();
            let span = (parent.section.as_ref().map(|name| name.span))
                .or(parent.port.as_ref().map(|port| port.span))
                .unwrap_or(parent.gateway.span);
            Problem::error(document.location(span), format!("Gateway {named} has no such listener"))
                .hint(format!("its listeners are: {}", listeners.join(", ")))
        }
    }
}

/// The hosts for which `route` is asked on a site: what both name, less what a more specific
/// listener of the same frontend takes for itself.
fn matching_hosts(sites: &[Site<'_>], index: usize, route: &HttpRoute) -> Vec<HostPattern> {
    let site = &sites[index];
    let own = site.hosts();
    let rivals: Vec<HostPattern> = sites
        .iter()
        .enumerate()
        .filter(|&(other, rival)| other != index && rival.frontend == site.frontend)
        .map(|(_, rival)| rival.hosts())
        .filter(|rival| own.covers(rival))
        .collect();
    let named: Vec<HostPattern> = if route.hostnames.is_empty() {
        vec![HostPattern::Any]
    } else {
        route.hostnames.iter().map(|name| HostPattern::of(Some(&name.value))).collect()
    };
    let hosts: BTreeSet<HostPattern> = named
        .iter()
        .filter_map(|host| own.intersection(host))
        .filter(|host| !rivals.iter().any(|rival| rival.covers(host)))
        .collect();
    hosts.into_iter().collect()
}

/// The sites of each frontend, in a fixed order.
pub(super) fn by_frontend<'s, 'a>(
    sites: &'s [Site<'a>],
) -> BTreeMap<FrontendName, Vec<&'s Site<'a>>> {
    let mut frontends: BTreeMap<FrontendName, Vec<&Site<'_>>> = BTreeMap::new();
    for site in sites {
        frontends.entry(site.frontend).or_default().push(site);
    }
    frontends
}
