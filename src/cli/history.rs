//! `gw history`.

use crate::{
    journal::{Journal, Verified},
    report::{
        json,
        text::{self, counted},
    },
    settings::Settings,
    store::{Store, StoreError},
};

use super::{
    error::CliError,
    exit::Exit,
    options::Options,
    output::{self, Format},
};

/// Show what gw did: when, by whom, of which revision, and how it ended; newest first
///
/// From the journal in the state directory. What has no end was interrupted, or is under way.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw history
  gw history --limit 5 --output json
  gw history --verify                       has somebody changed the journal?

Each line of the journal holds the digest of the line before, so a change shows, and so does a line
that is gone, but not that the newest lines were cut off: to see that, keep a copy elsewhere.")]
pub(super) struct Args {
    /// How many records to show
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Check the chain of the journal; exit with 1 where it breaks, and say where
    #[arg(long, conflicts_with_all = ["limit", "output"])]
    verify: bool,

    /// The form of the history
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let journal = journal(&args.options.settings()?)?;
    if args.verify {
        return verify(&journal);
    }
    if args.output == Format::Json {
        output::print(&json::to_text(&journal.history(args.limit)?))?;
        return Ok(Exit::Ok);
    }
    let mut records = journal.records()?;
    let shown = records.by_ref().take(args.limit).collect::<Result<Vec<_>, _>>()?;
    let damaged = records.damaged();
    output::print(&text::history(&shown))?;
    if damaged > 0 {
        let lines = counted(damaged, "line");
        output::eprint(&format!(
            "note: {lines} of the journal can't be read: `gw history --verify` says where\n"
        ));
    }
    Ok(Exit::Ok)
}

/// The journal of a state directory, which must be there.
pub(super) fn journal(settings: &Settings) -> Result<Journal, StoreError> {
    let store = Store::new(&settings.state);
    if store.root().is_dir() {
        Ok(Journal::of(&store))
    } else {
        Err(StoreError::Missing(store.root().to_owned()))
    }
}

fn verify(journal: &Journal) -> Result<Exit, CliError> {
    let Verified { lines, records, torn } = match journal.verify()? {
        Ok(verified) => verified,
        Err(broken) => {
            let (line, path) = (broken.line, broken.path.display());
            let message = format!("line {line} of {path} breaks the journal: {}", broken.why);
            let error = CliError::new(Exit::Error, message);
            return Err(error.hint("what comes after it is chained anew, by whoever wrote that"));
        }
    };
    let lines = counted(usize::try_from(lines).unwrap_or(usize::MAX), "line");
    let mut text = match records {
        Some((first, last)) => {
            format!("The journal is whole: {lines}, records {first} to {last}.\n")
        }
        None => "The journal is empty.\n".to_owned(),
    };
    if torn > 0 {
        text.push_str(
            "Its last line is not finished: a gw is writing it, or was ended while it did. The \
             next one cuts it off.\n",
        );
    }
    output::print(&text)?;
    Ok(Exit::Ok)
}
