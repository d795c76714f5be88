//! `gw up`.

use std::path::PathBuf;

use crate::{
    settings::{Given, Runs, Settings, SettingsError},
    source::Source,
};

use super::{
    error::CliError,
    exit::Exit,
    options::{Verbosity, Waits},
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

/// What can be said about an HAProxy that gw runs itself. What the environment or gw.yaml say about
/// the one that a service runs is not meant for it: it would take that one's sockets and traffic.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "HAProxy")]
struct Options {
    /// A configuration of your own, which HAProxy loads before gw's: never written
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,

    /// The state directory, with HAProxy's sockets and log [default: .gw beside the manifests]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// The haproxy binary that runs [default: haproxy]
    #[arg(long, value_name = "FILE", env = "GW_HAPROXY", hide_env_values = true)]
    haproxy: Option<PathBuf>,

    #[command(flatten)]
    waits: Waits,

    /// The file with gw's own settings [default: /etc/gw/gw.yaml, where it exists]
    ///
    /// Its socket, master, base and state are those of a service, and not used here.
    #[arg(long, value_name = "FILE", env = "GW_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl Options {
    fn settings(&self, runs: Runs<'_>) -> Result<Settings, SettingsError> {
        let Self { base, state, haproxy, waits, config } = self;
        let given = Given {
            base: base.clone(),
            state: state.clone(),
            haproxy: haproxy.clone(),
            ready_timeout: waits.ready_timeout,
            removal_timeout: waits.removal_timeout,
            ..Given::default()
        };
        Settings::load(config.as_deref(), given, runs)
    }
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let paths = &args.paths;
    let first = paths.first().map_or_else(|| ".".as_ref(), AsRef::as_ref);
    let mut settings = args.options.settings(Runs::Ourselves(first))?;
    args.telling.complete(&mut settings);
    let source = Source::Paths(paths.clone());
    let mut teller = args.telling.start(&settings, &source, args.verbosity.detail()).await?;
    let vitals = teller.vitals();
    let ended = crate::up::run(&settings, paths, &vitals, &mut |event| teller.tell(event)).await;
    teller.end();
    ended?;
    Ok(Exit::Ok)
}
