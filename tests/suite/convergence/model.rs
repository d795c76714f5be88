//! A set of manifests as the test sees it: only what gw is meant to support, and always valid.

use std::collections::BTreeSet;

/// Namespace and name. Ordered as the Gateway API orders routes: by `namespace/name` as one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: &'static str,
    pub(super) name: String,
}

impl Name {
    pub(super) fn new(namespace: &'static str, name: &str) -> Self {
        Self { namespace, name: name.to_owned() }
    }

    /// As one text.
    pub(super) fn full(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// All manifests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    pub(super) gateways: Vec<Gateway>,
    pub(super) routes: Vec<Route>,
    pub(super) backends: Vec<Backend>,
    /// Which of two certificates the one of HTTPS listeners is.
    pub(super) certificate: usize,
    /// Whether Gateways name the address that they bind.
    pub(super) bound: bool,
    /// How the documents are spread over files.
    pub(super) layout: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Gateway {
    pub(super) name: Name,
    pub(super) listeners: Vec<Listener>,
}

#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) name: String,
    /// Which of the test's ports, and so HTTP or HTTPS.
    pub(super) port: usize,
    pub(super) hostname: Option<&'static str>,
    /// Whether routes of all namespaces may attach.
    pub(super) open: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) name: Name,
    /// Written as the short kind `Route`, where that can say it all.
    pub(super) short: bool,
    /// Empty: the only Gateway there is.
    pub(super) parents: Vec<Parent>,
    pub(super) hostnames: Vec<&'static str>,
    /// Empty: everything is answered with 500.
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(super) struct Parent {
    pub(super) gateway: Name,
    pub(super) section: Option<String>,
    pub(super) port: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Empty: everything matches.
    pub(super) matches: Vec<Match>,
    pub(super) backends: Vec<(Name, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) exact: bool,
    pub(super) path: String,
    pub(super) method: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) name: Name,
    pub(super) servers: Vec<Server>,
    pub(super) speaks: Speaks,
    pub(super) balance: Balance,
    pub(super) check: Check,
    pub(super) timeout: Option<&'static str>,
    pub(super) retries: Option<u32>,
    pub(super) cookie: bool,
}

/// What the servers of a backend speak, and so which origins they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Speaks {
    Http1,
    H2c,
    /// HTTP/2 over TLS, with verified certificates.
    H2,
    /// HTTP/1.1 over TLS, without.
    Https,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balance {
    Default,
    /// One that goes through all servers: roundrobin, random, static-rr.
    Even(&'static str),
    /// One that keeps to some server for reasons of its own: leastconn, first, source, uri.
    Steady(&'static str),
    /// By a header that no request of the test has, or by a table. The text is the JSON.
    Hashed(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    None,
    Tcp,
    Http,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) name: String,
    /// Which of the origins that speak what the backend speaks.
    pub(super) origin: usize,
    pub(super) weight: Option<u32>,
    pub(super) maxconn: Option<u32>,
    pub(super) backup: bool,
    pub(super) state: Option<&'static str>,
}

impl Server {
    /// Whether it takes requests at all.
    pub(super) fn serves(&self) -> bool {
        self.share() > 0 && self.state != Some("maint")
    }

    /// Its share of the requests.
    pub(super) fn share(&self) -> u32 {
        if self.state == Some("drain") { 0 } else { self.weight.unwrap_or(1) }
    }
}

impl Set {
    /// The ports that are listened on.
    pub(super) fn ports(&self) -> BTreeSet<usize> {
        self.gateways.iter().flat_map(|gateway| &gateway.listeners).map(|one| one.port).collect()
    }

    /// The listeners to which a route attaches.
    pub(super) fn attached<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = &'a Listener> {
        let chosen = |gateway: &Gateway, listener: &Listener| {
            route.parents.is_empty()
                || route.parents.iter().any(|parent| {
                    parent.gateway == gateway.name
                        && parent.section.as_ref().is_none_or(|name| *name == listener.name)
                        && parent.port.is_none_or(|port| port == listener.port)
                })
        };
        let admitted = |gateway: &Gateway, listener: &Listener| {
            listener.open || gateway.name.namespace == route.name.namespace
        };
        self.gateways.iter().flat_map(move |gateway| {
            gateway
                .listeners
                .iter()
                .filter(move |listener| chosen(gateway, listener) && admitted(gateway, listener))
        })
    }
}
