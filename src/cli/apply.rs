//! `gw apply`.

use std::path::PathBuf;

use crate::{
    intent::Intent,
    reconcile::{ReconcileError, Reconciler},
    settings::Settings,
    source::{Source, git::BareClone},
    store::{FOLLOWER, Store},
};

use super::{
    carry_out,
    error::{self, CliError},
    exit::Exit,
    guards::Overrides,
    manifests::Manifests,
    options::{Options, Verbosity},
    output::{self, Format},
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
    let settings = args.guards.settings(&args.options)?;
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
    carry_out::show(&intent, &pass, args.output, is_approved, detail)?;
    if let Some(suspended) = &pass.suspended
        && !args.even_if_suspended
        && !pass.plan.is_empty()
    {
        return Err(ReconcileError::Suspended(suspended.clone()).into());
    }
    if !pass.plan.is_empty() {
        warn_of_follower(&settings);
    }
    carry_out::admit(&intent, &mut pass, is_approved)?;
    let (plan, remarks) = (pass.plan.clone(), pass.remarks.clone());
    let mut bar = Bar::new();
    let mut report = reconciler.apply(&intent, pass, &mut |progress| bar.show(&progress)).await?;
    drop(bar);
    carry_out::tell(&intent, &plan, &remarks, &mut report, args.output, detail);
    let exit = carry_out::exit(&report);
    if matches!(exit, Exit::Ok | Exit::Incomplete) {
        reconciler.note_reached()?;
        reconciler.note_unread(None)?;
        // Whoever applies by hand has the last word.
        reconciler.end_quarantine()?;
        reconciler.forget_good()?;
    }
    if exit == Exit::Ok {
        keep(args, &settings, &intent);
    }
    Ok(exit)
}

/// Tells who else works on the state directory, and goes by manifests of its own.
fn warn_of_follower(settings: &Settings) {
    if let Some(holder) = Store::new(&settings.state).holder(FOLLOWER) {
        let told = format!(
            "{holder} follows manifests on {}, and takes back what they do not ask for; `gw suspend` \
             stops that",
            settings.state.display()
        );
        output::eprint(&format!("{}\n", error::warning(&told)));
    }
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
