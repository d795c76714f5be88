//! `gw watch`.

use super::{
    error::CliError,
    exit::Exit,
    guards::Overrides,
    manifests::Manifests,
    options::{Options, Verbosity},
    telling::Telling,
};

/// Keep a HAProxy that runs as a service at what the manifests say
///
/// gw applies the manifests, and again whenever they change, HAProxy is restarted or reloaded by
/// somebody else, or it gets SIGHUP; once a minute it compares everything. Ctrl-C or SIGTERM end gw
/// after the step under way, and leave HAProxy running. A flag that overrides a guard does so for as long
/// as gw runs; `gw apply` overrides it once. gw.yaml is read at the start, not again at SIGHUP.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw watch /etc/gw/manifests                HAProxy as Debian's service runs it
  gw watch manifests -v --socket /run/haproxy/admin.sock --master /run/haproxy-master.sock")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    verbosity: Verbosity,

    #[command(flatten)]
    pub(super) telling: Telling,

    #[command(flatten)]
    guards: Overrides,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let mut settings = args.guards.settings(&args.options)?;
    args.telling.complete(&mut settings);
    let source = args.manifests.source(&settings)?;
    let mut teller = args.telling.start(&settings, &source, args.verbosity.detail()).await?;
    let vitals = teller.vitals();
    let ended =
        crate::watch::run(&settings, &source, &vitals, &mut |event| teller.tell(event)).await;
    teller.end();
    ended?;
    Ok(Exit::Ok)
}
