//! `gw status`.

use crate::{
    reconcile::Reconciler,
    report::{json, text},
};

use super::{
    error::CliError,
    exit::Exit,
    options::Options,
    output::{self, Format},
};

/// Show what runs: revision, HAProxy, drift, what operators hold, servers up and down
///
/// Compares the running process with the configuration that gw wrote last. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw status
  gw status --output json | jq .in_sync")]
pub(super) struct Args {
    /// The form of the status
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    settings.socket()?;
    let status = Reconciler::new(&settings).status().await?;
    output::print(&match args.output {
        Format::Text => text::status(&status),
        Format::Json => json::to_text(&json::status(&status)),
    })?;
    Ok(Exit::Ok)
}
