//! What a scalar means: the YAML 1.2 core schema (section 10.3.2), so `no` and `on` are texts.

use std::{borrow::Cow, rc::Rc};

use serde_yaml::granit_parser::{ScalarStyle, Tag};

use super::yaml::Value;

/// The first control character of `text` that no value may hold. Line breaks and tabs pass here,
/// for annotations; the alphabets of all other values refuse them.
pub(super) fn forbidden(text: &str) -> Option<char> {
    text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Whether a tag is one of those that a core schema scalar or collection may bear.
pub(super) fn is_known_tag(tag: &Tag) -> bool {
    ["str", "int", "bool", "null", "float", "seq", "map"]
        .iter()
        .any(|suffix| tag.is_yaml_core_schema_tag(suffix))
}

/// The value of a scalar.
pub(super) fn resolve(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    if is_text || style != ScalarStyle::Plain {
        return Value::Text(text.into_owned());
    }
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        plain => match integer(plain) {
            Some(number) => Value::Integer(number),
            None if is_number(plain) => Value::Number(text.into_owned()),
            None => Value::Text(text.into_owned()),
        },
    }
}

/// The field name that a key means. Kubernetes' labels may be named `true` or `1`.
pub(super) fn key(value: &Value) -> Option<Rc<str>> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text.as_str().into()),
        Value::Null => Some("null".into()),
        Value::Bool(value) => Some(value.to_string().into()),
        Value::Integer(value) => Some(value.to_string().into()),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// A whole number in one of the three notations, where it fits 64 bits.
fn integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok();
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8).ok();
    }
    text.parse().ok()
}

/// Whether a plain scalar is a number: it begins like one and Rust can read it, or is one of YAML's
/// own names.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
        || (unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && text.parse::<f64>().is_ok())
}
