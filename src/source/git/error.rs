//! Why a repository could not be read.

use std::{io, path::PathBuf, time::Duration};

use crate::source::trust;

use super::ForcedPush;

/// Why a repository could not be read. Addresses are shown without secrets.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No answer, or none that makes sense.
    #[error("{address} can't be reached: {why}")]
    Unreachable {
        /// The repository.
        address: String,
        /// In the words of Git or the system.
        why: String,
    },
    /// The server fell silent, or the transfer takes for ever.
    #[error("{address} took longer than {}", humantime::format_duration(*limit))]
    Timeout {
        /// The repository.
        address: String,
        /// How long it was waited.
        limit: Duration,
    },
    /// No such repository, as far as we may see.
    #[error("there is no repository at {address}: {why}")]
    NotFound {
        /// The repository.
        address: String,
        /// In the server's words.
        why: String,
    },
    /// A folder of somebody else, who could have put anything into its settings.
    #[error("the repository {address} belongs to another user")]
    NotOwned {
        /// The repository.
        address: String,
    },
    /// The server wants to know who we are, or does not let us in.
    #[error("{address} refuses access{}: {why}", if *had_credentials { " with our credentials" } else { "" })]
    Authentication {
        /// The repository.
        address: String,
        /// Whether there was something to show.
        had_credentials: bool,
        /// In the server's words.
        why: String,
    },
    /// The server's TLS certificate is not to be believed.
    #[error("the certificate of {address} is not to be believed: {why}")]
    Certificate {
        /// The repository.
        address: String,
        /// In OpenSSL's words.
        why: String,
    },
    /// The host key is not to be believed.
    #[error("the SSH host key of {host} {why}")]
    HostKey {
        /// The host, with its port where that is not 22.
        host: String,
        /// What is wrong, with the fingerprints that are offered and known.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Whoever listens on the way would learn the password.
    #[error("{address} is no https:// URL, so everybody on the way could read the credentials")]
    InClear {
        /// The repository.
        address: String,
    },
    /// Nothing to show over SSH.
    #[error("there is no key for {address}: none was named, and there is no ssh-agent")]
    NoKey {
        /// The repository.
        address: String,
    },
    /// A file with a password, a key or certificates can't be read, or holds nothing.
    #[error("can't read {what}")]
    Credential {
        /// The file, or the variable.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// No gw has read it yet, and nothing is to be fetched.
    #[error("nothing of {address} was fetched yet")]
    NotFetched {
        /// The repository.
        address: String,
    },
    /// A repository without a commit.
    #[error("the repository {address} is empty")]
    Empty {
        /// The repository.
        address: String,
    },
    /// The branch or tag is not there: it was deleted, or never was.
    #[error("{address} has no branch or tag {reference}")]
    NoReference {
        /// The repository.
        address: String,
        /// As written.
        reference: String,
        /// The most similar name that there is.
        similar: Option<String>,
    },
    /// No tag is in the range.
    #[error("{address} has no tag for a version {range}")]
    NoVersion {
        /// The repository.
        address: String,
        /// As written.
        range: String,
        /// The highest version that there is.
        highest: Option<String>,
    },
    /// The commit is not there.
    #[error("{address} has no commit {id}")]
    NoCommit {
        /// The repository.
        address: String,
        /// Its id.
        id: String,
    },
    /// A reference to something else, such as a file.
    #[error("{reference} of {address} is no commit")]
    NotACommit {
        /// The repository.
        address: String,
        /// As written.
        reference: String,
    },
    /// The commit holds no such folder.
    #[error("commit {commit} has no folder {path}")]
    NoFolder {
        /// The commit, shortened.
        commit: String,
        /// The path.
        path: String,
    },
    /// A folder without a single manifest: more likely a wrong path than the wish to remove
    /// everything.
    #[error("there is no manifest in {path} of commit {commit}")]
    NoManifest {
        /// The commit, shortened.
        commit: String,
        /// The path.
        path: String,
    },
    /// History was rewritten, and that is to be refused.
    #[error("{what}; gw stays with {previous}")]
    Rewritten {
        /// What happened.
        what: String,
        /// The last good commit, shortened.
        previous: String,
    },
    /// A signature is missing, or is of nobody who may sign.
    #[error("the commit is refused; gw stays with what runs")]
    Untrusted(#[from] trust::Refusal),
    /// Nobody can tell who may sign.
    #[error("commits can't be verified")]
    Policy(#[from] trust::PolicyError),
    /// The server sends more than manifests can be.
    #[error("{address} sends too much: more than {} MiB", .limit / 1024 / 1024)]
    TooLarge {
        /// The repository.
        address: String,
        /// In bytes.
        limit: usize,
    },
    /// Another gw fetches into the same clone.
    #[error("another gw is fetching into {}", .0.display())]
    Busy(PathBuf),
    /// The clone can't be written or read.
    #[error("can't {action} {}", path.display())]
    Io {
        /// `create`, `lock`, …
        action: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The clone is not as Git left it.
    #[error("the clone in {} can't be used: {why}", path.display())]
    Clone {
        /// Where it is.
        path: PathBuf,
        /// In Git's words.
        why: String,
    },
    /// The clone is damaged, and the server does not give it anew.
    #[error("the clone in {} is damaged ({why}), and can't be fetched anew", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// In Git's words.
        why: String,
        /// Why it can't.
        source: Box<GitError>,
    },
    /// The process that fetches ended without a word.
    #[error("the process that fetches from {address} {what}")]
    Process {
        /// The repository.
        address: String,
        /// What it did.
        what: String,
    },
}

impl GitError {
    /// Whether it may come from damage to the clone.
    pub(in crate::source) fn may_be_damage(&self) -> bool {
        matches!(
            self,
            Self::Clone { .. }
                | Self::NoCommit { .. }
                | Self::NotACommit { .. }
                | Self::Process { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => Some(
                "see whether `git ls-remote` reaches it from this machine; a proxy is named by \
                 --git-proxy or https_proxy"
                    .to_owned(),
            ),
            Self::NotFound { .. } => Some(
                "servers say this about repositories that we may not see, too: check the URL, and \
                 the credentials"
                    .to_owned(),
            ),
            Self::NotOwned { .. } => Some(
                "run gw as its owner, or trust it by `git config --system --add safe.directory PATH`"
                    .to_owned(),
            ),
            Self::Authentication { had_credentials: false, address, .. }
                if address.starts_with("http") =>
            {
                Some(
                    "name a file with a token by --git-token-file, or set GW_GIT_TOKEN".to_owned(),
                )
            }
            Self::Authentication { had_credentials: false, .. } | Self::NoKey { .. } => {
                Some("name a key that the server knows by --git-key-file".to_owned())
            }
            Self::Authentication { .. } => {
                Some("is the token or key still valid, and may it read this repository?".to_owned())
            }
            Self::Certificate { .. } => Some(
                "name the authority that signed it by --git-ca-file, or install Debian's \
                 ca-certificates"
                    .to_owned(),
            ),
            Self::HostKey { hint, .. } => Some(hint.clone()),
            Self::InClear { .. } => Some("use https:// or ssh".to_owned()),
            Self::NoReference { similar: Some(similar), .. } => {
                Some(format!("did you mean {similar}?"))
            }
            Self::NoReference { .. } => Some(
                "was it deleted? gw follows branches, tags, full names such as refs/tags/v1, whole \
                 commit ids and ranges of versions"
                    .to_owned(),
            ),
            Self::NoVersion { highest: Some(highest), .. } => {
                Some(format!("the highest version is {highest}"))
            }
            Self::NoVersion { .. } => Some("no tag there names a version".to_owned()),
            Self::NoFolder { .. } | Self::NoManifest { .. } => {
                Some("--path names the folder with the manifests".to_owned())
            }
            Self::Rewritten { .. } => Some(format!(
                "look at the history; if it is right, accept it once with --forced-push {}",
                ForcedPush::Allow
            )),
            Self::Untrusted(refusal) => refusal.hint(),
            Self::Policy(error) => error.hint(),
            Self::Busy(_) => Some("wait until it has ended".to_owned()),
            Self::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some(format!(
                        "run gw as the owner of {}, or choose another directory with --state",
                        path.display()
                    ))
                }
                _ => None,
            },
            Self::Clone { path, .. } => {
                Some(format!(
                    "where it is damaged, the next fetch makes it anew; if that does not help, remove {}",
                    path.display()
                ))
            }
            Self::Damaged { source, .. } => source.hint(),
            Self::NotFetched { .. } => Some("`gw plan` or `gw watch` of it fetches".to_owned()),
            Self::Credential { .. }
            | Self::Empty { .. }
            | Self::NoCommit { .. }
            | Self::NotACommit { .. }
            | Self::TooLarge { .. }
            | Self::Process { .. } => None,
        }
    }
}
