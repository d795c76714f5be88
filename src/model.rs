//! The words of the domain, shared by every stage. Imports no other module of the crate.

mod digest;
mod name;
mod problem;
mod text;
mod value;

pub use digest::Digest;
pub use name::{BackendName, NameError, ObjectName, ServerName};
pub use problem::{Problem, Problems, Severity};
pub use text::{Located, Location, SourceFile, Span};
pub use value::{
    CheckPath, DnsName, FilePath, Hostname, RoutePath, SectionName, Token, ValueError,
};
