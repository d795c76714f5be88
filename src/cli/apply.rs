//! `gw apply`.

use std::path::PathBuf;

use crate::{
    intent::Intent,
    plan::{Loading, Report},
    reconcile::{ReconcileError, Reconciler},
    report::{
        json,
        text::{self, Diff},
    },
    settings::Settings,
    source::{Source, git::BareClone},
};

use super::{
    confirm,
    error::{self, CliError},
    exit::Exit,
    guards::{self, Overrides},
    manifests::Manifests,
    options::{Options, Verbosity},
    output::{self, Format},
    plan::view,
    progress::Bar,
    saved,
};

/// Make the running HAProxy equal to the manifests
///
/// Shows the plan, asks where it removes something or reloads, carries it out, and reports. With
/// HAProxy not running, the configuration is checked and put in place for its start.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw apply manifests
  gw apply --git git@git.example.org:ops/sites.git --ref '>=1.2 <2' --path sites/prod
  gw apply manifests --plan plan.json       what gw plan --out saved, or nothing
  gw apply manifests --yes --output json    in scripts: no question, a report for programs

Without --yes and without a terminal, only a plan that removes nothing and reloads nothing is
carried out. A second apply right after the first sends no command and writes no byte.")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    /// Apply only if the plan is still the one that `gw plan --out FILE` saved; does not ask
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    #[command(flatten)]
    verbosity: Verbosity,

    /// The form of the report
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    /// Apply although following is suspended (`gw suspend`); it stays suspended
    #[arg(long)]
    even_if_suspended: bool,

    #[command(flatten)]
    guards: Overrides,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let mut settings = args.options.settings()?;
    args.guards.apply(&mut settings);
    settings.socket()?;
    let mut reconciler = Reconciler::new(&settings);
    reconciler.set_even_if_suspended(args.even_if_suspended);
    reconciler.look_ahead();
    let intent = args.manifests.compile(&settings, &mut reconciler)?;
    let mut pass = reconciler.plan(&intent).await?;
    if let Some(path) = &args.plan {
        saved::check(path, &intent, &pass)?;
    }
    let is_approved = args.yes || args.plan.is_some();
    let detail = args.verbosity.detail();
    // Standard output is the report's where that is JSON; then the plan is shown for the question.
    let shown = || text::plan(view(&intent, &pass), detail, Diff::OfReloads) + "\n";
    match (args.output, is_approved) {
        (Format::Text, _) => output::print(&shown())?,
        (Format::Json, false) => output::eprint(&shown()),
        (Format::Json, true) => {}
    }
    if let Some(suspended) = &pass.suspended
        && !args.even_if_suspended
        && !pass.plan.is_empty()
    {
        return Err(ReconcileError::Suspended(suspended.clone()).into());
    }
    if !pass.refusals.is_empty() {
        return Err(guards::refused(&pass.refusals));
    }
    if !is_approved {
        pass.hang_up();
        confirm::confirm(view(&intent, &pass))?;
    }
    let (plan, remarks) = (pass.plan.clone(), pass.remarks.clone());
    let mut bar = Bar::new();
    let mut report = reconciler.apply(&intent, pass, &mut |progress| bar.show(&progress)).await?;
    drop(bar);
    let told = match args.output {
        Format::Json => json::to_text(&json::report(&intent.revision, &plan, &report)),
        Format::Text => {
            // The plan said these.
            report.remarks.retain(|remark| !remarks.contains(remark));
            text::report(&intent.revision, &plan, &report, detail)
        }
    };
    // What was done counts, even where nobody reads the report.
    let _ = output::print(&told);
    let exit = exit(&report);
    if exit == Exit::Ok {
        keep(args, &settings, &intent);
    }
    Ok(exit)
}

/// Remembers a commit as good that was applied as a whole.
fn keep(args: &Args, settings: &Settings, intent: &Intent) {
    if let Some(commit) = &intent.commit
        && let Ok(Source::Git(source)) = args.manifests.source(settings)
        && let Err(error) = BareClone::new(&source, &settings.state).keep(commit)
    {
        // The next fetch only compares with an older commit.
        output::eprint(&format!("{}\n", error::warning(&error.to_string())));
    }
}

/// How the command ends after a report.
pub(super) fn exit(report: &Report) -> Exit {
    match &report.loading {
        Loading::Broken { .. } => Exit::Broken,
        Loading::Refused { .. } => Exit::Refused,
        Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => {
            if report.has_failed() {
                Exit::Error
            } else if report.is_complete() {
                Exit::Ok
            } else {
                Exit::Incomplete
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Outcome;

    use super::*;

    fn ends(loading: Loading, outcomes: &[Outcome]) -> Exit {
        exit(&Report { outcomes: outcomes.to_vec(), loading, ..Report::nothing(None) })
    }

    #[test]
    fn the_worst_decides_how_an_apply_ends() {
        let why = || "why".to_owned();
        let pending = Outcome::Pending(why());
        let running = || Loading::Running;
        assert_eq!(ends(running(), &[]), Exit::Ok);
        assert_eq!(ends(Loading::AtStart, &[Outcome::Done]), Exit::Ok);
        assert_eq!(ends(running(), &[Outcome::Done, pending.clone()]), Exit::Incomplete);
        assert_eq!(ends(running(), &[Outcome::Skipped(why())]), Exit::Incomplete);
        assert_eq!(ends(running(), &[pending, Outcome::Failed(why())]), Exit::Error);
        let skipped = [Outcome::Skipped(why())];
        let refused = Loading::Refused { message: why(), generation: why() };
        assert_eq!(ends(refused, &skipped), Exit::Refused);
        assert_eq!(ends(Loading::Broken { message: why() }, &skipped), Exit::Broken);
    }
}
