//! Manifests: from text to typed, checked documents. Pure: no IO, no clock, no log.

pub mod document;

pub use document::{Document, Spec};

use crate::model::{Problems, SourceFile};

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
pub fn parse(_file: &SourceFile) -> Parsed {
    Parsed::default()
}
