//! From manifests to intent: references resolved, defaults filled in, everything in HAProxy's
//! terms. Pure; the files that manifests refer to are handed in.

mod attach;
mod catalogue;
mod files;
mod profile;
mod routing;
pub(crate) mod split;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    manifest::document::{self as manifest, Document},
    model::{
        Backend, BackendName, Certificate, Desired, FileRequest, Frontend, FrontendName,
        ObjectName, Origin, Problem, Problems, Profile, Routing, Server, ServerName, Span,
    },
};

pub use self::files::ReferencedFiles;
use self::{attach::Site, catalogue::Catalogue};

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
    let mut compiler = Compiler::default();
    compiler.replace(&[], documents);
    compiler.compile(files)
}

/// A compiler that remembers: what did not change since the last time is not compiled again.
#[derive(Debug, Default)]
pub struct Compiler {
    catalogue: Catalogue,
    backends: Arc<BTreeMap<BackendName, Arc<Backend>>>,
    /// The settings of all backends by name, so that those with the same share them.
    profiles: BTreeMap<Arc<str>, Arc<Profile>>,
    routing: Option<RoutingMemo>,
}

/// The routing of the last time, and what it was made from besides the catalogue.
#[derive(Debug)]
struct RoutingMemo {
    backends: BTreeSet<BackendName>,
    certificates: Vec<ObjectName>,
    frontends: BTreeMap<FrontendName, Frontend>,
    routing: Arc<Routing>,
    problems: Problems,
}

impl Compiler {
    /// Takes documents out and puts others in, such as those of one file before and after a change.
    /// A document that stays is the same allocation in both.
    pub fn replace(&mut self, old: &[Arc<Document>], new: &[Arc<Document>]) {
        self.catalogue.replace(old, new);
    }

    /// The files that the documents refer to.
    pub fn requests(&self) -> BTreeSet<FileRequest> {
        self.catalogue.requests()
    }

    /// Compiles all objects together.
    pub fn compile(&mut self, files: &ReferencedFiles) -> Compiled {
        let mut problems = Problems::default();
        self.catalogue.report_repeated(&mut problems);
        let authorities = self.compile_backends(files, &mut problems);
        let certificates = compile_certificates(&self.catalogue, files, &mut problems);
        let default_profile = self.share(profile::of_nothing());
        self.forget_profiles();
        let memo = self.compile_routing(&certificates);
        problems.extend(memo.problems.iter().cloned());
        problems.sort();
        let desired = Desired {
            frontends: memo.frontends.clone(),
            routing: Arc::clone(&memo.routing),
            certificates: served(certificates, &memo.frontends),
            backends: Arc::clone(&self.backends),
            default_profile: Some(default_profile),
            authorities,
        };
        Compiled { desired, problems }
    }

    /// Compiles the backends that changed. Returns the files of authorities that backends name.
    fn compile_backends(
        &mut self,
        files: &ReferencedFiles,
        problems: &mut Problems,
    ) -> BTreeMap<String, Arc<str>> {
        let mut authorities = BTreeMap::new();
        for name in self.catalogue.take_changed_backends() {
            let Some((document, backend)) = self.catalogue.backend(&name) else {
                Arc::make_mut(&mut self.backends).remove(&name.backend());
                continue;
            };
            let authority = files::authority(document, backend, files, problems);
            let file = authority.as_ref().map(|(file, _)| file.as_str());
            let profile = profile::compile(backend, file);
            let origin = origin(document, document.at);
            let servers = compile_servers(backend);
            authorities.extend(authority);
            let compiled = Backend { origin, profile: self.share(profile), servers };
            let name = name.backend();
            // One that is as before stays the same allocation, by which others know it.
            if self.backends.get(&name).is_none_or(|known| **known != compiled) {
                Arc::make_mut(&mut self.backends).insert(name, Arc::new(compiled));
            }
        }
        authorities
    }

    /// The one allocation of these settings.
    fn share(&mut self, profile: Profile) -> Arc<Profile> {
        match self.profiles.get(profile.name()) {
            Some(known) => Arc::clone(known),
            None => {
                let profile = Arc::new(profile);
                self.profiles.insert(profile.name().into(), Arc::clone(&profile));
                profile
            }
        }
    }

    /// Forgets the settings that no backend has any more.
    fn forget_profiles(&mut self) {
        self.profiles.retain(|_, profile| Arc::strong_count(profile) > 1);
    }

    fn compile_routing(
        &mut self,
        certificates: &BTreeMap<ObjectName, Certificate>,
    ) -> &RoutingMemo {
        let changed = self.catalogue.take_routing_changed();
        let is_same = |memo: &RoutingMemo| {
            memo.backends.iter().eq(self.backends.keys())
                && memo.certificates.iter().eq(certificates.keys())
        };
        if changed || !self.routing.as_ref().is_some_and(is_same) {
            self.routing = None;
        }
        self.routing.get_or_insert_with(|| {
            let mut problems = Problems::default();
            let gateways = self.catalogue.gateways();
            let backends: BTreeSet<BackendName> = self.backends.keys().cloned().collect();
            let mut sites = attach::sites(&gateways, !certificates.is_empty(), &mut problems);
            attach::attach(&mut sites, &gateways, &self.catalogue.routes(), &mut problems);
            let routing = Arc::new(routing::compile(&sites, &backends, &mut problems));
            let has_written = |name: &ObjectName| self.catalogue.has_certificate(name);
            let frontends = compile_frontends(&sites, certificates, has_written, &mut problems);
            let certificates = certificates.keys().cloned().collect();
            RoutingMemo { backends, certificates, frontends, routing, problems }
        })
    }
}

fn compile_servers(backend: &manifest::Backend) -> BTreeMap<ServerName, Server> {
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
    servers.collect()
}

fn compile_certificates(
    catalogue: &Catalogue,
    files: &ReferencedFiles,
    problems: &mut Problems,
) -> BTreeMap<ObjectName, Certificate> {
    catalogue
        .certificates()
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
    has_written: impl Fn(&ObjectName) -> bool,
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
                if has_written(&reference.value) {
                    // What is wrong with it has been said at its own place.
                    continue;
                }
                problems.push(dangling(
                    Problem::error(
                        gateway.document.location(reference.span),
                        format!("there is no Certificate {}", reference.value),
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
