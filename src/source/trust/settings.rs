//! The settings of trust, and the files that they name.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use crate::model::{Problems, Severity, SourceFile};

use super::{AllowedSigners, Keyring, KeyringError, Policy};

/// The greatest size of an allowed signers file, in bytes.
const SIGNERS_MAX: u64 = 1024 * 1024;

/// The greatest size of a keyring, in bytes.
const KEYRING_MAX: u64 = 4 * 1024 * 1024;

/// How much must be signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: who may push is trusted.
    #[default]
    None,
    /// The commit that is run.
    Head,
    /// All commits since the last good one.
    Strict,
}

/// A mode that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no way to verify commits: write none, head or strict")]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        match text {
            "none" => Ok(Self::None),
            "head" => Ok(Self::Head),
            "strict" => Ok(Self::Strict),
            _ => Err(ModeError(text.to_owned())),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Head => "head",
            Self::Strict => "strict",
        })
    }
}

/// `verify:` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How much must be signed.
    pub mode: Mode,
    /// The SSH keys that may sign, in the format of `ssh-keygen`'s ALLOWED SIGNERS.
    pub allowed_signers: Option<PathBuf>,
    /// The OpenPGP certificates that may sign, as `gpg --export` writes them, armored or not.
    pub keyring: Option<PathBuf>,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is too large.
    #[error("{} is larger than {} KiB", path.display(), limit / 1024)]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The greatest size, in bytes.
        limit: u64,
    },
    /// The allowed signers file has lines that can't be understood.
    #[error("{} is not valid", file.path)]
    Invalid {
        /// The file.
        file: Arc<SourceFile>,
        /// What is wrong with it.
        problems: Problems,
    },
    /// The keyring can't be understood.
    #[error("{} is not a keyring", path.display())]
    Keyring {
        /// Which.
        path: PathBuf,
        /// Why.
        source: KeyringError,
    },
    /// Signatures are asked for, and nobody may sign.
    #[error("commits must be signed (mode {mode}), but there is no key that may sign")]
    Nobody {
        /// The mode.
        mode: Mode,
    },
}

impl PolicyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Nobody { .. } => Some(
                "name a file with keys in it under allowedSigners (SSH) or keyring (OpenPGP)"
                    .to_owned(),
            ),
            Self::Keyring { source, .. } => source.hint(),
            Self::Invalid { problems, .. } => problems
                .iter()
                .next()
                .map(|first| format!("line {}: {}", first.at.span.line, first.message)),
            Self::Read { .. } | Self::TooLarge { .. } => None,
        }
    }
}

impl Policy {
    /// Reads the files. In mode `none` they are not looked at.
    pub fn load(settings: &Settings) -> Result<Self, PolicyError> {
        let mode = settings.mode;
        let mut policy = Self { mode, ..Self::default() };
        if mode == Mode::None {
            return Ok(policy);
        }
        if let Some(path) = &settings.allowed_signers {
            let text = String::from_utf8(read(path, SIGNERS_MAX)?).map_err(|error| {
                let source = io::Error::new(io::ErrorKind::InvalidData, error);
                PolicyError::Read { path: path.clone(), source }
            })?;
            let file = SourceFile { path: path.display().to_string().into(), text: text.into() };
            let (signers, problems) = AllowedSigners::parse(&file);
            if problems.worst() == Some(Severity::Error) {
                return Err(PolicyError::Invalid { file: Arc::new(file), problems });
            }
            policy.signers = signers;
            policy.warnings = problems;
        }
        if let Some(path) = &settings.keyring {
            policy.keyring = Keyring::parse(&read(path, KEYRING_MAX)?)
                .map_err(|source| PolicyError::Keyring { path: path.clone(), source })?;
        }
        if policy.signers.is_empty() && policy.keyring.is_empty() {
            return Err(PolicyError::Nobody { mode });
        }
        Ok(policy)
    }
}

/// The content of a file of at most `limit` bytes.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PolicyError> {
    let failed = |source| PolicyError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(PolicyError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}
