//! `source` in `gw.yaml`: the repository that is followed.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use crate::source::{
    git::{Address, ForcedPush, Given, Reference, SecretFrom, TreePath},
    trust::{self, Mode},
};

use super::{duration::parse_patience, file::Reader};

type Text = Option<Spanned<String>>;

/// The repository whose manifests are meant where a command names none.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Source")]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    /// A URL, or user@host:path. Never with a password.
    #[schemars(with = "String")]
    git: Spanned<String>,
    /// A branch, a tag, a full name, a whole commit id, or a range of versions.
    #[schemars(with = "Option<String>")]
    #[serde(rename = "ref")]
    reference: Text,
    /// The folder with the manifests.
    #[schemars(with = "Option<String>")]
    path: Text,
    /// How the server is convinced. All files are read at each fetch, so they may be renewed.
    #[serde(default)]
    auth: Auth,
    /// The only authorities to believe over HTTPS.
    #[schemars(with = "Option<String>")]
    ca_file: Text,
    /// The proxy for https:// URLs.
    #[schemars(with = "Option<String>")]
    proxy: Text,
    /// When history is rewritten: warn, refuse or allow.
    #[schemars(with = "Option<String>")]
    forced_push: Text,
    /// Whose signatures a commit needs.
    verify: Option<Verify>,
    /// How long the server may be silent, such as 30s.
    #[schemars(with = "Option<String>")]
    timeout: Text,
    /// Where files of this machine lie that manifests may name by an absolute path.
    #[schemars(with = "Option<Vec<String>>")]
    files: Option<Vec<Spanned<String>>>,
}

/// Whose signatures a commit needs. The files are read at each fetch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Verify {
    /// none, head (the commit that is run) or strict (all commits since the last good one).
    #[schemars(with = "String")]
    mode: Spanned<String>,
    /// The SSH keys that may sign, in the format of ssh-keygen's ALLOWED SIGNERS.
    #[schemars(with = "Option<String>")]
    allowed_signers: Text,
    /// The OpenPGP certificates that may sign, as `gpg --export` writes them.
    #[schemars(with = "Option<String>")]
    keyring: Text,
}

/// Credentials for the server.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Auth {
    /// Who we are.
    #[schemars(with = "Option<String>")]
    username: Text,
    /// A file with a token, for HTTPS.
    #[schemars(with = "Option<String>")]
    token_file: Text,
    /// A file with a password, for HTTPS.
    #[schemars(with = "Option<String>")]
    password_file: Text,
    /// The environment variable with the password.
    #[schemars(with = "Option<String>")]
    password_env: Text,
    /// A private key, for SSH.
    #[schemars(with = "Option<String>")]
    key_file: Text,
    /// The hosts that are known, for SSH.
    #[schemars(with = "Option<String>")]
    known_hosts: Text,
}

impl Document {
    /// Understands it. Relative paths are relative to `folder`.
    pub(super) fn read(self, reader: &mut Reader<'_>, folder: &Path) -> Given {
        let path = |text: &str| -> Result<PathBuf, String> {
            if text.is_empty() {
                Err("the path is empty".to_owned())
            } else {
                Ok(folder.join(text))
            }
        };
        let address = |text: &str| Address::parse(text, folder).map_err(|why| why.to_string());
        let Auth { username, token_file, password_file, password_env, key_file, known_hosts } =
            self.auth;
        let mut one = None;
        // Each says where the same thing is, so only the first one counts.
        for (written, kind) in [
            (token_file, SecretFrom::TokenFile as fn(PathBuf) -> SecretFrom),
            (password_file, SecretFrom::PasswordFile),
        ] {
            let second = one.is_some();
            let found = reader.value(written, |text| {
                if second {
                    Err("there is a token or password already".to_owned())
                } else {
                    path(text)
                }
            });
            one = one.or(found.map(kind));
        }
        let second = one.is_some();
        let variable = reader.value(password_env, |name| match name {
            _ if second => Err("there is a token or password already".to_owned()),
            "" => Err("the name of the variable is empty".to_owned()),
            name => Ok(SecretFrom::PasswordEnv(name.to_owned())),
        });
        let absolute = |text: &str| {
            std::path::absolute(path(text)?).map_err(|error| format!("{text:?}: {error}"))
        };
        let files = self.files.map(|files| {
            files.into_iter().filter_map(|one| reader.value(Some(one), absolute)).collect()
        });
        Given {
            address: reader.value(Some(self.git), address),
            reference: reader.value(self.reference, |text| {
                text.parse::<Reference>().map_err(|why| why.to_string())
            }),
            path: reader
                .value(self.path, |text| text.parse::<TreePath>().map_err(|why| why.to_string())),
            username: reader.value(username, |text| Ok::<_, String>(text.to_owned())),
            secret: one.or(variable),
            key_file: reader.value(key_file, path),
            known_hosts: reader.value(known_hosts, path),
            ca_file: reader.value(self.ca_file, path),
            proxy: reader.value(self.proxy, address),
            forced_push: reader.value(self.forced_push, |text| {
                text.parse::<ForcedPush>().map_err(|why| why.to_string())
            }),
            verify: self.verify.map(|Verify { mode: written, allowed_signers, keyring }| {
                // A name that is misspelt is told apart.
                let has_keys = allowed_signers.is_some() || keyring.is_some() || !reader.is_clean();
                let mode = |text: &str| match text.parse::<Mode>() {
                    Ok(Mode::Head | Mode::Strict) if !has_keys => {
                        Err("nobody may sign: name `allowedSigners` or `keyring`".to_owned())
                    }
                    parsed => parsed.map_err(|why| why.to_string()),
                };
                trust::Settings {
                    // One that is no mode is a problem, with which there are no settings.
                    mode: reader.value(Some(written), mode).unwrap_or_default(),
                    allowed_signers: reader.value(allowed_signers, path),
                    keyring: reader.value(keyring, path),
                }
            }),
            files,
            timeout: reader.value(self.timeout, parse_patience),
        }
    }
}
