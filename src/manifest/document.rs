//! What a manifest says, typed and checked, before references between objects are resolved.
//!
//! Values to which a later problem may point are [`Located`]. Nothing here is a default that
//! HAProxy has anyway: an absent field is `None`, and `compile` decides.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

mod backend;

pub use backend::{
    Affinity, Alpn, Backend, Balance, CheckKind, HashType, HealthCheck, Server, ServerProtocol,
    ServerState, ServerTls, StatusRange, Timeouts, Trust,
};

pub use crate::model::ListenerProtocol;
use crate::model::{
    FilePath, Hostname, Located, Location, ObjectName, RoutePath, SectionName, Span,
};

/// One object from a manifest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `metadata.namespace` and `metadata.name`.
    pub name: ObjectName,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// The path of the file it came from.
    pub file: Arc<str>,
    /// Where `metadata.name` was written.
    pub at: Span,
    /// The place among the documents of its file, from 0, empty and refused ones included.
    pub index: usize,
    /// What it asks for.
    pub spec: Spec,
}

impl Document {
    /// The place of `span` as a place in this document's file.
    pub fn location(&self, span: Span) -> Location {
        Location { file: Arc::clone(&self.file), span }
    }

    /// The kind as it was written, and the field by which that kind names its Gateway.
    pub(crate) fn written(&self) -> (&'static str, &'static str) {
        match &self.spec {
            Spec::HttpRoute(route) if route.is_short => ("Route", "gateway"),
            _ => (self.kind(), "parentRefs"),
        }
    }

    /// The kind as the user reads it. A short `Route` is an `HTTPRoute` by now.
    pub fn kind(&self) -> &'static str {
        match self.spec {
            Spec::Gateway(_) => "Gateway",
            Spec::HttpRoute(_) => "HTTPRoute",
            Spec::Backend(_) => "Backend",
            Spec::Certificate(_) => "Certificate",
        }
    }
}

/// What an object asks for, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Where HAProxy listens.
    Gateway(Gateway),
    /// Which requests go to which backend.
    HttpRoute(HttpRoute),
    /// Servers, and how to speak to them.
    Backend(Box<Backend>),
    /// A certificate and its key.
    Certificate(Certificate),
}

/// Addresses and ports to listen on (Gateway API, `Gateway`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The listeners, at least one, with distinct names.
    pub listeners: Vec<Listener>,
    /// The addresses to bind; empty means all.
    pub addresses: Vec<Located<IpAddr>>,
}

/// One port, protocol and host name of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, to which `sectionName` of a route refers.
    pub name: Located<SectionName>,
    /// The hosts it serves; `None` means all.
    pub hostname: Option<Located<Hostname>>,
    /// The port to bind.
    pub port: Located<u16>,
    /// HTTP or HTTPS.
    pub protocol: Located<ListenerProtocol>,
    /// The certificates of an HTTPS listener, at least one; empty for HTTP.
    pub certificates: Vec<Located<ObjectName>>,
    /// The namespaces whose routes may attach.
    pub routes_from: RouteNamespaces,
}

/// Whose routes may attach to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteNamespaces {
    /// Those of the gateway's own namespace.
    #[default]
    Same,
    /// Those of any namespace.
    All,
}

/// Which requests go where (Gateway API, `HTTPRoute`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRoute {
    /// The gateways to attach to; empty means the only gateway there is.
    pub parents: Vec<ParentRef>,
    /// The hosts; empty means all that the listener serves.
    pub hostnames: Vec<Located<Hostname>>,
    /// The rules; at least one.
    pub rules: Vec<Rule>,
    /// Whether it was written as a `Route`, the short form.
    pub is_short: bool,
}

/// A gateway, or a part of it, to which a route attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentRef {
    /// The gateway, the namespace filled in.
    pub gateway: Located<ObjectName>,
    /// Only the listener of this name.
    pub section: Option<Located<SectionName>>,
    /// Only listeners on this port.
    pub port: Option<Located<u16>>,
}

/// Requests that match any of some conditions, and where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where the rule begins.
    pub at: Span,
    /// Its name, for messages.
    pub name: Option<Located<SectionName>>,
    /// The conditions, at least one: a rule that names none matches the prefix `/`.
    pub matches: Vec<Match>,
    /// Where requests go, by weight. Empty, or all of weight 0: they are answered with 500.
    pub backends: Vec<WeightedBackend>,
}

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where it was written, or the place of the rule for the default one.
    pub at: Span,
    /// The path.
    pub path: PathMatch,
    /// Only this method.
    pub method: Option<Method>,
}

/// A condition on the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathMatch {
    /// The whole path, byte for byte.
    Exact(RoutePath),
    /// The path's first elements: `/a` matches `/a`, `/a/` and `/a/b`, not `/ab`. A trailing `/`
    /// counts for nothing.
    Prefix(RoutePath),
}

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of RFC 9110, section 9")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
}

impl Method {
    /// All of them, in the order of the Gateway API.
    pub const ALL: [Self; 9] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
    ];

    /// As written in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
        }
    }
}

/// A backend and its share of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedBackend {
    /// The backend, the namespace filled in.
    pub backend: Located<ObjectName>,
    /// Its share, from 0 to 1,000,000, relative to the sum over the rule.
    pub weight: u32,
}

/// A certificate, its chain and its key: where to find them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// One PEM file with all.
    Bundle(Located<FilePath>),
    /// Two PEM files.
    Pair {
        /// The certificate and its chain.
        certificate: Located<FilePath>,
        /// The key.
        key: Located<FilePath>,
    },
}
