//! The words of the domain, shared by every stage. Imports no other module of the crate.

mod commit;
mod contents;
mod desired;
mod digest;
mod hold;
mod live;
mod name;
mod notebook;
mod problem;
mod quarantine;
mod routing;
mod suspension;
mod text;
mod value;

pub use commit::Commit;
pub use contents::Contents;
pub use desired::{
    Backend, BalanceKind, Certificate, Desired, Frontend, FrontendName, ListenerProtocol, Origin,
    Profile, Server, ServerState,
};
pub use digest::Digest;
pub use hold::{Hold, HoldState, Holds};
pub use live::{Live, LiveEntry, LiveServer, Process};
pub use name::{BackendName, NameError, ObjectName, ServerName};
pub use notebook::{KNOWN, Note, ServerNote, notes};
pub use problem::{Kept, Problem, Problems, Severity};
pub use quarantine::{Fault, Quarantine};
pub use routing::{
    Entry, MapName, NO_BACKEND, NO_TABLES, NOTEBOOK, REVISION, Rank, Routing, TABLE_SEPARATOR,
};
pub use suspension::{DIRTY, PARTIAL, Suspension, Unread, Wanted};
pub use text::{FileRequest, Located, Location, SourceFile, Span};
pub use value::{
    CheckPath, DnsName, FilePath, Hostname, RoutePath, SectionName, Token, ValueError,
};
