//! From manifests to intent: references resolved, defaults filled in, everything in HAProxy's
//! terms. Pure; the files that manifests refer to are handed in.

mod attach;
mod files;
mod profile;
mod routing;
pub(crate) mod split;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    manifest::document::{self as manifest, Document, Spec},
    model::{
        Backend, BackendName, Certificate, Desired, Frontend, FrontendName, ObjectName, Origin,
        Problem, Problems, Server, Span,
    },
};

use self::attach::{GatewayRef, RouteRef, Site};
pub use self::files::{ReferencedFiles, requests};

/// What came of a set of manifests.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The intent, as far as it could be made out.
    pub desired: Desired,
    /// What is wrong across objects.
    pub problems: Problems,
}

/// Compiles all objects together.
pub fn compile(documents: &[Arc<Document>], files: &ReferencedFiles) -> Compiled {
    Compiler::default().compile(documents, files)
}

/// A compiler that remembers: what did not change since the last time is not compiled again.
#[derive(Debug, Default)]
pub struct Compiler {
    backends: BTreeMap<BackendName, (Arc<Document>, Arc<Backend>)>,
    routing: Option<RoutingMemo>,
}

/// The routing of the last time, and all that it was made from.
#[derive(Debug)]
struct RoutingMemo {
    sources: Vec<Arc<Document>>,
    backends: BTreeSet<BackendName>,
    frontends: BTreeMap<FrontendName, Frontend>,
    routing: Arc<crate::model::Routing>,
    problems: Problems,
}

impl Compiler {
    /// Compiles all objects together. Documents are compared by identity: a document that is the
    /// same allocation as the last time is taken to be unchanged.
    pub fn compile(&mut self, documents: &[Arc<Document>], files: &ReferencedFiles) -> Compiled {
        let mut problems = Problems::default();
        let objects = Objects::of(documents, &mut problems);
        let mut authorities = BTreeMap::new();
        let backends = self.compile_backends(&objects, files, &mut authorities, &mut problems);
        let certificates = compile_certificates(&objects, files, &mut problems);
        let memo = self.compile_routing(documents, &backends, &certificates);
        problems.extend(memo.problems.clone());
        problems.sort();
        let desired = Desired {
            frontends: memo.frontends.clone(),
            routing: Arc::clone(&memo.routing),
            backends,
            default_profile: Some(Arc::new(profile::of_nothing())),
            certificates: served(certificates, &memo.frontends),
            authorities,
        };
        Compiled { desired, problems }
    }

    fn compile_backends(
        &mut self,
        objects: &Objects<'_>,
        files: &ReferencedFiles,
        authorities: &mut BTreeMap<String, Arc<str>>,
        problems: &mut Problems,
    ) -> BTreeMap<BackendName, Arc<Backend>> {
        let mut known = BTreeMap::new();
        for (document, backend) in &objects.backends {
            let name = document.name.backend();
            let authority = files::authority(document, backend, files, problems);
            let file = authority.map(|(file, text)| {
                authorities.insert(file.clone(), text);
                file
            });
            let compiled = match self.backends.remove(&name) {
                // The file of an authority has its digest in its name, so a new content is a new
                // keyword, and the memo is void.
                Some((same, compiled))
                    if Arc::ptr_eq(&same, document)
                        && file
                            .as_ref()
                            .is_none_or(|file| compiled.profile.server_keywords.contains(file)) =>
                {
                    compiled
                }
                Some(_) | None => Arc::new(compile_backend(document, backend, file.as_deref())),
            };
            known.insert(name, (Arc::clone(document), compiled));
        }
        self.backends = known;
        self.backends
            .iter()
            .map(|(name, (_, backend))| (name.clone(), Arc::clone(backend)))
            .collect()
    }

    fn compile_routing(
        &mut self,
        documents: &[Arc<Document>],
        backends: &BTreeMap<BackendName, Arc<Backend>>,
        certificates: &BTreeMap<ObjectName, Certificate>,
    ) -> &RoutingMemo {
        let is_source = |document: &&Arc<Document>| match document.spec {
            Spec::Gateway(_) | Spec::HttpRoute(_) | Spec::Certificate(_) => true,
            Spec::Backend(_) => false,
        };
        let unchanged = self.routing.as_ref().is_some_and(|memo| {
            memo.backends.iter().eq(backends.keys())
                && memo.sources.len() == documents.iter().filter(is_source).count()
                && memo
                    .sources
                    .iter()
                    .zip(documents.iter().filter(is_source))
                    .all(|(old, new)| Arc::ptr_eq(old, new))
        });
        if !unchanged {
            self.routing = None;
        }
        self.routing.get_or_insert_with(|| {
            let mut problems = Problems::default();
            // Duplicates were reported with all objects.
            let objects = Objects::of(documents, &mut Problems::default());
            let names: BTreeSet<BackendName> = backends.keys().cloned().collect();
            let sites = objects.sites(!certificates.is_empty(), &mut problems);
            let routing = routing::compile(&sites, &names, &mut problems);
            let frontends = compile_frontends(&sites, certificates, &mut problems);
            RoutingMemo {
                sources: documents.iter().filter(is_source).cloned().collect(),
                backends: names,
                frontends,
                routing: Arc::new(routing),
                problems,
            }
        })
    }
}

/// All objects, by kind and in order of name, duplicates left out.
#[derive(Default)]
struct Objects<'a> {
    gateways: Vec<GatewayRef<'a>>,
    routes: Vec<RouteRef<'a>>,
    backends: Vec<(&'a Arc<Document>, &'a manifest::Backend)>,
    certificates: Vec<(&'a Arc<Document>, &'a manifest::Certificate)>,
}

impl<'a> Objects<'a> {
    fn of(documents: &'a [Arc<Document>], problems: &mut Problems) -> Self {
        let mut seen: BTreeMap<(&str, &ObjectName), &Arc<Document>> = BTreeMap::new();
        for document in documents {
            match seen.get(&(document.kind(), &document.name)) {
                Some(first) => problems.push(
                    Problem::error(
                        document.location(document.at),
                        format!(
                            "{} {} is defined twice; the first one is at {}",
                            document.kind(),
                            document.name,
                            first.location(first.at)
                        ),
                    )
                    .hint("give one of them another name, or remove it"),
                ),
                None => {
                    seen.insert((document.kind(), &document.name), document);
                }
            }
        }
        let mut objects = Self::default();
        for ((_, _), document) in seen {
            match &document.spec {
                Spec::Gateway(gateway) => objects.gateways.push(GatewayRef { document, gateway }),
                Spec::HttpRoute(route) => objects.routes.push(RouteRef { document, route }),
                Spec::Backend(backend) => objects.backends.push((document, backend)),
                Spec::Certificate(certificate) => {
                    objects.certificates.push((document, certificate));
                }
            }
        }
        objects
    }

    fn sites(&self, has_certificates: bool, problems: &mut Problems) -> Vec<Site<'a>> {
        let mut sites = attach::sites(&self.gateways, has_certificates, problems);
        attach::attach(&mut sites, &self.gateways, &self.routes, problems);
        sites
    }
}

fn compile_backend(
    document: &Document,
    backend: &manifest::Backend,
    authority: Option<&str>,
) -> Backend {
    let servers = backend.servers.iter().map(|server| {
        let compiled = Server {
            address: server.address.value,
            port: server.port.value,
            weight: server.weight.as_ref().map(|weight| weight.value),
            maxconn: server.maxconn.as_ref().map(|maxconn| maxconn.value),
            backup: server.backup,
            state: server.state.as_ref().map(|state| state.value),
        };
        (server.name.value.clone(), compiled)
    });
    Backend {
        origin: origin(document, document.at),
        profile: Arc::new(profile::compile(backend, authority)),
        servers: servers.collect(),
    }
}

fn compile_certificates(
    objects: &Objects<'_>,
    files: &ReferencedFiles,
    problems: &mut Problems,
) -> BTreeMap<ObjectName, Certificate> {
    objects
        .certificates
        .iter()
        .filter_map(|(document, certificate)| {
            let compiled = files::certificate(document, certificate, files, problems)?;
            Some((document.name.clone(), compiled))
        })
        .collect()
}

/// The sockets, each with the certificates that its listeners name, in their order. The default
/// Gateway serves all certificates there are.
fn compile_frontends(
    sites: &[Site<'_>],
    certificates: &BTreeMap<ObjectName, Certificate>,
    problems: &mut Problems,
) -> BTreeMap<FrontendName, Frontend> {
    let mut frontends: BTreeMap<FrontendName, Frontend> = BTreeMap::new();
    for site in sites {
        let frontend = frontends
            .entry(site.frontend)
            .or_insert_with(|| Frontend { certificates: Vec::new(), origins: Vec::new() });
        let Some((gateway, listener)) = site.listener() else {
            if site.frontend.protocol == crate::model::ListenerProtocol::Https {
                frontend.certificates = certificates.keys().map(certificate_file).collect();
            }
            continue;
        };
        let origin = origin(gateway.document, gateway.document.at);
        if !frontend.origins.contains(&origin) {
            frontend.origins.push(origin);
        }
        for reference in &listener.certificates {
            if !certificates.contains_key(&reference.value) {
                problems.push(dangling(
                    Problem::error(
                        gateway.document.location(reference.span),
                        format!("there is no usable Certificate {}", reference.value),
                    ),
                    &reference.value.to_string(),
                    certificates.keys().map(ToString::to_string),
                ));
                continue;
            }
            let file = certificate_file(&reference.value);
            if !frontend.certificates.contains(&file) {
                frontend.certificates.push(file);
            }
        }
    }
    frontends
}

/// The file name of a certificate inside a generation.
fn certificate_file(name: &ObjectName) -> String {
    format!("certs/{name}.pem")
}

/// The certificates that some frontend serves, by file name.
fn served(
    certificates: BTreeMap<ObjectName, Certificate>,
    frontends: &BTreeMap<FrontendName, Frontend>,
) -> BTreeMap<String, Certificate> {
    let named: BTreeSet<&String> =
        frontends.values().flat_map(|frontend| &frontend.certificates).collect();
    certificates
        .into_iter()
        .map(|(name, certificate)| (certificate_file(&name), certificate))
        .filter(|(file, _)| named.contains(file))
        .collect()
}

fn origin(document: &Document, at: Span) -> Origin {
    Origin {
        object: format!("{} {}", document.kind(), document.name).into(),
        at: document.location(at),
    }
}

/// Among how many names the nearest one is looked for: thousands of dangling references among tens of
/// thousands of names must not take minutes.
const NAMES_LOOKED_AT: usize = 1_000;

/// Makes a problem about a reference to what is nowhere; the nearest spelling among `known` is its hint.
fn dangling(problem: Problem, written: &str, known: impl IntoIterator<Item = String>) -> Problem {
    let best = known
        .into_iter()
        .take(NAMES_LOOKED_AT)
        .map(|name| (strsim::osa_distance(written, &name), name))
        .min()
        .filter(|(distance, _)| *distance <= 1 + written.len() / 4);
    let problem = Problem { dangling: true, ..problem };
    match best {
        Some((_, name)) => problem.hint(format!("did you mean {name}?")),
        None => problem,
    }
}

#[cfg(test)]
mod tests;
