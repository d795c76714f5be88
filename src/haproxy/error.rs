//! What can go wrong between gw and a socket of HAProxy, each with what to do about it.

use std::{io, path::PathBuf, time::Duration};

use super::{Endpoint, Version, framing::FramingError, stream::is_refused};

/// Why HAProxy could not be talked to. Refusals of single commands are no errors here: they are
/// [`Verdict::Refused`](super::Verdict::Refused).
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// No such file.
    #[error("there is no socket at {}: is HAProxy running, and does its `stats socket` line name this path?", .0.display())]
    Missing(PathBuf),
    /// The file system says no.
    #[error(
        "no permission to use the socket {0}: run gw as its owner, or give its group access (`stats socket … mode 660 group …`)"
    )]
    Permission(Endpoint),
    /// A socket file without a listener, or a closed port.
    #[error(
        "nobody listens at {0}: HAProxy has stopped, or lost this socket in a failed reload (then the master socket still works)"
    )]
    Refused(Endpoint),
    /// Any other trouble while connecting.
    #[error("can't connect to {endpoint}")]
    Connect {
        /// Where to.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The socket is not allowed to do that.
    #[error(
        "HAProxy answered “Permission denied”: the socket's level is {level}, gw needs `level admin` on its `stats socket` line"
    )]
    Level {
        /// `operator` or `user`.
        level: String,
    },
    /// An HAProxy that gw does not know how to talk to.
    #[error("this is HAProxy {0}, gw needs {min} or newer", min = Version::MINIMUM)]
    TooOld(Version),
    /// The deadline passed.
    #[error(
        "no answer from HAProxy within {limit:?} ({answered} commands were answered): it is overloaded or stopped, or its `stats maxconn` is used up by other connections"
    )]
    Timeout {
        /// The deadline.
        limit: Duration,
        /// How many commands of this call were answered before.
        answered: usize,
    },
    /// HAProxy went away.
    #[error(
        "HAProxy closed the connection after {answered} answers: it was stopped or reloaded; run `gw plan`: it shows what is left to do"
    )]
    Closed {
        /// How many commands of this call were answered before.
        answered: usize,
    },
    /// The master has no worker to talk to.
    #[error("the master process has no running worker: look at HAProxy's log")]
    NoWorker,
    /// More than this HAProxy takes in one command.
    #[error(
        "{command} has {size} bytes, this HAProxy takes {limit}: it needs a reload, or HAProxy 3.4"
    )]
    TooLarge {
        /// The begin of the command.
        command: String,
        /// Its size.
        size: usize,
        /// HAProxy's limit.
        limit: usize,
    },
    /// Something that is not HAProxy, or that gw does not understand.
    #[error("this does not speak like HAProxy's runtime socket: {0}")]
    Protocol(String),
}

impl SocketError {
    /// Sorts the errors of `connect`.
    pub(crate) fn connecting(endpoint: &Endpoint, source: io::Error) -> Self {
        match (source.kind(), endpoint) {
            (io::ErrorKind::NotFound, Endpoint::Unix(path)) => Self::Missing(path.clone()),
            (io::ErrorKind::PermissionDenied, _) => Self::Permission(endpoint.clone()),
            (kind, _) if is_refused(kind) => Self::Refused(endpoint.clone()),
            _ => Self::Connect { endpoint: endpoint.clone(), source },
        }
    }
}

impl From<FramingError> for SocketError {
    fn from(error: FramingError) -> Self {
        Self::Protocol(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_connection_tells_what_to_do() {
        let told = SocketError::Closed { answered: 3 }.to_string();
        assert!(told.contains("run `gw plan`"), "{told}");
    }
}
