//! `gw suspend` and `gw resume`.

use std::time::Duration;

use crate::{
    control::lock_soon,
    fault::{self, Point},
    journal::{self, Journal},
    model::Suspension,
    report::{json::CauseWord, text::utc},
    settings::parse_span,
    store::{self, Store},
};

use super::{error::CliError, exit::Exit, options::Options, output};

/// Stop following the manifests: gw apply refuses, and gw watch only looks
///
/// For an incident, or for work by hand that gw shall not correct. HAProxy goes on as it is; gw plan,
/// gw drift and gw status go on to tell what differs. Who did it, why and until when is shown there.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw suspend --reason 'INC-42: moving the database' --for 2h
  gw apply manifests --even-if-suspended    this one time
  gw resume")]
pub(super) struct SuspendArgs {
    /// Why, for those who find it suspended
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// When it ends by itself, such as 30m, 2h or 3d [default: never]
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    span: Option<Duration>,

    #[command(flatten)]
    options: Options,
}

/// Follow the manifests again, after gw suspend
///
/// Changes nothing itself: the next gw apply does, or within a second a gw watch that runs.
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    options: Options,
}

pub(super) async fn suspend(args: &SuspendArgs) -> Result<Exit, CliError> {
    let store = Store::new(&args.options.settings()?.state);
    let lock = lock_soon(&store).await?;
    let since = store::now();
    let suspension = Suspension {
        reason: args.reason.clone(),
        by: journal::who(CauseWord::Suspend).person(),
        since,
        until: args.span.map(|span| since + span.as_secs()),
        ends_with: None,
        files: None,
    };
    let before = Suspension::read(&store)?;
    suspension.write(&store)?;
    fault::at(Point::SuspensionWritten);
    Journal::of(&store).tell(&lock, CauseWord::Suspend, &args.reason)?;
    let end = match suspension.until {
        Some(until) => format!("until {}", utc(until)),
        None => "until `gw resume`".to_owned(),
    };
    let instead = match before.filter(|before| !before.is_over(since, None)) {
        Some(before) => format!(" This is in place of what {} had said.", before.by),
        None => String::new(),
    };
    output::print(&format!("Suspended {end}. HAProxy goes on as it is.{instead}\n"))?;
    Ok(Exit::Ok)
}

pub(super) async fn resume(args: &ResumeArgs) -> Result<Exit, CliError> {
    let store = Store::new(&args.options.settings()?.state);
    let lock = lock_soon(&store).await?;
    let said = if Suspension::remove(&store)? {
        fault::at(Point::SuspensionWritten);
        Journal::of(&store).tell(&lock, CauseWord::Resume, "the manifests are followed again")?;
        "Resumed: the next `gw apply`, or a `gw watch` that runs, makes HAProxy what the manifests say.\n"
    } else {
        "Nothing was suspended.\n"
    };
    output::print(said)?;
    Ok(Exit::Ok)
}
