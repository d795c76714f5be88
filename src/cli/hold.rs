//! `gw hold` and `gw release`.

use std::{str::FromStr, time::Duration};

use crate::{
    model::{BackendName, HoldState, ServerName},
    reconcile::{HoldRequest, Reconciler},
    report::text::utc,
    settings::parse_span,
};

use super::{error::CliError, exit::Exit, options::Options, output};

/// Drain a server, take it out of service, or give it another weight, for a while
///
/// Done at once. Until its end it goes before what the manifests say, also after a reload or restart of
/// HAProxy, whose next gw apply (or gw watch) sets it again. gw plan, gw status and gw drift show who
/// holds what, until when and why. After its end the next gw apply (or gw watch) gives the server back.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw hold web/web-2 --drain --for 2h --reason 'INC-42: memory'
  gw hold web/web-2 --weight 10 --for 30m --reason 'warming up'
  gw release web/web-2")]
pub(super) struct HoldArgs {
    /// The server, as gw status names it
    #[arg(value_name = "BACKEND/SERVER")]
    server: Path,

    #[command(flatten)]
    state: StateArgs,

    /// For how long, such as 30m, 2h or 3d
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    span: Duration,

    /// Why, for those who find it held
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    options: Options,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct StateArgs {
    /// No new clients; those bound to it stay
    #[arg(long)]
    drain: bool,

    /// Out of service
    #[arg(long)]
    maint: bool,

    /// This share of the load, 0 to 256
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=256))]
    weight: Option<u16>,
}

/// End a hold: give a server back to its manifest, at once
#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArgs {
    /// The server, as gw status names it
    #[arg(value_name = "BACKEND/SERVER")]
    server: Path,

    #[command(flatten)]
    options: Options,
}

/// A server by its backend.
#[derive(Clone, Debug)]
struct Path {
    backend: BackendName,
    server: ServerName,
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(backend, server)| {
                Some(Self {
                    backend: BackendName::from_haproxy(backend)?,
                    server: ServerName::from_haproxy(server)?,
                })
            })
            .ok_or_else(|| "name it as BACKEND/SERVER, such as web/web-2".to_owned())
    }
}

pub(super) async fn hold(args: &HoldArgs) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    settings.socket()?;
    let state = match (args.state.weight, args.state.drain) {
        (Some(weight), _) => HoldState::Weight(weight),
        (None, true) => HoldState::Drain,
        (None, false) => HoldState::Maintenance,
    };
    let Path { backend, server } = &args.server;
    let request = HoldRequest { state, reason: args.reason.clone(), span: args.span };
    let hold = Reconciler::new(&settings).hold(backend, server, request).await?;
    let until = utc(hold.until);
    output::print(&format!("Held until {until}: {backend}/{server} {}.\n", hold.state))?;
    Ok(Exit::Ok)
}

pub(super) async fn release(args: &ReleaseArgs) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    settings.socket()?;
    let Path { backend, server } = &args.server;
    let is_done = Reconciler::new(&settings).release(backend, server).await?;
    let said = if is_done { "is as its manifest says" } else { "starts as its manifest says" };
    output::print(&format!("Released: {backend}/{server} {said}.\n"))?;
    Ok(Exit::Ok)
}
