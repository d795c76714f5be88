//! The JSON Schema of all kinds, for editors; made by the readers themselves.

use serde_json::{Map, Value, json};

use super::envelope::KINDS;

/// The schema (draft 2020-12) of one manifest document.
///
/// What the decoder accepts matches it, but for empty fields (`hosts:`), which the decoder counts as
/// left out, and warns. Rules that concern more than one field are the decoder's alone.
pub fn json_schema() -> Value {
    let of = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    let kinds: Vec<Value> = KINDS.iter().map(|kind| of(kind.name)).collect();
    let definitions: Map<String, Value> =
        KINDS.iter().map(|kind| (kind.name.to_owned(), kind.schema())).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gw manifests",
        "description": "One document of a manifest file of gw, the GitOps controller of HAProxy.",
        "oneOf": kinds,
        "$defs": definitions,
    })
}
