//! Why a change takes the means it takes. Data; the sentence is its `Display`.

use std::fmt;

use super::step::Mechanism;

/// Why a change is made at runtime, or why it can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A command of the runtime socket does it; what it does in words.
    Command(&'static str),
    /// An earlier pass began it; it waits for its first good check.
    AwaitsCheck,
    /// gw's own notes in the process say something else than what is so.
    Note,
    /// The process is right already, and only files are written.
    FilesOnly,
    /// HAProxy is not running.
    NotRunning,
    /// The process loaded a configuration of somebody else.
    NotLoaded,
    /// Sockets and what surrounds them are read at the start only.
    Socket,
    /// A global setting or the fixed program differs.
    Program,
    /// Settings of a backend that no command sets: the directives.
    Settings(Vec<String>),
    /// This version can't add or remove backends at runtime.
    BackendsAreStatic {
        /// The running version.
        version: String,
    },
    /// Somebody else's section has the backend's name, which HAProxy will say.
    NameTaken,
    /// The process has no `defaults` section with these settings to make a backend from.
    NewProfile,
    /// The balance algorithm takes no servers and no weights at runtime.
    StaticBalance(String),
    /// The balance algorithm goes by the order of servers, and one that comes at runtime is not in its
    /// place.
    ServerOrder(String),
    /// This version can't give a server added at runtime the cookie value that binds clients to it.
    CookieOnNewServer {
        /// The running version.
        version: String,
    },
    /// Whether a server is a backup is fixed when it is made.
    Backup,
    /// The server's address is of a kind that can't be changed at runtime.
    FixedAddress,
    /// The certificate does not fit into a command.
    CertificateTooLong,
    /// Another step needs a reload, which does this as well.
    Carried,
}

impl Reason {
    /// The means that follow from it.
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Self::Command(_) | Self::AwaitsCheck | Self::Note | Self::FilesOnly => {
                Mechanism::Runtime
            }
            Self::NotRunning
            | Self::NotLoaded
            | Self::Socket
            | Self::Program
            | Self::Settings(_)
            | Self::BackendsAreStatic { .. }
            | Self::NameTaken
            | Self::NewProfile
            | Self::StaticBalance(_)
            | Self::ServerOrder(_)
            | Self::CookieOnNewServer { .. }
            | Self::Backup
            | Self::FixedAddress
            | Self::CertificateTooLong
            | Self::Carried => Mechanism::Reload,
        }
    }
}

impl Reason {
    /// A word for its kind, for metrics and logs: one of few, without names of objects.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::AwaitsCheck => "awaits_check",
            Self::Note => "note",
            Self::FilesOnly => "files_only",
            Self::NotRunning => "not_running",
            Self::NotLoaded => "not_loaded",
            Self::Socket => "socket",
            Self::Program => "program",
            Self::Settings(_) => "settings",
            Self::BackendsAreStatic { .. } => "static_backends",
            Self::NameTaken => "name_taken",
            Self::NewProfile => "new_profile",
            Self::StaticBalance(_) => "static_balance",
            Self::ServerOrder(_) => "server_order",
            Self::CookieOnNewServer { .. } => "cookie",
            Self::Backup => "backup",
            Self::FixedAddress => "fixed_address",
            Self::CertificateTooLong => "certificate",
            Self::Carried => "carried",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(what) => f.write_str(what),
            Self::AwaitsCheck => f.write_str("it waits for its first good health check"),
            Self::Note => f.write_str("gw's own note of it in HAProxy is no longer so"),
            Self::FilesOnly => f.write_str("HAProxy runs this already; only the files differ"),
            Self::NotRunning => f.write_str("HAProxy is not running and will load it at its start"),
            Self::NotLoaded => f.write_str("HAProxy has not loaded gw's configuration yet"),
            Self::Socket => f.write_str("HAProxy opens and changes sockets only by a reload"),
            Self::Program => f.write_str("no command changes the global part or the rules of frontends"),
            Self::Settings(names) => {
                let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "no command sets {} of a backend", quoted.join(", "))
            }
            Self::BackendsAreStatic { version } => {
                write!(f, "HAProxy {version} can't add or remove backends at runtime (3.4 can)")
            }
            Self::NameTaken => {
                f.write_str("HAProxy has a backend of this name that is not gw's")
            }
            Self::NewProfile => f.write_str(
                "the process has no `defaults` section with these settings to make the backend from",
            ),
            Self::StaticBalance(algorithm) => {
                write!(f, "`balance {algorithm}` takes no servers and no weights at runtime")
            }
            Self::ServerOrder(algorithm) => write!(
                f,
                "`balance {algorithm}` goes by the order of servers, which only a reload restores"
            ),
            Self::CookieOnNewServer { version } => write!(
                f,
                "HAProxy {version} can't give a server added at runtime its affinity cookie (2.8 can)"
            ),
            Self::Backup => f.write_str("no command makes a server a backup or ends that"),
            Self::FixedAddress => f.write_str("HAProxy can't change this kind of address at runtime"),
            Self::CertificateTooLong => {
                f.write_str("the certificate is longer than a command of this version may be")
            }
            Self::Carried => f.write_str("done by the reload that another change needs"),
        }
    }
}
