//! References to other objects: `group`, `kind`, `name` and `namespace`.

use serde_json::json;

use crate::model::{Located, ObjectName};

use super::{
    object::Object,
    slot::{Slot, located},
    text::OBJECT_NAME,
};

/// The group of the Gateway API.
pub(super) const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// What a reference may point at.
pub(super) struct Target {
    groups: &'static [(&'static str, ())],
    kinds: &'static [(&'static str, ())],
    unsupported: &'static [&'static str],
}

/// A gateway. In a cluster a service can be a parent too, which belongs to service meshes.
pub(super) const GATEWAY: Target = Target {
    groups: &[(GATEWAY_GROUP, ())],
    kinds: &[("Gateway", ())],
    unsupported: &["Service", "ListenerSet", "XListenerSet"],
};

/// A backend: what a cluster calls a service is a backend here.
pub(super) const BACKEND: Target = Target {
    groups: &[("", ()), ("gw", ())],
    kinds: &[("Service", ()), ("Backend", ())],
    unsupported: &["ServiceImport"],
};

/// A certificate: what a cluster keeps in a secret is a certificate here.
pub(super) const CERTIFICATE: Target = Target {
    groups: &[("", ()), ("gw", ())],
    kinds: &[("Secret", ()), ("Certificate", ())],
    unsupported: &[],
};

/// Visits the fields of a reference. Its place is that of the name.
pub(super) fn reference(object: &mut Object<'_>, target: &Target) -> Option<Located<ObjectName>> {
    let first = |words: &[(&'static str, ())]| words.first().map_or("", |(word, ())| *word);
    object.default("group", "The group of the kind.", ((), json!(first(target.groups))), |slot| {
        slot.choice(target.groups, &[])
    });
    object.default("kind", "The kind of the object.", ((), json!(first(target.kinds))), |slot| {
        slot.choice(target.kinds, target.unsupported)
    });
    let namespace = object.optional(
        "namespace",
        "The namespace of the object; that of the manifest where it is left out.",
        |slot| slot.text(&OBJECT_NAME),
    );
    let name = object.required(
        "name",
        "The name of the object.",
        located(|slot| slot.text(&OBJECT_NAME)),
    )?;
    let own = object.context()?.namespace.clone();
    in_namespace(&name, namespace.as_deref().unwrap_or(&own))
}

/// A plain name that stands for an object of the manifest's own namespace.
pub(super) fn local_name(slot: &mut Slot<'_>) -> Option<Located<ObjectName>> {
    let name = located(|slot| slot.text(&OBJECT_NAME))(slot)?;
    let Slot::Read { context, .. } = slot else { return None };
    in_namespace(&name, &context.namespace.clone())
}

/// Both labels were checked one by one, so this is never `None`.
fn in_namespace(name: &Located<String>, namespace: &str) -> Option<Located<ObjectName>> {
    let value = ObjectName::new(namespace, &name.value).ok()?;
    Some(Located { value, span: name.span })
}
