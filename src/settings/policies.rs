//! What becomes of what is not as it should be.

use std::str::FromStr;

/// What becomes of manifests with errors, where they are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadManifests {
    /// Each object that is wrong stays what it was, and the rest goes on.
    #[default]
    Object,
    /// The whole revision is refused.
    Revision,
}

impl FromStr for BadManifests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "object" => Ok(Self::Object),
            "revision" => Ok(Self::Revision),
            _ => Err(format!("{text:?} is neither object nor revision")),
        }
    }
}

/// What becomes of what somebody changed in the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriftPolicy {
    /// It is made again what the manifests say.
    #[default]
    Correct,
    /// It is told and left alone, while nothing needs a reload.
    Report,
}

impl FromStr for DriftPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "correct" => Ok(Self::Correct),
            "report" => Ok(Self::Report),
            _ => Err(format!("{text:?} is neither correct nor report")),
        }
    }
}
