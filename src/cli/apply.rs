//! `gw apply`.

use crate::{
    plan::{Loading, Report},
    reconcile::Reconciler,
    report::{PlanView, json, text},
};

use super::{
    error::CliError,
    exit::Exit,
    manifests::Manifests,
    options::{Options, Verbosity},
    output::{self, Format},
    plan::view,
    progress::Bar,
};

/// Make the running HAProxy equal to the manifests
///
/// Shows the plan, asks where it removes something or reloads, carries it out, and reports. With
/// HAProxy not running, the configuration is checked and put in place for its start.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw apply manifests
  gw apply manifests --yes --output json    in scripts: no question, a report for programs

Without --yes and without a terminal, only a plan that removes nothing and reloads nothing is
carried out. A second apply right after the first sends no command and writes no byte.")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    verbosity: Verbosity,

    /// The form of the report
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    settings.socket()?;
    let mut reconciler = Reconciler::new(&settings);
    let intent = args.manifests.compile(&mut reconciler)?;
    let pass = reconciler.plan(&intent).await?;
    let detail = args.verbosity.detail();
    let shown = text::plan(view(&intent, &pass), detail, false);
    match args.output {
        Format::Text => output::print(&format!("{shown}\n"))?,
        // Standard output is the report's.
        Format::Json => output::eprint(&format!("{shown}\n")),
    }
    if !args.yes {
        confirm(view(&intent, &pass))?;
    }
    let plan = pass.plan.clone();
    let mut bar = Bar::new();
    let report = reconciler.apply(&intent, pass, &mut |progress| bar.show(&progress)).await?;
    drop(bar);
    // What was done counts, even where nobody reads the report.
    let _ = output::print(&match args.output {
        Format::Text => text::report(&intent.revision, &plan, &report, detail),
        Format::Json => json::to_text(&json::report(&intent.revision, &plan, &report)),
    });
    Ok(exit(&report))
}

/// Asks whether to go on, where that is a question.
fn confirm(view: PlanView<'_>) -> Result<(), CliError> {
    let Some(what) = disturbance(view) else { return Ok(()) };
    match output::ask(&format!("This {what}. Go on?"))? {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::new(Exit::Error, "not confirmed; nothing was changed")),
        None => {
            let message =
                format!("this {what}, and there is no terminal to ask on; nothing was changed");
            let error = CliError::new(Exit::Error, message);
            Err(error.hint("pass --yes to go on without being asked"))
        }
    }
}

/// What of a plan is worth a question: that it removes something, or reloads.
fn disturbance(view: PlanView<'_>) -> Option<String> {
    let removed = text::counted(view.plan.summary().remove, "object");
    match (view.plan.summary().remove, view.reloads()) {
        (0, false) => None,
        (0, true) => Some("reloads HAProxy".to_owned()),
        (_, false) => Some(format!("removes {removed}")),
        (_, true) => Some(format!("removes {removed} and reloads HAProxy")),
    }
}

/// How the command ends after a report.
fn exit(report: &Report) -> Exit {
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
mod tests;
