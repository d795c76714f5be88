//! Source texts and places in them.

use std::{fmt, sync::Arc};

use super::value::FilePath;

/// One manifest file: its path as the user knows it, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path, relative to what the user named.
    pub path: Arc<str>,
    /// The whole text, checked to be UTF-8.
    pub text: Arc<str>,
}

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The path of the file.
    pub file: Arc<str>,
    /// The place inside the file.
    pub span: Span,
}

/// A place inside one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Line, from 1. 0 where the problem is about the whole file.
    pub line: u32,
    /// Column in characters, from 1. 0 where the problem is about the whole file.
    pub column: u32,
    /// Length in characters, for the underline; 0 where unknown.
    pub length: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.span.line > 0 {
            write!(f, ":{}:{}", self.span.line, self.span.column)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written, in the file of its document.
    pub span: Span,
}

/// A file that a manifest names, relative to the manifest's own folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileRequest {
    /// The manifest that names it.
    pub manifest: Arc<str>,
    /// The path as written.
    pub path: FilePath,
}
