//! `gw schema`.

use clap::ValueEnum;

use crate::{manifest, report::json, settings};

use super::{error::CliError, exit::Exit, output};

/// Print the JSON Schema of the manifests, of gw.yaml, or of what gw writes as JSON
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw schema > gw.schema.json
  gw schema plan

For editors with the YAML language server, write as the first line of a manifest:
  # yaml-language-server: $schema=gw.schema.json")]
pub(super) struct Args {
    /// Of what
    #[arg(value_enum, default_value_t)]
    of: Document,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Document {
    /// Manifests, all kinds
    #[default]
    Manifests,
    /// The output of `gw plan --output json`
    Plan,
    /// The output of `gw apply --output json`
    Report,
    /// The output of `gw status --output json`
    Status,
    /// The output of `gw drift --output json`
    Drift,
    /// The file that `gw plan --out` writes
    SavedPlan,
    /// The output of `gw validate --output json`
    Problems,
    /// gw's own settings, `gw.yaml`
    Settings,
    /// The output of `gw history --output json`, and the answer of /v1/history while gw follows
    History,
    /// The output of `gw show --output json`
    Record,
    /// The answer of /v1/status while gw follows
    WatchStatus,
    /// What is sent to the addresses of `notify`
    Notification,
    /// The output of `gw doctor --output json`
    Doctor,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let schema = match args.of {
        Document::Manifests => manifest::schema::json_schema(),
        Document::Plan => json::schema(json::Kind::Plan),
        Document::Report => json::schema(json::Kind::Report),
        Document::Status => json::schema(json::Kind::Status),
        Document::Drift => json::schema(json::Kind::Drift),
        Document::SavedPlan => json::schema(json::Kind::SavedPlan),
        Document::Problems => json::schema(json::Kind::Problems),
        Document::Settings => settings::json_schema(),
        Document::History => json::schema(json::Kind::History),
        Document::Record => json::schema(json::Kind::Record),
        Document::WatchStatus => json::schema(json::Kind::WatchStatus),
        Document::Notification => json::schema(json::Kind::Notification),
        Document::Doctor => json::schema(json::Kind::Doctor),
    };
    output::print(&json::to_text(&schema))?;
    Ok(Exit::Ok)
}
