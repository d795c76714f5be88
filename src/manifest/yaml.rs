//! YAML (and with it JSON) as a tree with places. Knows nothing of manifests; refuses what could
//! exhaust memory or the stack.

use std::{collections::HashMap, rc::Rc, slice};

use serde_yaml::granit_parser::{self as granit, Event, Parser, StrInput};

use crate::model::Span;

use super::{context::Context, scalar, wording::Quoted};

/// The deepest nesting of a document, aliases included. Manifests need 8.
const DEPTH_MAX: usize = 64;

/// How much aliases may repeat in one file: values, plus 1 for each 32 bytes of their text.
/// Bounds "billion laughs" without refusing the honest use of anchors.
const REPEATED_MAX: usize = 100_000;

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
    /// The number of values in it, plus 1 for each 32 bytes of text.
    weight: usize,
    /// The levels of nesting in it; 1 for a scalar.
    height: usize,
}

/// What a node holds (the YAML 1.2 core schema).
#[derive(Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, as written.
    Number(String),
    /// Everything else that is a scalar.
    Text(String),
    /// A sequence.
    List(Vec<Rc<Node>>),
    /// A mapping, in order, with distinct keys.
    Map(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Rc<str>,
    pub(super) key_span: Span,
    pub(super) value: Rc<Node>,
}

impl Node {
    fn new(value: Value, span: Span) -> Self {
        let (weight, height) = match &value {
            Value::Null | Value::Bool(_) | Value::Integer(_) => (1, 1),
            Value::Number(text) | Value::Text(text) => (1 + text.len() / 32, 1),
            Value::List(items) => measure(items.iter()),
            Value::Map(entries) => measure(entries.iter().map(|entry| &entry.value)),
        };
        Self { value, span, weight, height }
    }
}

/// Weight and height of a collection of `children`.
fn measure<'a>(children: impl Iterator<Item = &'a Rc<Node>>) -> (usize, usize) {
    children.fold((1, 1), |(weight, height), child| {
        (weight.saturating_add(child.weight), height.max(child.height + 1))
    })
}

/// Why the rest of a document is not worth reading.
enum Abandon {
    /// The parser can't go on; it says why.
    Syntax(granit::ScanError),
    /// A limit was exceeded, which was reported.
    Limit,
    /// The text ended.
    End,
}

impl From<granit::ScanError> for Abandon {
    fn from(error: granit::ScanError) -> Self {
        Self::Syntax(error)
    }
}

/// Reads the documents of a text one by one.
pub(super) struct Loader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The nodes with an anchor in this document; `None` while still being read.
    anchors: HashMap<usize, Option<Rc<Node>>>,
    /// What aliases have repeated so far.
    repeated: usize,
}

impl<'t> Loader<'t> {
    /// Begins a text.
    pub(super) fn new(text: &'t str) -> Self {
        let mut options = granit::Options::default();
        options.set_emit_comments(false);
        options.emit_unresolved_aliases = true;
        // The parser counts flow and block nesting apart; `DEPTH_MAX` holds for both together.
        options.flow_nesting_limit = DEPTH_MAX;
        options.block_nesting_limit = DEPTH_MAX;
        let parser = Parser::new_from_str_with_options(text, options);
        Self { parser, anchors: HashMap::new(), repeated: 0 }
    }

    /// The next document: `None` at the end, `Some(None)` for one that is too broken to read on.
    /// What is wrong with it is reported to `context`.
    #[expect(clippy::option_option, reason = "the end and a broken document are two things")]
    pub(super) fn next(&mut self, context: &mut Context) -> Option<Option<Rc<Node>>> {
        self.anchors.clear();
        match self.document(context) {
            Ok(root) => Some(Some(root)),
            Err(Abandon::End) => None,
            Err(abandon) => {
                if let Abandon::Syntax(error) = abandon {
                    let at = span(&granit::Span::empty(*error.marker()));
                    if *error.kind() == granit::ErrorKind::RecursionLimitExceeded {
                        too_deep(at, context);
                    } else {
                        context.error(at, format!("this is not valid YAML: {}", error.kind()));
                    }
                }
                // An error here means that nothing can be read any more: the next call says so.
                let _ = self.parser.proceed_next_document();
                Some(None)
            }
        }
    }

    fn event(&mut self) -> Result<(Event<'t>, Span), Abandon> {
        let (event, at) = self.parser.next_event().ok_or(Abandon::End)??;
        Ok((event, span(&at)))
    }

    fn document(&mut self, context: &mut Context) -> Result<Rc<Node>, Abandon> {
        loop {
            if let Event::DocumentStart(..) = self.event()?.0 {
                break;
            }
        }
        let (event, at) = self.event()?;
        let root = self.node(event, at, 1, context)?;
        // The end of the document: nothing in it, but an error may come in its place.
        self.event()?;
        Ok(root)
    }

    /// The node that begins with `event`.
    fn node(
        &mut self,
        event: Event<'t>,
        at: Span,
        depth: usize,
        context: &mut Context,
    ) -> Result<Rc<Node>, Abandon> {
        if depth > DEPTH_MAX {
            return Err(too_deep(at, context));
        }
        let anchor = event.anchor_id();
        if let Some(id) = anchor {
            self.anchors.insert(id, None);
        }
        if let Some(tag) = event.tag().filter(|tag| !scalar::is_known_tag(tag)) {
            let message = format!("the tag {} means nothing here", Quoted(&tag.to_string()));
            context.error_hint(at, message, "remove it");
        }
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                if let Some(bad) = scalar::forbidden(&text) {
                    context.error(at, format!("the text contains the control character {bad:?}"));
                }
                scalar::resolve(text, style, tag.as_deref())
            }
            Event::SequenceStart(..) => Value::List(self.items(depth, context)?),
            Event::MappingStart(..) => Value::Map(self.entries(depth, context)?),
            Event::Alias(id) => return self.alias(id, at, depth, context),
            Event::UnresolvedAlias(name) => {
                context.error(at, format!("no anchor {} comes before it", Quoted(&name)));
                Value::Null
            }
            // No other event begins a node, and future ones hold no data.
            _ => Value::Null,
        };
        let node = Rc::new(Node::new(value, at));
        if let Some(id) = anchor {
            self.anchors.insert(id, Some(Rc::clone(&node)));
        }
        Ok(node)
    }

    fn alias(
        &mut self,
        id: usize,
        at: Span,
        depth: usize,
        context: &mut Context,
    ) -> Result<Rc<Node>, Abandon> {
        let Some(Some(node)) = self.anchors.get(&id) else {
            context.error(at, "this alias stands inside of what it names");
            return Err(Abandon::Limit);
        };
        let node = Rc::clone(node);
        self.repeated = self.repeated.saturating_add(node.weight);
        if self.repeated > REPEATED_MAX {
            context.error_hint(
                at,
                format!("the aliases of this file repeat more than {REPEATED_MAX} values"),
                "write the values out, or split the file",
            );
            return Err(Abandon::Limit);
        }
        if depth + node.height > DEPTH_MAX {
            return Err(too_deep(at, context));
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize, context: &mut Context) -> Result<Vec<Rc<Node>>, Abandon> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.event()?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            items.push(self.node(event, at, depth + 1, context)?);
        }
    }

    fn entries(&mut self, depth: usize, context: &mut Context) -> Result<Vec<Entry>, Abandon> {
        let mut entries = Vec::new();
        let mut merged = Vec::new();
        let mut first: HashMap<Rc<str>, Span> = HashMap::new();
        loop {
            let (event, at) = self.event()?;
            if event == Event::MappingEnd {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, granit::ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, at, depth + 1, context)?;
            let (event, value_at) = self.event()?;
            let value = self.node(event, value_at, depth + 1, context)?;
            if is_merge {
                merged.push((at, value));
                continue;
            }
            let Some(key) = scalar::key(&key.value) else {
                context.error(at, "a list or mapping can't be a field name");
                continue;
            };
            if let Some(earlier) = first.insert(Rc::clone(&key), at) {
                let message = format!("{} is given twice", Quoted(&key));
                context.error_hint(at, message, format!("the first is in line {}", earlier.line));
                first.insert(key, earlier);
                continue;
            }
            entries.push(Entry { key, key_span: at, value });
        }
        for (at, value) in merged {
            merge(&mut entries, &mut first, &value, at, context);
        }
        Ok(entries)
    }
}

/// The merge key `<<` (YAML 1.1): adds what `value` has and `entries` lack.
fn merge(
    entries: &mut Vec<Entry>,
    first: &mut HashMap<Rc<str>, Span>,
    value: &Rc<Node>,
    at: Span,
    context: &mut Context,
) {
    let bases = match &value.value {
        Value::List(items) => items.as_slice(),
        Value::Map(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_) => slice::from_ref(value),
    };
    for base in bases {
        let Value::Map(fields) = &base.value else {
            context.error(at, "`<<` takes a mapping or a list of mappings");
            return;
        };
        for field in fields {
            if !first.contains_key(&field.key) {
                first.insert(Rc::clone(&field.key), field.key_span);
                entries.push(field.clone());
            }
        }
    }
}

fn too_deep(at: Span, context: &mut Context) -> Abandon {
    context.error(at, format!("this is nested deeper than {DEPTH_MAX} levels"));
    Abandon::Limit
}

/// The place of a parser event. Several lines, or none, have no length.
fn span(at: &granit::Span) -> Span {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let length = if at.start.line() == at.end.line() {
        at.end.index().saturating_sub(at.start.index())
    } else {
        0
    };
    Span { line: small(at.start.line()), column: small(at.start.col() + 1), length: small(length) }
}
