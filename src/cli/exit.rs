//! The exit codes: the one place where they are defined, and the source of what `gw --help` says.

use std::{fmt::Write as _, process::ExitCode};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    Error,
    Changes,
    Incomplete,
    Guarded,
    Stale,
    Locked,
    Source,
    Refused,
    Broken,
    Invalid,
    Unreachable,
    Suspended,
    Usage,
}

impl Exit {
    pub(super) const ALL: [Self; 14] = [
        Self::Ok,
        Self::Error,
        Self::Changes,
        Self::Incomplete,
        Self::Guarded,
        Self::Stale,
        Self::Locked,
        Self::Source,
        Self::Refused,
        Self::Broken,
        Self::Invalid,
        Self::Unreachable,
        Self::Suspended,
        Self::Usage,
    ];

    /// The code. Codes never change their meaning.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Incomplete => 3,
            Self::Guarded => 10,
            Self::Stale => 11,
            Self::Locked => 12,
            Self::Source => 13,
            Self::Refused => 14,
            Self::Broken => 15,
            Self::Invalid => 16,
            Self::Unreachable => 17,
            Self::Suspended => 18,
            // EX_USAGE of sysexits.h; the usual 2 is taken.
            Self::Usage => 64,
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or nothing to do",
            Self::Error => "an error, which is told",
            Self::Changes => {
                "there are changes to apply (`gw plan --exit-code`), or drift (`gw drift`)"
            }
            Self::Incomplete => "applied, but some objects are pending or skipped",
            Self::Guarded => "a guard refused the plan; nothing was changed",
            Self::Stale => "the plan is stale: what it was made from changed; nothing was changed",
            Self::Locked => "another gw works on the same state directory",
            Self::Source => "the Git repository can't be read, or is not to be trusted",
            Self::Refused => "HAProxy refused the configuration; the old one serves on",
            Self::Broken => "the way back failed too: act now",
            Self::Invalid => "the manifests are invalid; nothing was touched",
            Self::Unreachable => {
                "HAProxy can't be reached, reloaded or used with this state directory, or is too old"
            }
            Self::Suspended => "following is suspended; nothing was changed",
            Self::Usage => "the command line is wrong",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// What `gw --help` says about exit codes, and where to begin.
pub(super) fn help() -> String {
    let mut help = String::from(
        "\
Begin here:
  gw up examples/quickstart      run an HAProxy, keep it at what the manifests say
  gw init                        prepare the state directory for an HAProxy that runs as a service
  gw doctor                      is everything set up right, and how to mend what is not?
  gw validate manifests          is it right?
  gw plan manifests              what would change, and how?
  gw apply manifests             do it
  gw history                     what was done, when, by whom?
  gw rollback                    back to what was before

Exit codes:
",
    );
    for exit in Exit::ALL {
        let _ = writeln!(help, "  {:>2}  {}", exit.code(), exit.meaning());
    }
    help.push_str(
        "\nGW_LOG=debug shows on standard error what gw does; NO_COLOR=1 turns colours off.",
    );
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ends_share_a_code() {
        let mut codes = Exit::ALL.map(Exit::code).to_vec();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(codes.is_sorted());
    }
}
