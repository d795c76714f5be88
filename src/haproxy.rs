//! The layer that talks to a real HAProxy. Everything version-specific about its sockets is known
//! here and nowhere else: framing, limits, what a success looks like, how a dump is laid out. The
//! rest of the crate sees [`Command`] → [`Reply`] and typed rows.
//!
//! Two halves. Pure: `endpoint`, `command`, `framing`, `version` and the codecs of `reply`. IO:
//! `connection` (the runtime socket, directly or through the master), `master` (reloads) and
//! `binary` (`haproxy -v`, `haproxy -c`).
//!
//! What is said here about HAProxy's behaviour was measured on real 2.6, 2.8, 3.0, 3.2 and 3.4
//! processes; "manual" means HAProxy's management guide.

pub mod binary;
pub mod capabilities;
pub mod command;
pub mod connection;
pub mod endpoint;
pub mod error;
pub mod framing;
pub mod log;
pub mod master;
pub mod reply;
pub mod version;

mod probe;
mod stream;

pub use binary::{Binary, BinaryError, CheckReport};
pub use capabilities::Capabilities;
pub use command::{AdminState, Command, CommandError, Verdict};
pub use connection::{Connection, Reply};
pub use endpoint::Endpoint;
pub use error::SocketError;
pub use master::{Master, ReloadOutcome};
pub use version::Version;
