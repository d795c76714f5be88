//! `gw drift`.

use crate::{
    reconcile::Reconciler,
    report::{json, text},
    source::Look,
};

use super::{
    error::CliError,
    exit::Exit,
    manifests::Manifests,
    options::{Options, Verbosity},
    output::{self, Format},
};

/// Show what somebody changed in the running HAProxy, apart from what nobody applied yet
///
/// Compares the process with the configuration that gw wrote last, and that with the manifests where
/// they are named, here or in gw.yaml: of a repository the commit that gw read last. Takes no lock,
/// fetches nothing and writes nothing, neither to disk nor to HAProxy.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw drift
  gw drift manifests                        also what waits for an apply
  gw drift --output json | jq .drift

Exit codes: 0 there is no drift, 2 there is some. Pending commits, what operators hold and what is not
gw's are shown, and are no drift.")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    verbosity: Verbosity,

    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    settings.socket()?;
    let mut reconciler = Reconciler::new(&settings);
    let is_named = args.manifests.is_named();
    let mut known = || args.manifests.compile_at(Look::Known, &settings, &mut reconciler);
    let intent = match (is_named, &settings.source.address) {
        (true, _) => Some(known()?),
        // What is wrong with it, or not there yet, hides no drift.
        (false, Some(_)) => known().inspect_err(|error| output::eprint(&error.as_warning())).ok(),
        (false, None) => None,
    };
    let drift = reconciler.drift(intent.as_ref()).await?;
    output::print(&match args.output {
        Format::Text => text::drift(&drift, args.verbosity.detail()),
        Format::Json => json::to_text(&json::drift(&drift)),
    })?;
    Ok(if drift.drift.is_empty() { Exit::Ok } else { Exit::Changes })
}
