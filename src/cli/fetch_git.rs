//! `gw fetch-git`: what gw starts itself as to talk to a Git server. Not for people.

use std::io;

use crate::source::git;

use super::{error::CliError, exit::Exit};

/// Fetch from a Git server, as standard input says
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<Exit, CliError> {
    git::serve(io::stdin().lock(), io::stdout().lock())?;
    Ok(Exit::Ok)
}
