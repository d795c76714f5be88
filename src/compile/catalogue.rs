//! All objects by kind and name, and which of them changed since the last time.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
    sync::Arc,
};

use crate::{
    manifest::{Document, Spec, document as manifest},
    model::{FileRequest, ObjectName, Problem, Problems},
};

use super::{
    attach::{GatewayRef, RouteRef},
    files,
};

/// The objects, and what changed.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    gateways: Shelf,
    routes: Shelf,
    backends: Shelf,
    certificates: Shelf,
    /// Backends that came, went or changed.
    changed: BTreeSet<ObjectName>,
    /// Whether anything else did.
    routing_changed: bool,
    /// Backends that refer to files, which may change while the manifest does not.
    referring: BTreeSet<ObjectName>,
}

/// The objects of one kind.
#[derive(Debug, Default)]
struct Shelf {
    objects: BTreeMap<ObjectName, Object>,
    /// Those that are defined more than once.
    repeated: BTreeSet<ObjectName>,
}

/// An object and, if it is defined more than once, the further definitions, in order of place.
#[derive(Debug)]
struct Object {
    first: Arc<Document>,
    others: Vec<Arc<Document>>,
}

impl Catalogue {
    /// Takes documents out and puts others in. Those in both are the same allocations.
    pub(super) fn replace(&mut self, old: &[Arc<Document>], new: &[Arc<Document>]) {
        let [comes, goes] = [new, old].map(|documents| -> HashSet<*const Document> {
            documents.iter().map(Arc::as_ptr).collect()
        });
        for document in old.iter().filter(|document| !comes.contains(&Arc::as_ptr(document))) {
            self.mark(document);
            self.shelf(document).remove(document);
        }
        for document in new.iter().filter(|document| !goes.contains(&Arc::as_ptr(document))) {
            self.mark(document);
            self.shelf(document).insert(document);
        }
    }

    /// Notes that a document came or went.
    fn mark(&mut self, document: &Arc<Document>) {
        match document.spec {
            Spec::Backend(_) => {
                self.changed.insert(document.name.clone());
            }
            Spec::Gateway(_) | Spec::HttpRoute(_) | Spec::Certificate(_) => {
                self.routing_changed = true;
            }
        }
    }

    fn shelf(&mut self, document: &Document) -> &mut Shelf {
        match document.spec {
            Spec::Gateway(_) => &mut self.gateways,
            Spec::HttpRoute(_) => &mut self.routes,
            Spec::Backend(_) => &mut self.backends,
            Spec::Certificate(_) => &mut self.certificates,
        }
    }

    /// The backends that must be looked at again. From now on only later changes count.
    pub(super) fn take_changed_backends(&mut self) -> BTreeSet<ObjectName> {
        let changed = mem::take(&mut self.changed);
        for name in &changed {
            let refers = self
                .backend(name)
                .is_some_and(|(document, _)| !files::requests_of(document).is_empty());
            if refers {
                self.referring.insert(name.clone());
            } else {
                self.referring.remove(name);
            }
        }
        changed.union(&self.referring).cloned().collect()
    }

    /// Whether a Gateway, route or certificate came, went or changed. From now on only later
    /// changes count.
    pub(super) fn take_routing_changed(&mut self) -> bool {
        mem::take(&mut self.routing_changed)
    }

    pub(super) fn backend(
        &self,
        name: &ObjectName,
    ) -> Option<(&Arc<Document>, &manifest::Backend)> {
        let document = &self.backends.objects.get(name)?.first;
        match &document.spec {
            Spec::Backend(backend) => Some((document, backend)),
            Spec::Gateway(_) | Spec::HttpRoute(_) | Spec::Certificate(_) => None,
        }
    }

    pub(super) fn gateways(&self) -> Vec<GatewayRef<'_>> {
        let firsts = self.gateways.firsts();
        firsts
            .filter_map(|document| match &document.spec {
                Spec::Gateway(gateway) => Some(GatewayRef { document, gateway }),
                Spec::HttpRoute(_) | Spec::Backend(_) | Spec::Certificate(_) => None,
            })
            .collect()
    }

    pub(super) fn routes(&self) -> Vec<RouteRef<'_>> {
        let firsts = self.routes.firsts();
        firsts
            .filter_map(|document| match &document.spec {
                Spec::HttpRoute(route) => Some(RouteRef { document, route }),
                Spec::Gateway(_) | Spec::Backend(_) | Spec::Certificate(_) => None,
            })
            .collect()
    }

    pub(super) fn has_certificate(&self, name: &ObjectName) -> bool {
        self.certificates.objects.contains_key(name)
    }

    pub(super) fn certificates(
        &self,
    ) -> impl Iterator<Item = (&Arc<Document>, &manifest::Certificate)> {
        self.certificates.firsts().filter_map(|document| match &document.spec {
            Spec::Certificate(certificate) => Some((document, certificate)),
            Spec::Gateway(_) | Spec::HttpRoute(_) | Spec::Backend(_) => None,
        })
    }

    /// All files that objects refer to.
    pub(super) fn requests(&self) -> BTreeSet<FileRequest> {
        let changed = self.changed.iter().chain(&self.referring);
        let backends = changed.filter_map(|name| self.backend(name)).map(|(document, _)| document);
        backends
            .chain(self.certificates.firsts())
            .flat_map(|document| files::requests_of(document))
            .collect()
    }

    /// What is wrong with objects that are defined more than once. The first definition counts.
    pub(super) fn report_repeated(&self, problems: &mut Problems) {
        for shelf in [&self.gateways, &self.routes, &self.backends, &self.certificates] {
            for object in shelf.repeated.iter().filter_map(|name| shelf.objects.get(name)) {
                for other in &object.others {
                    problems.push(repeated(&object.first, other));
                }
            }
        }
    }
}

impl Shelf {
    fn firsts(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.objects.values().map(|object| &object.first)
    }

    fn insert(&mut self, document: &Arc<Document>) {
        let Some(object) = self.objects.get_mut(&document.name) else {
            let object = Object { first: Arc::clone(document), others: Vec::new() };
            self.objects.insert(document.name.clone(), object);
            return;
        };
        object.others.push(Arc::clone(document));
        object.others.push(Arc::clone(&object.first));
        object.others.sort_by(|a, b| (&a.file, a.index).cmp(&(&b.file, b.index)));
        object.first = object.others.remove(0);
        self.repeated.insert(document.name.clone());
    }

    fn remove(&mut self, document: &Arc<Document>) {
        let Some(object) = self.objects.get_mut(&document.name) else { return };
        if !Arc::ptr_eq(&object.first, document) {
            object.others.retain(|other| !Arc::ptr_eq(other, document));
        } else if object.others.is_empty() {
            self.objects.remove(&document.name);
            return;
        } else {
            object.first = object.others.remove(0);
        }
        if object.others.is_empty() {
            self.repeated.remove(&document.name);
        }
    }
}

fn repeated(first: &Document, other: &Document) -> Problem {
    Problem::error(
        other.location(other.at),
        format!(
            "{} {} is defined twice; the first one is at {}",
            other.kind(),
            other.name,
            first.location(first.at)
        ),
    )
    .hint("give one of them another name, or remove it")
}
