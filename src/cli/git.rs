//! A Git repository on the command line.

use std::{path::Path, path::PathBuf, time::Duration};

use crate::{
    settings::parse_patience,
    source::git::{Address, AddressError, ForcedPush, Given, Reference, SecretFrom, TreePath},
};

use super::{error::CliError, exit::Exit};

/// A repository instead of a directory. It is never checked out: a bare clone lies in the state
/// directory. Each option is also a line of `source` in gw.yaml.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Git")]
pub(super) struct Repository {
    /// Read the manifests from this repository: a URL, or user@host:path
    #[arg(long, value_name = "URL", conflicts_with = "paths")]
    git: Option<String>,

    /// The branch, tag, full name (refs/…), whole commit id, or range of versions such as '>=1.2 <2'
    /// [default: the server's default branch]
    ///
    /// Of a branch and a tag of the same name the branch is meant. Of a range, the tag with the
    /// highest version counts; a v in front of it does not matter.
    #[arg(long = "ref", value_name = "REF", conflicts_with = "paths")]
    reference: Option<Reference>,

    /// The folder inside of the repository [default: its top]
    #[arg(long, value_name = "PATH", conflicts_with = "paths")]
    path: Option<TreePath>,

    /// A file with a token for HTTPS
    ///
    /// It is also looked for in [env: GW_GIT_TOKEN], and in the systemd credential git-token.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "git_password_file"])]
    git_token_file: Option<PathBuf>,

    /// The user, where the server wants to know it
    ///
    /// For HTTPS also [env: GW_GIT_USERNAME]. Over SSH it is git, unless the URL names another one.
    #[arg(long, value_name = "NAME", conflicts_with = "paths")]
    git_username: Option<String>,

    /// A file with a password for HTTPS
    ///
    /// It is also looked for in [env: GW_GIT_PASSWORD].
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    git_password_file: Option<PathBuf>,

    /// A private key for SSH, without a passphrase [default: what the ssh-agent has]
    ///
    /// It is also looked for in the systemd credential git-key.
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    git_key_file: Option<PathBuf>,

    /// The known hosts for SSH [default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts]
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    git_known_hosts: Option<PathBuf>,

    /// The only authorities to believe over HTTPS, as PEM [default: the system's]
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    git_ca_file: Option<PathBuf>,

    /// The HTTP proxy for https:// URLs [default: that of https_proxy]
    #[arg(long, value_name = "URL", conflicts_with = "paths")]
    git_proxy: Option<String>,

    /// How long the server may be silent; a fetch may take ten times as long [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_patience, conflicts_with = "paths")]
    git_timeout: Option<Duration>,

    /// What to do when the branch no longer contains the last commit that was applied, or the tag
    /// was moved: warn, refuse or allow [default: warn]
    #[arg(long, value_name = "POLICY", conflicts_with = "paths")]
    forced_push: Option<ForcedPush>,
}

impl Repository {
    /// Whether one is named.
    pub(super) fn is_named(&self) -> bool {
        self.git.is_some()
    }

    /// What was said.
    pub(super) fn given(&self) -> Result<Given, CliError> {
        let token = self.git_token_file.clone().map(SecretFrom::TokenFile);
        let password = self.git_password_file.clone().map(SecretFrom::PasswordFile);
        Ok(Given {
            address: address("--git", self.git.as_deref())?,
            reference: self.reference.clone(),
            path: self.path.clone(),
            username: self.git_username.clone(),
            secret: token.or(password),
            key_file: self.git_key_file.clone(),
            known_hosts: self.git_known_hosts.clone(),
            ca_file: self.git_ca_file.clone(),
            proxy: address("--git-proxy", self.git_proxy.as_deref())?,
            forced_push: self.forced_push,
            verify: None,
            files: None,
            timeout: self.git_timeout,
        })
    }
}

/// Reads an address, here and not as the argument is parsed: what is wrong must not be shown.
/// Relative paths are relative to the working directory.
fn address(option: &str, text: Option<&str>) -> Result<Option<Address>, CliError> {
    let address = text.map(|text| Address::parse(text, Path::new(""))).transpose();
    let wrong = |error: AddressError| {
        CliError::new(Exit::Usage, format!("the value of {option} is wrong")).because(&error)
    };
    address.map_err(wrong)
}
