//! `gw plan`.

use std::path::PathBuf;

use crate::{
    intent::Intent,
    reconcile::{Pass, Reconciler},
    report::{
        PlanView, json,
        text::{self, Diff},
    },
};

use super::{
    error::CliError,
    exit::Exit,
    guards::Overrides,
    manifests::Manifests,
    options::{Options, Verbosity},
    output::{self, Format},
    saved,
};

/// Show what would change in the running HAProxy: by what means, and why
///
/// Reads the live state from the process and compares it with the manifests. Changes are made by
/// commands on HAProxy's runtime socket where those can, else by one reload. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw plan manifests
  gw plan manifests -v                      with the commands on HAProxy's socket
  gw plan manifests --output json           for a comment on a pull request
  gw plan manifests --out plan.json         to be approved, and applied as it is
  gw plan manifests --exit-code             has anybody changed something by hand?

Signs: + is added, ~ changes, - is removed. What an operator set by hand and the manifests leave
open, such as a server in maintenance, is held: shown, and left alone.")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    verbosity: Verbosity,

    /// The form of the plan
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    /// Exit with 2 where there are changes, 10 where guards refuse them, 0 where there are none
    #[arg(long)]
    exit_code: bool,

    /// Show the diff of the files even where no reload is needed
    #[arg(long)]
    diff: bool,

    /// Save the plan: `gw apply --plan FILE` applies exactly this one, or none
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    guards: Overrides,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.guards.settings(&args.options)?;
    let mut reconciler = Reconciler::new(&settings);
    reconciler.look_ahead();
    let intent = args.manifests.compile(&settings, &mut reconciler)?;
    let pass = reconciler.plan(&intent).await?;
    let view = view(&intent, &pass);
    let diff = if args.diff { Diff::Always } else { Diff::OfReloads };
    output::print(&match args.output {
        Format::Text => {
            text::plan(view, args.verbosity.detail(), diff) + &text::refusals(&pass.refusals)
        }
        Format::Json => json::to_text(&json::plan(view, &pass.drift_left, &pass.refusals)),
    })?;
    if let Some(path) = &args.out {
        saved::write(path, json::plan(view, &pass.drift_left, &pass.refusals), &intent, &pass)?;
    }
    Ok(match (args.exit_code, pass.plan.is_empty(), pass.refusals.is_empty()) {
        (false, _, _) | (true, true, _) => Exit::Ok,
        (true, false, true) => Exit::Changes,
        (true, false, false) => Exit::Guarded,
    })
}

/// A plan with what must be known to show it.
pub(super) fn view<'a>(intent: &'a Intent, pass: &'a Pass) -> PlanView<'a> {
    PlanView {
        plan: &pass.plan,
        revision: &intent.revision,
        running: pass.live.is_some(),
        config_diff: &pass.config_diff,
        remarks: &pass.remarks,
    }
}
