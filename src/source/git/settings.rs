//! What is known about a repository: as given in several places, and put together.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::source::trust;

use super::{Access, Address, Reference, SecretFrom, TreePath};

/// How long a server may be silent, unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Where files may lie that the manifests of a repository name by an absolute path, unless told
/// otherwise.
pub const FILES: [&str; 3] = ["/etc/gw/files", "/etc/letsencrypt", "/etc/ssl"];

/// The running program, even where its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";

/// A repository, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// What is followed.
    pub reference: Reference,
    /// The folder with the manifests.
    pub path: TreePath,
    /// How the server is convinced.
    pub access: Access,
    /// What to do when history is rewritten.
    pub forced_push: ForcedPush,
    /// Whose signatures a commit needs.
    pub verify: trust::Settings,
    /// Folders of the machine whose files the manifests may name.
    pub files: Vec<PathBuf>,
    /// Whether all of the history is fetched.
    pub history: bool,
    /// How long the server may be silent. A fetch may take ten times as long.
    pub timeout: Duration,
    /// The program that fetches: gw itself.
    pub program: PathBuf,
}

/// What somebody said about it: the command line, or `gw.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Settings and Access")]
pub struct Given {
    pub address: Option<Address>,
    pub reference: Option<Reference>,
    pub path: Option<TreePath>,
    pub username: Option<String>,
    pub secret: Option<SecretFrom>,
    pub key_file: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<Address>,
    pub forced_push: Option<ForcedPush>,
    pub verify: Option<trust::Settings>,
    pub files: Option<Vec<PathBuf>>,
    pub timeout: Option<Duration>,
}

impl Given {
    /// What `self` says, else what `other` says; where that is about another repository, only what
    /// `other` says of all that this machine may run.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let is_another = self.address.is_some() && self.address != other.address;
        let other = if is_another { other.rules() } else { other };
        Self {
            address: self.address.or(other.address),
            reference: self.reference.or(other.reference),
            path: self.path.or(other.path),
            username: self.username.or(other.username),
            secret: self.secret.or(other.secret),
            key_file: self.key_file.or(other.key_file),
            known_hosts: self.known_hosts.or(other.known_hosts),
            ca_file: self.ca_file.or(other.ca_file),
            proxy: self.proxy.or(other.proxy),
            forced_push: self.forced_push.or(other.forced_push),
            verify: self.verify.or(other.verify),
            files: self.files.or(other.files),
            timeout: self.timeout.or(other.timeout),
        }
    }

    /// What holds for any repository: whose commits may run, and which files they may name. Not
    /// where one is and by what it is convinced, which no other one must see.
    fn rules(self) -> Self {
        Self {
            forced_push: self.forced_push,
            verify: self.verify,
            files: self.files,
            timeout: self.timeout,
            ..Self::default()
        }
    }

    /// Puts defaults where nothing was said; `None` where nobody names a repository.
    pub fn fill(self) -> Option<Settings> {
        let verify = self.verify.unwrap_or_default();
        Some(Settings {
            address: self.address?,
            reference: self.reference.unwrap_or_default(),
            path: self.path.unwrap_or_default(),
            access: Access {
                username: self.username,
                secret: self.secret,
                key_file: self.key_file,
                known_hosts: self.known_hosts.into_iter().collect(),
                ca_file: self.ca_file,
                proxy: self.proxy,
            },
            forced_push: self.forced_push.unwrap_or_default(),
            files: self.files.unwrap_or_else(|| FILES.map(PathBuf::from).to_vec()),
            // Each commit since the last good one is to be looked at.
            history: verify.mode == trust::Mode::Strict,
            verify,
            timeout: self.timeout.unwrap_or(TIMEOUT),
            program: OURSELVES.into(),
        })
    }
}

/// What to do when a branch no longer contains the commit that it stood at, a tag was moved, or the newest
/// release of a range is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForcedPush {
    /// Follow it, and say so.
    #[default]
    Warn,
    /// Stay with the last good commit.
    Refuse,
    /// Follow it.
    Allow,
}

/// Why a text is no such word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no policy for forced pushes: write warn, refuse or allow")]
pub struct ForcedPushError(String);

impl ForcedPush {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Warn, "warn"), (Self::Refuse, "refuse"), (Self::Allow, "allow")];
}

impl FromStr for ForcedPush {
    type Err = ForcedPushError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|(_, word)| *word == text);
        found.map(|(policy, _)| policy).ok_or_else(|| ForcedPushError(text.to_owned()))
    }
}

impl fmt::Display for ForcedPush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(policy, _)| policy == self).map(|(_, word)| word);
        f.write_str(word.expect("each policy has a word"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn given(url: Option<&str>) -> Given {
        let address = url.map(|url| Address::parse(url, Path::new("/")).unwrap());
        Given { address, ..Given::default() }
    }

    #[test]
    fn credentials_of_one_repository_are_not_shown_to_another() {
        let secret = Some(SecretFrom::TokenFile("/token".into()));
        let file = Given { secret: secret.clone(), ..given(Some("https://a.example/r")) };
        assert_eq!(given(Some("https://a.example/r")).or(file.clone()).secret, secret);
        assert_eq!(given(None).or(file.clone()).secret, secret);
        assert_eq!(given(Some("https://b.example/r")).or(file.clone()).secret, None);
        assert_eq!(given(Some("http://a.example/r")).or(file).secret, None);
    }

    #[test]
    fn another_repository_is_held_to_the_same_rules() {
        let verify = trust::Settings { mode: trust::Mode::Strict, ..Default::default() };
        let file = Given {
            reference: Some("v1".parse().unwrap()),
            path: Some("sites".parse().unwrap()),
            forced_push: Some(ForcedPush::Refuse),
            verify: Some(verify.clone()),
            files: Some(vec!["/srv/keys".into()]),
            ..given(Some("https://a.example/r"))
        };
        let other = given(Some("https://b.example/r")).or(file).fill().unwrap();
        assert_eq!((other.verify, other.forced_push), (verify, ForcedPush::Refuse));
        assert_eq!(other.files, [PathBuf::from("/srv/keys")]);
        let default = given(Some("https://b.example/r")).fill().unwrap();
        assert_eq!((other.reference, other.path), (default.reference, default.path));
    }

    #[test]
    fn policies_are_written_as_they_are_read() {
        for (policy, word) in ForcedPush::ALL {
            assert_eq!(word.parse(), Ok(policy));
            assert_eq!(policy.to_string(), word);
        }
        assert!("".parse::<ForcedPush>().is_err());
    }
}
