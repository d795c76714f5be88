//! What all objects have: `apiVersion`, `kind` and `metadata`; and the table of kinds.

use serde_json::{Value as Json, json};

use crate::model::{Located, ObjectName, Problem};

use super::{
    backend::backend,
    certificate::certificate,
    context::Context,
    document::{Document, Spec},
    gateway::gateway,
    http_route::http_route,
    object::{KnownFields, Object},
    route::route,
    slot::{Slot, located},
    text::{ANY, LABEL_KEY, LABEL_VALUE, OBJECT_NAME},
    wording::{Quoted, nearest},
    yaml::{Node, Value},
};

/// The Gateway API's group and version.
pub(super) const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";

/// gw's own group and version.
pub(super) const GW_API: &str = "gw/v1";

/// A kind of object.
pub(super) struct Kind {
    pub(super) api_version: &'static str,
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Reads the field `spec`.
    read: fn(&mut Slot<'_>) -> Option<Spec>,
    /// The kind's top-level fields besides the common ones.
    known: KnownFields,
}

/// What a controller in a cluster writes about an object.
const STATUS: KnownFields = KnownFields::ignored(&["status"]);

/// All kinds that gw reads.
pub(super) const KINDS: [Kind; 5] = [
    Kind {
        api_version: GATEWAY_API,
        name: "Gateway",
        about: "Addresses, ports and host names to listen on, as in the Kubernetes Gateway API.",
        read: |slot| slot.object(gateway).map(Spec::Gateway),
        known: STATUS,
    },
    Kind {
        api_version: GATEWAY_API,
        name: "HTTPRoute",
        about: "Which requests go to which backend, as in the Kubernetes Gateway API.",
        read: |slot| slot.object(http_route).map(Spec::HttpRoute),
        known: STATUS,
    },
    Kind {
        api_version: GW_API,
        name: "Route",
        about: "The short form of an HTTPRoute.",
        read: |slot| slot.object(route).map(Spec::HttpRoute),
        known: KnownFields::NONE,
    },
    Kind {
        api_version: GW_API,
        name: "Backend",
        about: "Servers, and how to speak to them.",
        read: |slot| slot.object(backend).map(Box::new).map(Spec::Backend),
        known: KnownFields::NONE,
    },
    Kind {
        api_version: GW_API,
        name: "Certificate",
        about: "A certificate and its key, as files beside the manifest.",
        read: |slot| slot.object(certificate).map(Spec::Certificate),
        known: KnownFields::NONE,
    },
];

/// Kinds of the Gateway API that gw does not read yet.
const UNSUPPORTED_KINDS: [&str; 10] = [
    "BackendLBPolicy",
    "BackendTLSPolicy",
    "BackendTrafficPolicy",
    "GRPCRoute",
    "ListenerSet",
    "ReferenceGrant",
    "TCPRoute",
    "TLSRoute",
    "UDPRoute",
    "XListenerSet",
];

/// Kinds without meaning outside a cluster: accepted with a remark.
const IGNORED_KINDS: [&str; 1] = ["GatewayClass"];

/// Fields of `metadata` that a cluster writes or needs (Kubernetes, `ObjectMeta`).
const METADATA: KnownFields = KnownFields::ignored(&[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
]);

/// The fields of `metadata` that gw reads.
struct Metadata {
    name: Located<ObjectName>,
    labels: Vec<(String, String)>,
}

/// Reads a document. `None` where anything in it is wrong.
pub(super) fn document(root: &Node, index: usize, context: &mut Context) -> Option<Document> {
    let errors = context.errors();
    context.namespace = ObjectName::DEFAULT_NAMESPACE.into();
    let kind = kind_of(root, context)?;
    let (metadata, spec) = Slot::Read { node: root, context }.object(|object| {
        let (metadata, spec) = kind.fields(object);
        Some((metadata?, spec?))
    })?;
    (context.errors() == errors).then(|| Document {
        name: metadata.name.value,
        labels: metadata.labels.into_iter().collect(),
        file: context.file().clone(),
        at: metadata.name.span,
        index,
        spec,
    })
}

/// Finds the kind that a document names. Its `apiVersion` is checked with the other fields.
fn kind_of(root: &Node, context: &mut Context) -> Option<&'static Kind> {
    let Value::Map(entries) = &root.value else {
        context.error_hint(
            root.span,
            "a manifest is a mapping",
            "begin with `apiVersion:`, `kind:`, `metadata:` and `spec:`",
        );
        return None;
    };
    let Some(entry) = entries.iter().find(|entry| &*entry.key == "kind") else {
        context.error(root.span, "the field `kind` is missing");
        return None;
    };
    let at = entry.value.span;
    let Value::Text(kind) = &entry.value.value else {
        context.error(at, "`kind` is not a text");
        return None;
    };
    let found = KINDS.iter().find(|known| known.name == kind);
    if found.is_some() {
        return found;
    }
    if UNSUPPORTED_KINDS.contains(&kind.as_str()) {
        context.error(at, format!("gw does not support the kind {kind} yet"));
    } else if IGNORED_KINDS.contains(&kind.as_str()) {
        let message = format!("the {kind} is ignored: it has no meaning here");
        context.report(Problem::note(context.at(at), message));
    } else {
        let names = || KINDS.iter().map(|kind| kind.name);
        let hint = nearest(kind, names()).unwrap_or_else(|| {
            format!("the kinds are: {}", names().collect::<Vec<_>>().join(", "))
        });
        context.error_hint(at, format!("there is no kind {}", Quoted(kind)), hint);
    }
    None
}

impl Kind {
    /// Visits all fields of an object of this kind.
    fn fields(&self, object: &mut Object<'_>) -> (Option<Metadata>, Option<Spec>) {
        let constant =
            |word: &'static str| move |slot: &mut Slot<'_>| slot.choice(&[(word, ())], &[]);
        object.required("apiVersion", "The group and version.", constant(self.api_version));
        object.required("kind", "The kind of object.", constant(self.name));
        let metadata =
            object.required("metadata", "Who the object is.", |slot| slot.object(metadata));
        let spec = object.required("spec", "What the object asks for.", self.read);
        object.known(&self.known);
        (metadata, spec)
    }

    /// The JSON Schema of an object of this kind.
    pub(super) fn schema(&self) -> Json {
        let mut object = Object::describe();
        self.fields(&mut object);
        let mut schema = object.into_schema();
        schema.shift_insert(0, "title".to_owned(), json!(self.name));
        schema.shift_insert(1, "description".to_owned(), json!(self.about));
        Json::Object(schema)
    }
}

/// Reads `metadata`, and makes its namespace that of the references in the document.
fn metadata(object: &mut Object<'_>) -> Option<Metadata> {
    let name = object.required(
        "name",
        "The name, unique among the objects of its kind and namespace: a DNS label.",
        located(|slot| slot.text(&OBJECT_NAME)),
    );
    let namespace = object.default(
        "namespace",
        "The namespace.",
        (ObjectName::DEFAULT_NAMESPACE.to_owned(), json!(ObjectName::DEFAULT_NAMESPACE)),
        |slot| slot.text(&OBJECT_NAME),
    );
    let labels = object.optional("labels", "Words to select objects by.", |slot| {
        slot.pairs(&LABEL_KEY, |slot| slot.text(&LABEL_VALUE))
    });
    object.optional("annotations", "Remarks, of no effect.", |slot| {
        slot.pairs(&LABEL_KEY, |slot| slot.text(&ANY))
    });
    object.known(&METADATA);
    if let Some(context) = object.context() {
        context.namespace = namespace.as_str().into();
    }
    let name = name?;
    Some(Metadata {
        // Both labels were checked one by one.
        name: Located { value: ObjectName::new(&namespace, &name.value).ok()?, span: name.span },
        labels: labels.unwrap_or_default(),
    })
}
