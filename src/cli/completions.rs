//! `gw completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, error::CliError, exit::Exit, output};

/// Print a script that completes gw's commands and options in a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw completions bash > /etc/bash_completion.d/gw
  gw completions zsh > ~/.zfunc/_gw
  gw completions fish > ~/.config/fish/completions/gw.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gw", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
