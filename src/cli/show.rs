//! `gw show`.

use crate::report::{json, text};

use super::{
    error::CliError,
    exit::Exit,
    history::journal,
    options::Options,
    output::{self, Format},
};

/// Show a record of the history in full: changes, reasons, commands, outcomes
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw show 42
  gw show 42 --output json | jq -r '.steps[].commands[]'

`gw history` tells the numbers. Private keys are in no record.")]
pub(super) struct Args {
    /// The number of the record
    #[arg(value_name = "N")]
    number: u64,

    /// The form of the record
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let journal = journal(&args.options.settings()?)?;
    let Some(record) = journal.record(args.number)? else {
        let message = format!("the journal has no record {}", args.number);
        let error = CliError::new(Exit::Error, message);
        return Err(error.hint("`gw history` shows which there are"));
    };
    output::print(&match args.output {
        Format::Text => text::record(&record),
        Format::Json => json::to_text(&record),
    })?;
    Ok(Exit::Ok)
}
