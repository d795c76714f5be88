//! `gw validate`.

use std::collections::BTreeSet;

use crate::{
    model::{Desired, Severity},
    reconcile::Reconciler,
    report::{json, text::counted},
};

use super::{
    error::{self, CliError},
    exit::Exit,
    manifests::{self, Manifests},
    options::Options,
    output::{self, Format},
};

/// Check manifests: all problems at once, each with its place and what to do
///
/// Needs no HAProxy.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw validate manifests
  gw validate manifests/shop.yaml manifests/api.yaml
  gw validate --deny-warnings --output json manifests     in CI
  gw validate --git https://git.example.org/ops/sites.git --ref main --path sites/prod

Exit codes: 0 the manifests are valid, 16 they are not.")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Count warnings as errors
    #[arg(long)]
    deny_warnings: bool,

    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    let mut reconciler = Reconciler::new(&settings);
    let intent = manifests::read(&args.manifests.source(&settings)?, &mut reconciler)?;
    let errors = intent.problems.count(Severity::Error);
    let warnings = intent.problems.count(Severity::Warning);
    match args.output {
        Format::Json => output::print(&json::to_text(&json::problems(&intent.problems)))?,
        Format::Text => {
            error::show(&intent.problems, &intent.files);
            let found = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
            // Those that can't be read are files, too.
            let bad = intent.problems.iter().map(|problem| &*problem.at.file);
            let read = intent.files.iter().map(|file| &*file.path);
            let files = counted(read.chain(bad).collect::<BTreeSet<&str>>().len(), "file");
            let verdict = if errors == 0 {
                format!("{files}: {}; {found}", contents(&intent.desired))
            } else {
                format!("{files}: {found}")
            };
            output::print(&format!("{verdict}\n"))?;
        }
    }
    let is_bad = errors > 0 || (args.deny_warnings && warnings > 0);
    Ok(if is_bad { Exit::Invalid } else { Exit::Ok })
}

/// What the manifests make, in numbers.
fn contents(desired: &Desired) -> String {
    let servers = desired.backends.values().map(|backend| backend.servers.len()).sum();
    format!(
        "{}, {}, {}",
        counted(desired.frontends.len(), "frontend"),
        counted(desired.backends.len(), "backend"),
        counted(servers, "server"),
    )
}
