//! Manifests: from text to typed, checked documents. Pure: no IO, no clock, no log.
//!
//! `yaml` makes a tree with places; `envelope` finds the kind of each document and hands its `spec`
//! to the reader of that kind; readers are written with `slot` and `object`, which report all
//! problems at once and describe themselves as JSON Schema.

#![allow(clippy::unnecessary_wraps, reason = "all readers of `slot` have one shape")]

pub mod document;
pub mod schema;

mod backend;
mod balance;
mod certificate;
mod context;
mod envelope;
mod gateway;
mod health;
mod http_route;
mod object;
mod reference;
mod route;
mod scalar;
mod server_tls;
mod slot;
mod text;
mod wording;
mod yaml;

pub use document::{Document, Spec};

use crate::model::{Problems, SourceFile, Span};

use context::Context;

/// The greatest size of a manifest file, in bytes.
pub const FILE_MAX: usize = 8 * 1024 * 1024;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The good documents, in file order.
    pub documents: Vec<Document>,
    /// What is wrong with the others, and remarks on the good ones, in file order.
    pub problems: Problems,
}

/// Reads all documents of a file. A bad one costs neither the others nor the report of its other
/// problems.
pub fn parse(file: &SourceFile) -> Parsed {
    let mut context = Context::new(file.path.clone());
    let mut documents = Vec::new();
    if file.text.len() > FILE_MAX {
        let message = format!("the file is larger than {} MiB", FILE_MAX / 1024 / 1024);
        context.error(Span::default(), message);
        return Parsed { documents, problems: context.finish() };
    }
    let mut loader = yaml::Loader::new(&file.text);
    for index in 0.. {
        let errors = context.errors();
        let Some(root) = loader.next(&mut context) else { break };
        let Some(root) = root else { continue };
        let is_empty = matches!(root.value, yaml::Value::Null);
        if is_empty && context.errors() == errors {
            continue;
        }
        let document = envelope::document(&root, index, &mut context);
        documents.extend(document.filter(|_| context.errors() == errors));
    }
    Parsed { documents, problems: context.finish() }
}

#[cfg(test)]
mod tests;
