//! `gw doctor`.

use crate::{
    doctor,
    report::{json, text},
    settings::{Listen, Settings},
};

use super::{
    error::CliError,
    exit::Exit,
    manifests::Manifests,
    options::Options,
    output::{self, Format},
};

/// Look for what is wrong with the set-up, and say how to mend it
///
/// Checks gw's settings, the state directory, HAProxy's sockets, its version and configuration, the
/// manifests or the Git server, signatures, and the HTTP listener. Changes nothing: takes no lock,
/// writes no file of gw's, and fetches nothing. Run it as the user that gw runs as.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sudo gw doctor
  gw doctor --git https://git.example.org/ops/sites.git --ref main --path sites/prod
  gw doctor --output json | jq '.checks[] | select(.state == \"failed\")'

Exit codes: 0 nothing has to be mended, though there may be warnings; 1 something has to.")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// The form of the result
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    /// Where `gw watch` is to answer HTTP; or off [default: 127.0.0.1:7049]
    #[arg(long, value_name = "ADDRESS|off", env = "GW_HTTP", hide_env_values = true)]
    http: Option<Listen>,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings().map(|settings| match args.http {
        Some(listen) => Settings { http: listen.address(), ..settings },
        None => settings,
    });
    let source = match &settings {
        Ok(settings) if args.manifests.is_named() || settings.source.address.is_some() => {
            Some(args.manifests.source(settings)?)
        }
        Ok(_) | Err(_) => None,
    };
    let config = args.options.config();
    let diagnosis = doctor::examine(config.as_deref(), settings.as_ref(), source.as_ref()).await;
    output::print(&match args.output {
        Format::Text => text::doctor(&diagnosis),
        Format::Json => json::to_text(&json::doctor(&diagnosis)),
    })?;
    Ok(if diagnosis.is_healthy() { Exit::Ok } else { Exit::Error })
}
