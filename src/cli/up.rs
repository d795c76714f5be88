//! `gw up`.

use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::{
    report::text::{self, Detail, Diff},
    up::{self, Event},
};

use super::{
    error::{self, CliError},
    exit::Exit,
    manifests::Manifests,
    options::{Options, Verbosity},
    output, plan,
};

const GOOD: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

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
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    verbosity: Verbosity,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let paths = &args.manifests.paths;
    let first = paths.first().map_or_else(|| Path::new("."), AsRef::as_ref);
    let settings = args.options.settings_beside(first)?;
    let mut teller = Teller { detail: args.verbosity.detail(), revision: String::new() };
    up::run(&settings, paths, &mut |event| teller.tell(&event)).await?;
    Ok(Exit::Ok)
}

/// Tells what happens.
struct Teller {
    detail: Detail,
    /// The revision of the last plan.
    revision: String,
}

impl Teller {
    fn tell(&mut self, event: &Event<'_>) {
        // HAProxy serves on even where nobody reads what gw tells.
        let say = |text: &str| drop(output::print(text));
        match event {
            Event::Started { pid, binary, socket } => say(&format!(
                "{GOOD}HAProxy runs{GOOD:#}: {}, master process {pid}, socket {}\n",
                binary.display(),
                socket.display()
            )),
            Event::Invalid(intent) => {
                error::show(&intent.problems, &intent.files);
                error::invalid(&intent.problems).report();
            }
            Event::Unreadable(error) => {
                CliError::from_error(Exit::Error, error).report();
            }
            Event::Planned(intent, pass) => {
                self.revision.clone_from(&intent.revision);
                say(&format!(
                    "\n{}",
                    text::plan(plan::view(intent, pass), self.detail, Diff::InFull)
                ));
            }
            Event::Applied { plan, report, took } => {
                say(&text::report(&self.revision, plan, report, self.detail));
                say(&format!("{DIM}It took {took:.1?}.{DIM:#}\n"));
            }
            Event::InSync { revision } => say(&format!("Revision {revision} runs already.\n")),
            Event::Failed(error) => {
                CliError::from(*error).report();
            }
            Event::Stopping => say("\nStopping HAProxy.\n"),
        }
    }
}
