//! Mappings with known fields: reads them, or describes them (see [`super::slot`]).

use serde_json::{Map, Value as Json, json};

use crate::model::{Problem, Span};

use super::{
    context::Context,
    slot::Slot,
    wording::{Quoted, nearest},
    yaml::{Entry, Value},
};

/// Fields that a reader knows only by name.
pub(super) struct KnownFields {
    /// Without meaning outside a cluster: accepted with a remark.
    pub(super) ignored: &'static [&'static str],
    /// With a meaning that gw does not support yet: refused, by name.
    pub(super) unsupported: &'static [&'static str],
}

impl KnownFields {
    /// No more fields than those that are read.
    pub(super) const NONE: Self = Self { ignored: &[], unsupported: &[] };

    /// Fields to ignore.
    pub(super) const fn ignored(ignored: &'static [&'static str]) -> Self {
        Self { ignored, ..Self::NONE }
    }

    /// Fields to refuse.
    pub(super) const fn unsupported(unsupported: &'static [&'static str]) -> Self {
        Self { unsupported, ..Self::NONE }
    }
}

/// A mapping whose fields are being visited.
pub(super) struct Object<'a> {
    mode: Mode<'a>,
}

enum Mode<'a> {
    Read(Reading<'a>),
    Describe { properties: Map<String, Json>, required: Vec<&'static str> },
}

struct Reading<'a> {
    span: Span,
    entries: &'a [Entry],
    /// The fields that were asked for.
    known: Vec<&'static str>,
    unsupported: &'static [&'static str],
    context: &'a mut Context,
}

impl<'a> Object<'a> {
    /// Asks for the schema of a mapping.
    pub(super) fn describe() -> Self {
        Self { mode: Mode::Describe { properties: Map::new(), required: Vec::new() } }
    }

    /// Begins to read a mapping.
    pub(super) fn read(span: Span, entries: &'a [Entry], context: &'a mut Context) -> Self {
        let known = Vec::with_capacity(8);
        Self { mode: Mode::Read(Reading { span, entries, known, unsupported: &[], context }) }
    }

    /// A field that must be there. `about` is its description in the schema.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        about: &str,
        read: impl FnOnce(&mut Slot<'_>) -> Option<T>,
    ) -> Option<T> {
        match &mut self.mode {
            Mode::Describe { required, .. } => required.push(name),
            Mode::Read(reading) => {
                if !reading.has(name) {
                    let (at, what) = match reading.entry(name) {
                        Some(entry) => (entry.key_span, "empty"),
                        None => (reading.span, "missing"),
                    };
                    reading.context.error(at, format!("the field `{name}` is {what}"));
                    reading.known.push(name);
                    return None;
                }
            }
        }
        self.optional(name, about, read)
    }

    /// A field that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        about: &str,
        read: impl FnOnce(&mut Slot<'_>) -> Option<T>,
    ) -> Option<T> {
        match &mut self.mode {
            Mode::Describe { properties, .. } => {
                let mut schema = Map::from_iter([("description".to_owned(), json!(about))]);
                read(&mut Slot::Describe(&mut schema));
                properties.insert(name.to_owned(), Json::Object(schema));
                None
            }
            Mode::Read(reading) => {
                reading.known.push(name);
                let entry = reading.entry(name)?;
                if matches!(entry.value.value, Value::Null) {
                    let message = format!("`{name}` is empty and counts as left out");
                    let at = reading.context.at(entry.key_span);
                    reading.context.report(Problem::warning(at, message));
                    return None;
                }
                read(&mut Slot::Read { node: &entry.value, context: reading.context })
            }
        }
    }

    /// A field that stands for `default` where it is left out.
    pub(super) fn default<T>(
        &mut self,
        name: &'static str,
        about: &str,
        (default, shown): (T, Json),
        read: impl FnOnce(&mut Slot<'_>) -> Option<T>,
    ) -> T {
        let value = self.optional(name, about, read);
        if let Mode::Describe { properties, .. } = &mut self.mode
            && let Some(Json::Object(schema)) = properties.get_mut(name)
        {
            schema.insert("default".to_owned(), shown);
        }
        value.unwrap_or(default)
    }

    /// A field that is true or false, and false where it is left out.
    pub(super) fn flag(&mut self, name: &'static str, about: &str) -> bool {
        let read = |slot: &mut Slot<'_>| slot.boolean();
        self.default(name, about, (false, json!(false)), read)
    }

    /// Fields known only by name.
    pub(super) fn known(&mut self, fields: &KnownFields) {
        match &mut self.mode {
            Mode::Describe { properties, .. } => {
                for name in fields.ignored {
                    let schema = json!({"description": "Accepted, and ignored by gw."});
                    properties.insert((*name).to_owned(), schema);
                }
            }
            Mode::Read(reading) => {
                reading.known.extend(fields.ignored);
                reading.unsupported = fields.unsupported;
                for entry in reading.entries {
                    if fields.ignored.contains(&&*entry.key) {
                        let message = format!("`{}` is ignored: it has no meaning here", entry.key);
                        let at = reading.context.at(entry.key_span);
                        reading.context.report(Problem::note(at, message));
                    }
                }
            }
        }
    }

    /// Whether a field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.mode {
            Mode::Describe { .. } => false,
            Mode::Read(reading) => reading.has(name),
        }
    }

    /// Where the mapping begins.
    pub(super) fn span(&self) -> Span {
        match &self.mode {
            Mode::Describe { .. } => Span::default(),
            Mode::Read(reading) => reading.span,
        }
    }

    /// Reports an error at the name of a field, where the field is there.
    pub(super) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        if let Mode::Read(reading) = &mut self.mode
            && let Some(entry) = reading.entry(name)
        {
            reading.context.error(entry.key_span, message);
        }
    }

    /// What takes the problems; none while describing.
    pub(super) fn context(&mut self) -> Option<&mut Context> {
        match &mut self.mode {
            Mode::Describe { .. } => None,
            Mode::Read(reading) => Some(reading.context),
        }
    }

    /// Reports the fields that nobody asked for.
    pub(super) fn report_unknown(self) {
        let Mode::Read(Reading { entries, known, unsupported, context, .. }) = self.mode else {
            return;
        };
        for entry in entries {
            if known.contains(&&*entry.key) || context.is_full() {
                continue;
            }
            if unsupported.contains(&&*entry.key) {
                let message = format!("gw does not support `{}` yet", entry.key);
                context.error(entry.key_span, message);
                continue;
            }
            let message = format!("there is no field {} here", Quoted(&entry.key));
            let known_here = || known.iter().copied();
            let hint = nearest(&entry.key, known_here()).unwrap_or_else(|| {
                format!("the fields are: {}", known_here().collect::<Vec<_>>().join(", "))
            });
            context.error_hint(entry.key_span, message, hint);
        }
    }

    /// The schema of what was visited.
    pub(super) fn into_schema(self) -> Map<String, Json> {
        let Mode::Describe { properties, required } = self.mode else {
            return Map::new();
        };
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Json::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema.insert("additionalProperties".to_owned(), json!(false));
        schema
    }
}

impl<'a> Reading<'a> {
    fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| &*entry.key == name)
    }

    fn has(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| !matches!(entry.value.value, Value::Null))
    }
}
