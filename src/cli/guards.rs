//! What overrides a guard: one flag for each, and none for all.

use crate::{
    guard::{Limit, Policy, Refusal, Stance},
    settings::{DriftPolicy, Settings},
};

use super::{error::CliError, exit::Exit, options::Options};

/// What is meant although a guard refuses it. Each flag overrides its own guard and nothing else.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Guards")]
#[expect(clippy::struct_excessive_bools, reason = "one flag for each guard, on purpose")]
pub(super) struct Overrides {
    /// Let it delete more than 30 % of ten or more servers, backends or routes: up to N of a kind
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "all", value_parser = deletes)]
    allow_mass_delete: Option<usize>,

    /// Let a backend lose its last server, or a route its backend
    #[arg(long)]
    allow_empty_backend: bool,

    /// Believe a source that lost half of what it held, or all of it
    #[arg(long)]
    allow_shrunk_source: bool,

    /// Reload HAProxy although `reload: forbid` is set
    #[arg(long, conflicts_with = "no_reload")]
    allow_reload: bool,

    /// Reload HAProxy although many workers of earlier configurations still live
    #[arg(long)]
    allow_old_workers: bool,

    /// Refuse what needs a reload
    #[arg(long)]
    no_reload: bool,

    /// Whether what somebody changed in the process is corrected, or only reported [default: correct]
    #[arg(long, value_name = "correct|report")]
    drift: Option<DriftPolicy>,
}

/// `all`, or a number.
fn deletes(text: &str) -> Result<usize, String> {
    match text {
        "all" => Ok(usize::MAX),
        _ => text.parse().map_err(|_| "write a number of objects".to_owned()),
    }
}

impl Overrides {
    /// The settings for planning, with these put in. A socket must be known.
    pub(super) fn settings(&self, options: &Options) -> Result<Settings, CliError> {
        let mut settings = options.settings()?;
        if let Some(drift) = self.drift {
            settings.drift = drift;
        }
        self.apply_to(&mut settings.guards);
        settings.socket()?;
        Ok(settings)
    }

    fn apply_to(&self, policy: &mut Policy) {
        if let Some(deletes) = self.allow_mass_delete {
            policy.deletes = deletes;
        }
        if self.allow_empty_backend {
            policy.empty_backend = Stance::Allow;
        }
        if self.allow_shrunk_source {
            policy.shrunk_source = Limit::Allow;
        }
        if self.allow_reload {
            policy.reload = Stance::Allow;
        }
        if self.no_reload {
            policy.reload = Stance::Refuse;
        }
        if self.allow_old_workers {
            policy.old_workers = Limit::Allow;
        }
    }
}

/// The end of a command whose plan was refused: every refusal, and what overrides it.
pub(super) fn refused(refusals: &[Refusal]) -> CliError {
    let message = match refusals.len() {
        1 => "a guard refuses this plan; nothing was changed".to_owned(),
        several => format!("{several} guards refuse this plan; nothing was changed"),
    };
    refusals.iter().fold(CliError::new(Exit::Guarded, message), |error, refusal| {
        error
            .reason(format!("{}: {refusal}", refusal.guard().name()))
            .hint(format!("if that is meant, pass {}", refusal.flag()))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        overrides: Overrides,
    }

    fn policy(arguments: &[&str]) -> Policy {
        let mut policy = Policy { reload: Stance::Refuse, ..Policy::default() };
        let line = Line::parse_from(["gw"].iter().chain(arguments));
        line.overrides.apply_to(&mut policy);
        policy
    }

    #[test]
    fn each_flag_overrides_one_guard() {
        let plain = policy(&[]);
        assert_eq!(plain, Policy { reload: Stance::Refuse, ..Policy::default() });
        let expected = [
            ("--allow-mass-delete", Policy { deletes: usize::MAX, ..plain.clone() }),
            ("--allow-mass-delete=7", Policy { deletes: 7, ..plain.clone() }),
            ("--allow-empty-backend", Policy { empty_backend: Stance::Allow, ..plain.clone() }),
            ("--allow-shrunk-source", Policy { shrunk_source: Limit::Allow, ..plain.clone() }),
            ("--allow-reload", Policy { reload: Stance::Allow, ..plain.clone() }),
            ("--allow-old-workers", Policy { old_workers: Limit::Allow, ..plain }),
        ];
        for (flag, expected) in expected {
            assert_eq!(policy(&[flag]), expected, "{flag}");
        }
    }
}
