//! The decoder: one description per type, read in two ways.
//!
//! A reader is a function from a [`Slot`] to a value. Given a slot with a node it reads the node,
//! reports all that is wrong with it and yields `None` where that leaves no value. Given a slot with
//! a schema it fills in the JSON Schema of what it would read, and yields `None`. Since both come
//! from the same calls, the decoder and the published schema can't drift apart; the price is that a
//! reader must visit all of its fields before it gives up on a missing one.

use std::{fmt::Display, ops::RangeInclusive};

use serde_json::{Map, Value as Json, json};

use crate::model::{Located, Span};

use super::{
    context::Context,
    object::Object,
    text::TextRule,
    wording::{Quoted, nearest, one_of, wrong_type},
    yaml::{Node, Value},
};

/// The greatest length of any list. The Gateway API's own limits (16 backends of a rule, 64 listeners
/// of a gateway) protect etcd, which is not here.
const LIST_MAX: usize = 10_000;

/// A place for a value.
pub(super) enum Slot<'a> {
    /// There is a node to read.
    Read {
        /// The node.
        node: &'a Node,
        /// Takes the problems.
        context: &'a mut Context,
    },
    /// The schema of the value is asked for.
    Describe(&'a mut Map<String, Json>),
}

impl Slot<'_> {
    /// Where the value is; nowhere while describing.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Read { node, .. } => node.span,
            Self::Describe(_) => Span::default(),
        }
    }

    /// Reports an error in the value.
    pub(super) fn error(&mut self, message: impl Into<String>) {
        if let Self::Read { node, context } = self {
            context.error(node.span, message);
        }
    }

    /// A text that obeys `rule`.
    pub(super) fn text<T>(&mut self, rule: &TextRule<T>) -> Option<T> {
        match self {
            Self::Describe(schema) => {
                schema.extend(rule.schema());
                None
            }
            Self::Read { node, context } => {
                let Value::Text(text) = &node.value else {
                    let is_collection = matches!(node.value, Value::List(_) | Value::Map(_));
                    let quotes = (!is_collection).then_some("put it in quotes");
                    wrong_type(node, rule.what, rule.hint.or(quotes), context);
                    return None;
                };
                match (rule.parse)(text) {
                    Ok(value) => Some(value),
                    Err(why) => {
                        let message = format!("{} is not {}: {why}", Quoted(text), rule.what);
                        match rule.hint {
                            Some(hint) => context.error_hint(node.span, message, hint),
                            None => context.error(node.span, message),
                        }
                        None
                    }
                }
            }
        }
    }

    /// A whole number in `range`.
    pub(super) fn integer<T>(&mut self, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + Display + Into<i64> + TryFrom<i64>,
    {
        let (min, max) = (*range.start(), *range.end());
        match self {
            Self::Describe(schema) => {
                schema.insert("type".into(), json!("integer"));
                schema.insert("minimum".into(), json!(min.into()));
                schema.insert("maximum".into(), json!(max.into()));
                None
            }
            Self::Read { node, context } => {
                let Value::Integer(number) = &node.value else {
                    let is_quoted =
                        matches!(&node.value, Value::Text(text) if text.parse::<i64>().is_ok());
                    let hint = is_quoted.then_some("remove the quotes");
                    wrong_type(node, "a whole number", hint, context);
                    return None;
                };
                let value = T::try_from(*number)
                    .ok()
                    .filter(|_| (min.into()..=max.into()).contains(number));
                if value.is_none() {
                    let message = format!("{number} is not between {min} and {max}");
                    context.error(node.span, message);
                }
                value
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self {
            Self::Describe(schema) => {
                schema.insert("type".into(), json!("boolean"));
                None
            }
            Self::Read { node: Node { value: Value::Bool(value), .. }, .. } => Some(*value),
            Self::Read { node, context } => {
                wrong_type(node, "true or false", None, context);
                None
            }
        }
    }

    /// One of some words. `unsupported` ones have a meaning, but not yet to gw.
    pub(super) fn choice<T: Clone>(
        &mut self,
        words: &[(&str, T)],
        unsupported: &[&str],
    ) -> Option<T> {
        let names = || words.iter().map(|(name, _)| *name);
        match self {
            Self::Describe(schema) => {
                schema.insert("enum".into(), names().collect());
                None
            }
            Self::Read { node, context } => {
                let Value::Text(text) = &node.value else {
                    wrong_type(node, &one_of(names()), None, context);
                    return None;
                };
                let found = words.iter().find(|(name, _)| name == text);
                if found.is_none() && unsupported.contains(&text.as_str()) {
                    let message = format!("gw does not support {} yet", Quoted(text));
                    context.error_hint(node.span, message, format!("use {}", one_of(names())));
                } else if found.is_none() {
                    let message = format!("{} is not {}", Quoted(text), one_of(names()));
                    match nearest(text, names()) {
                        Some(hint) => context.error_hint(node.span, message, hint),
                        None => context.error(node.span, message),
                    }
                }
                found.map(|(_, value)| value.clone())
            }
        }
    }

    /// A list, of at least `min` items. Bad items are left out.
    pub(super) fn list<T>(
        &mut self,
        min: usize,
        mut item: impl FnMut(&mut Slot<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match self {
            Self::Describe(schema) => {
                let mut of = Map::new();
                item(&mut Slot::Describe(&mut of));
                schema.insert("type".into(), json!("array"));
                schema.insert("items".into(), Json::Object(of));
                schema.insert("minItems".into(), json!(min));
                schema.insert("maxItems".into(), json!(LIST_MAX));
                None
            }
            Self::Read { node, context } => {
                let Value::List(items) = &node.value else {
                    wrong_type(node, "a list", None, context);
                    return None;
                };
                if items.len() < min {
                    context.error(node.span, format!("this list needs at least {min} item"));
                }
                if items.len() > LIST_MAX {
                    let message = format!("{} items are more than {LIST_MAX}", items.len());
                    context.error(node.span, message);
                    return None;
                }
                let read = |node| item(&mut Slot::Read { node, context });
                Some(items.iter().map(AsRef::as_ref).filter_map(read).collect())
            }
        }
    }

    /// A mapping whose fields `read` visits. Fields that it does not ask for are unknown.
    pub(super) fn object<T>(
        &mut self,
        read: impl FnOnce(&mut Object<'_>) -> Option<T>,
    ) -> Option<T> {
        match self {
            Self::Describe(schema) => {
                let mut object = Object::describe();
                read(&mut object);
                schema.extend(object.into_schema());
                None
            }
            Self::Read { node, context } => {
                let Value::Map(entries) = &node.value else {
                    wrong_type(node, "a mapping", None, context);
                    return None;
                };
                let mut object = Object::read(node.span, entries, context);
                let value = read(&mut object);
                object.report_unknown();
                value
            }
        }
    }

    /// A mapping from any text to text, such as labels.
    pub(super) fn pairs<V>(
        &mut self,
        key: &TextRule<String>,
        mut value: impl FnMut(&mut Slot<'_>) -> Option<V>,
    ) -> Option<Vec<(String, V)>> {
        match self {
            Self::Describe(schema) => {
                let mut of = Map::new();
                value(&mut Slot::Describe(&mut of));
                schema.insert("type".into(), json!("object"));
                schema.insert("propertyNames".into(), Json::Object(key.schema()));
                schema.insert("additionalProperties".into(), Json::Object(of));
                None
            }
            Self::Read { node, context } => {
                let Value::Map(entries) = &node.value else {
                    wrong_type(node, "a mapping", None, context);
                    return None;
                };
                let mut pairs = Vec::with_capacity(entries.len());
                for entry in entries {
                    match (key.parse)(&entry.key) {
                        Ok(key) => {
                            let read = value(&mut Slot::Read { node: &entry.value, context });
                            pairs.extend(read.map(|value| (key, value)));
                        }
                        Err(why) => {
                            let what = key.what;
                            let message = format!("{} is not {what}: {why}", Quoted(&entry.key));
                            context.error(entry.key_span, message);
                        }
                    }
                }
                Some(pairs)
            }
        }
    }

    /// A value in one of two forms: `first` where `is_first` says so of the node, else `second`.
    pub(super) fn either<T>(
        &mut self,
        is_first: fn(&Value) -> bool,
        first: impl FnOnce(&mut Slot<'_>) -> Option<T>,
        second: impl FnOnce(&mut Slot<'_>) -> Option<T>,
    ) -> Option<T> {
        match self {
            Self::Describe(schema) => {
                let (mut a, mut b) = (Map::new(), Map::new());
                first(&mut Slot::Describe(&mut a));
                second(&mut Slot::Describe(&mut b));
                schema.insert("anyOf".into(), json!([a, b]));
                None
            }
            Self::Read { node, .. } => {
                if is_first(&node.value) {
                    first(self)
                } else {
                    second(self)
                }
            }
        }
    }
}

/// Reads a value together with its place.
pub(super) fn located<T>(
    mut read: impl FnMut(&mut Slot<'_>) -> Option<T>,
) -> impl FnMut(&mut Slot<'_>) -> Option<Located<T>> {
    move |slot| {
        let span = slot.span();
        read(slot).map(|value| Located { value, span })
    }
}

/// Reads a port and its place.
pub(super) fn port(slot: &mut Slot<'_>) -> Option<Located<u16>> {
    located(|slot| slot.integer(1..=u16::MAX))(slot)
}
