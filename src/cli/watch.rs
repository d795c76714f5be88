//! `gw watch`.

use crate::{report::text, source::Source};

use super::{
    error::CliError,
    exit::Exit,
    manifests::Manifests,
    options::{Options, Verbosity},
    output,
};

/// Keep a HAProxy that runs as a service at what the manifests say
///
/// gw applies the manifests, and again whenever they change, HAProxy is restarted or reloaded by
/// somebody else, or it gets SIGHUP; once a minute it compares everything. Ctrl-C or SIGTERM end gw
/// after the step under way, and leave HAProxy running.
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
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    settings.socket()?;
    let detail = args.verbosity.detail();
    let Source::Paths(paths) = args.manifests.source(&settings)? else {
        return Err(CliError::new(Exit::Usage, "gw watch does not follow repositories yet"));
    };
    crate::watch::run(&settings, &paths, &mut |event| {
        // HAProxy is kept up to date even where nobody reads what gw tells.
        let _ = output::print(&text::watch(event, detail));
    })
    .await?;
    Ok(Exit::Ok)
}
