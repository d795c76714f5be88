//! `gw up`.

use std::path::PathBuf;

use super::{
    error::CliError,
    exit::Exit,
    options::{Options, Verbosity},
    telling::Telling,
};

/// Run an HAProxy and keep it at what the manifests say
///
/// gw starts its own HAProxy, applies the manifests, and follows their changes: by commands where
/// those can, else by a reload. Ctrl-C ends both. The state is in .gw beside the manifests, unless
/// --state names another place.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw up examples/quickstart
  gw up manifests -v                        with the commands on HAProxy's socket
  gw up manifests --base my-haproxy.cfg     with sections of your own")]
pub(super) struct Args {
    /// A directory with manifests (*.yaml, *.yml, *.json, folders included), or such files
    #[arg(value_name = "DIR|FILE", required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    verbosity: Verbosity,

    #[command(flatten)]
    pub(super) telling: Telling,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let paths = &args.paths;
    let first = paths.first().map_or_else(|| ".".as_ref(), AsRef::as_ref);
    let mut settings = args.options.settings_beside(first)?;
    args.telling.complete(&mut settings);
    let mut teller = args.telling.start(&settings, args.verbosity.detail()).await?;
    let vitals = teller.vitals();
    let ended = crate::up::run(&settings, paths, &vitals, &mut |event| teller.tell(event)).await;
    teller.end();
    ended?;
    Ok(Exit::Ok)
}
