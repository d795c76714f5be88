//! `gw retry`.

use crate::{
    control::lock_soon,
    journal::Journal,
    model::Quarantine,
    report::{json::CauseWord, text},
    store::Store,
};

use super::{error::CliError, exit::Exit, options::Options, output};

/// Let gw watch try again what it took back, though the manifests are the same
///
/// What HAProxy refused, or served worse with than before, is not tried again until the manifests
/// change. Where the reason was elsewhere and is mended, this lets the next pass try.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw status                                 tells what was taken back, and why
  gw retry")]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let store = Store::new(&args.options.settings()?.state);
    let lock = lock_soon(&store).await?;
    let Some(quarantine) = Quarantine::read(&store)? else {
        output::print("Nothing was taken back.\n")?;
        return Ok(Exit::Ok);
    };
    Quarantine::remove(&store)?;
    let said = text::quarantined(&quarantine);
    Journal::of(&store).tell(&lock, CauseWord::Retry, &said)?;
    output::print(&format!("Tried again by the next pass of `gw watch`: {said}\n"))?;
    Ok(Exit::Ok)
}
