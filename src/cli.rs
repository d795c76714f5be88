//! The command line. One file per command; each has its arguments, whose comments are the help, and
//! one `run`. Data goes to standard output, everything else to standard error.

mod apply;
mod blame;
mod carry_out;
mod completions;
mod confirm;
mod doctor;
mod drift;
mod error;
mod exit;
mod fetch_git;
mod git;
mod guards;
mod history;
mod hold;
mod init;
mod manifests;
mod options;
mod output;
mod plan;
mod progress;
mod render;
mod retry;
mod rollback;
mod saved;
mod schema;
mod show;
mod status;
mod suspend;
mod telling;
mod up;
mod validate;
mod watch;

use std::{
    env,
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, builder::Resettable};

use self::{error::CliError, exit::Exit};

/// GitOps for HAProxy, without Kubernetes
///
/// gw compares three states, the manifests in your Git repository, the configuration that HAProxy
/// would load, and the HAProxy that runs, shows where they differ, and makes them equal: by commands
/// on HAProxy's runtime socket where those can, else by one reload, and says which and why before.
#[derive(Debug, Parser)]
#[command(
    name = "gw",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "`gw --help` explains more, `gw help COMMAND` everything about a command.",
    after_long_help = exit::help(),
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Args),
    Render(render::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Drift(drift::Args),
    Hold(hold::HoldArgs),
    Release(hold::ReleaseArgs),
    Suspend(suspend::SuspendArgs),
    Resume(suspend::ResumeArgs),
    Retry(retry::Args),
    Up(up::Args),
    Watch(watch::Args),
    Init(init::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    History(history::Args),
    Show(show::Args),
    Blame(blame::Args),
    Rollback(rollback::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    FetchGit(fetch_git::Args),
}

/// The command line. A variable of the environment that is empty counts as not set, as scripts and
/// unit files mean it (`GW_MASTER=`).
fn command() -> clap::Command {
    let is_empty = |variable: &OsStr| env::var_os(variable).is_some_and(|value| value.is_empty());
    Cli::command().mut_subcommands(|command| {
        command.mut_args(|argument| match argument.get_env() {
            Some(variable) if is_empty(variable) => argument.env(Resettable::Reset),
            Some(_) | None => argument,
        })
    })
}

/// How much gw yields to others on a busy machine (`nice(2)`).
const NICE: i32 = 5;

/// Runs the command that `arguments` name and reports its error, if any.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A reader that left needs no message.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    telling::start_log(match &cli.command {
        Command::Up(args) => args.telling.log_format(),
        Command::Watch(args) => args.telling.log_format(),
        _ => None,
    });
    if !matches!(cli.command, Command::Up(_) | Command::FetchGit(_)) {
        // HAProxy's requests go before gw's own work. Before any thread starts, since each inherits
        // it. The HAProxy of `gw up` would, too, and gw's own children do. Where the system won't,
        // all is as without.
        let _ = rustix::process::nice(NICE);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("can't start: {error}");
            return CliError::new(Exit::Error, message).report().into();
        }
    };
    let went = runtime.block_on(run(cli.command));
    // A Git server that fell silent keeps nobody waiting: what fetches ends with gw.
    runtime.shutdown_background();
    match went {
        Ok(exit) => exit.into(),
        Err(error) => error.report().into(),
    }
}

async fn run(command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Validate(args) => validate::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Plan(args) => plan::run(&args).await,
        Command::Apply(args) => apply::run(&args).await,
        Command::Drift(args) => drift::run(&args).await,
        Command::Hold(args) => hold::hold(&args).await,
        Command::Release(args) => hold::release(&args).await,
        Command::Suspend(args) => suspend::suspend(&args).await,
        Command::Resume(args) => suspend::resume(&args).await,
        Command::Retry(args) => retry::run(&args).await,
        Command::Up(args) => Box::pin(up::run(&args)).await,
        Command::Watch(args) => watch::run(&args).await,
        Command::Init(args) => init::run(&args),
        Command::Status(args) => status::run(&args).await,
        Command::Doctor(args) => Box::pin(doctor::run(&args)).await,
        Command::History(args) => history::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Blame(args) => blame::run(&args),
        Command::Rollback(args) => rollback::run(&args).await,
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::FetchGit(args) => fetch_git::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn gw_knows_the_command_by_which_it_fetches() {
        let cli = Cli::try_parse_from(["gw", crate::source::git::COMMAND]);
        assert!(matches!(cli, Ok(Cli { command: Command::FetchGit(_) })));
    }

    #[test]
    fn help_names_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for exit in Exit::ALL {
            assert!(help.contains(exit.meaning()), "{help}");
        }
    }
}
