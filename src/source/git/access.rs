//! How a server is convinced: tokens, passwords, keys, and where they are.

use std::{
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Address, GitError, Secret, Transport};

/// The largest file with a credential, in bytes.
const CREDENTIAL_MAX: u64 = 64 * 1024;
/// So much of a file with known hosts is read, in bytes.
const KNOWN_HOSTS_MAX: u64 = 16 * 1024 * 1024;
/// Who a token belongs to, where nobody says. GitHub wants this, the others take any name.
const TOKEN_USER: &str = "x-access-token";
/// Who we are over SSH, where nobody says.
const SSH_USER: &str = "git";

/// Where the credentials are. Files are read at each fetch, so that they may be renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The user, where it is not in the URL.
    pub username: Option<String>,
    /// Where the token or password is.
    pub secret: Option<SecretFrom>,
    /// A private key for SSH; otherwise the ssh-agent is asked.
    pub key_file: Option<PathBuf>,
    /// Files with the keys of hosts; where there are none, those that ssh has.
    pub known_hosts: Vec<PathBuf>,
    /// PEM certificates of the only authorities to believe, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The HTTP proxy; otherwise the one that `https_proxy` and its like name.
    pub proxy: Option<Address>,
}

/// Where a token or a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// In a file, a token.
    TokenFile(PathBuf),
    /// In a file, a password.
    PasswordFile(PathBuf),
    /// In a variable of the environment, a password.
    PasswordEnv(String),
}

/// What is shown to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Nothing.
    None,
    /// By HTTP.
    Basic { username: String, password: Secret },
    /// By SSH.
    Key { username: String, key: Secret },
    /// By SSH, what the agent has.
    Agent { username: String },
}

/// The same, for the process that sends it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Exposed {
    None,
    Basic { username: String, password: String },
    Key { username: String, key: String },
    Agent { username: String },
}

impl Credentials {
    pub(super) fn expose(&self) -> Exposed {
        match self {
            Self::None => Exposed::None,
            Self::Basic { username, password } => {
                let (username, password) = (username.clone(), password.expose().to_owned());
                Exposed::Basic { username, password }
            }
            Self::Key { username, key } => {
                Exposed::Key { username: username.clone(), key: key.expose().to_owned() }
            }
            Self::Agent { username } => Exposed::Agent { username: username.clone() },
        }
    }
}

impl Access {
    /// Reads what is needed for `address`.
    pub(super) fn credentials(&self, address: &Address) -> Result<Credentials, GitError> {
        let given = self.username.clone();
        let user = given.or_else(|| address.username().map(|user| user.expose().to_owned()));
        match address.transport() {
            Transport::Local | Transport::Git => Ok(Credentials::None),
            Transport::Ssh => {
                let username = user.unwrap_or_else(|| SSH_USER.to_owned());
                let key_file = self.key_file.clone().or_else(|| systemd("git-key"));
                Ok(match key_file {
                    Some(file) => Credentials::Key { username, key: Secret::new(key(&file)?) },
                    None if env::var_os("SSH_AUTH_SOCK").is_some() => {
                        Credentials::Agent { username }
                    }
                    None => return Err(GitError::NoKey { address: address.to_string() }),
                })
            }
            Transport::Http | Transport::Https => {
                let credentials = self.basic(address, user)?;
                let is_open = address.transport() == Transport::Http && !address.is_loopback();
                if is_open && credentials != Credentials::None {
                    return Err(GitError::InClear { address: address.to_string() });
                }
                Ok(credentials)
            }
        }
    }

    /// What would be shown to `address`, in words. Reads the files.
    pub fn describe(&self, address: &Address) -> Result<&'static str, GitError> {
        Ok(match self.credentials(address)? {
            Credentials::None => "none",
            Credentials::Basic { .. } => "a password or token",
            Credentials::Key { .. } => "a key",
            Credentials::Agent { .. } => "what the ssh-agent has",
        })
    }

    /// The files with secrets that count for `address`, whether or not they are there.
    pub fn secret_files(&self, address: &Address) -> Vec<PathBuf> {
        let file = match address.transport() {
            Transport::Local | Transport::Git => None,
            Transport::Ssh => self.key_file.clone().or_else(|| systemd("git-key")),
            Transport::Http | Transport::Https => match &self.secret {
                Some(SecretFrom::TokenFile(file) | SecretFrom::PasswordFile(file)) => {
                    Some(file.clone())
                }
                Some(SecretFrom::PasswordEnv(_)) => None,
                None => systemd("git-token"),
            },
        };
        file.into_iter().collect()
    }

    /// The settings go before the URL, that before the environment, that before systemd.
    fn basic(&self, address: &Address, user: Option<String>) -> Result<Credentials, GitError> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let user = user.or_else(|| variable("GW_GIT_USERNAME"));
        let with = |default: &str, password: String| Credentials::Basic {
            username: user.clone().unwrap_or_else(|| default.to_owned()),
            password: Secret::new(password),
        };
        Ok(match &self.secret {
            Some(SecretFrom::TokenFile(file)) => with(TOKEN_USER, line(file)?),
            Some(SecretFrom::PasswordFile(file)) => with("", line(file)?),
            Some(SecretFrom::PasswordEnv(name)) => {
                let missing = || GitError::Credential {
                    what: format!("the variable {name}"),
                    source: io::Error::new(io::ErrorKind::NotFound, "it is not set, or empty"),
                };
                with("", variable(name).ok_or_else(missing)?)
            }
            None => {
                if let Some(password) = address.password() {
                    with("", password.expose().to_owned())
                } else if let Some(token) = variable("GW_GIT_TOKEN") {
                    with(TOKEN_USER, token)
                } else if let Some(password) = variable("GW_GIT_PASSWORD") {
                    with("", password)
                } else if let Some(file) = systemd("git-token") {
                    with(TOKEN_USER, line(&file)?)
                } else if user.is_some() {
                    // `https://TOKEN@host`: GitHub and others take a token for the user.
                    with("", String::new())
                } else {
                    Credentials::None
                }
            }
        })
    }

    /// The lines that tell which hosts are known: of the files that were named, or of those that ssh
    /// has.
    pub(super) fn known_hosts(&self) -> Result<String, GitError> {
        let mut files = self.known_hosts.clone();
        if files.is_empty() {
            let home = env::var_os("HOME").map(|home| Path::new(&home).join(".ssh"));
            let folders = home.into_iter().chain(["/etc/ssh".into()]);
            let names = ["known_hosts", "known_hosts2", "ssh_known_hosts", "ssh_known_hosts2"];
            files = folders.flat_map(|folder| names.map(|name| folder.join(name))).collect();
            files.retain(|file| file.exists());
        }
        let read = |file: &PathBuf| -> Result<String, GitError> {
            let mut bytes = Vec::new();
            fs::File::open(file)
                .and_then(|open| open.take(KNOWN_HOSTS_MAX).read_to_end(&mut bytes))
                .map_err(credential(file))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned() + "\n")
        };
        files.iter().map(read).collect()
    }
}

/// A credential that systemd hands over (`LoadCredential=`).
fn systemd(name: &str) -> Option<PathBuf> {
    let file = Path::new(&env::var_os("CREDENTIALS_DIRECTORY")?).join(name);
    file.exists().then_some(file)
}

/// The first line of a file: editors add a line's end to a password.
fn line(file: &Path) -> Result<String, GitError> {
    let text = read(file)?;
    Ok(text.lines().next().unwrap_or_default().trim_end().to_owned())
}

/// A private key, which nobody can be asked a passphrase for.
fn key(file: &Path) -> Result<String, GitError> {
    let text = read(file)?;
    if is_locked(&text) {
        let why = "it has a passphrase; make gw a key of its own without one";
        return Err(credential(file)(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    Ok(text)
}

/// Whether a private key is encrypted: in the format of OpenSSH (PROTOCOL.key), whose cipher is
/// `none` otherwise, or in one of OpenSSL's.
fn is_locked(key: &str) -> bool {
    let Ok(block) = pem::parse(key) else { return false };
    let cipher = block.contents().strip_prefix(b"openssh-key-v1\0");
    match cipher {
        Some(cipher) => !cipher.starts_with(b"\0\0\0\x04none"),
        None => {
            block.tag().starts_with("ENCRYPTED")
                || block.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED"))
        }
    }
}

/// A small text file that is not empty.
fn read(file: &Path) -> Result<String, GitError> {
    let mut text = String::new();
    let read = fs::File::open(file)
        .and_then(|open| open.take(CREDENTIAL_MAX).read_to_string(&mut text))
        .and_then(|length| match length {
            0 => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
            _ => Ok(text),
        });
    read.map_err(credential(file))
}

/// Makes an error that knows its file.
fn credential(file: &Path) -> impl FnOnce(io::Error) -> GitError {
    |source| GitError::Credential { what: file.display().to_string(), source }
}
