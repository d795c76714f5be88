//! What a gw that follows tells, and to whom.

use std::{
    fs,
    io::{self, IsTerminal as _},
    os::unix::fs::MetadataExt as _,
};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::{
    report::{
        WatchEvent,
        text::{self, Detail},
    },
    settings::{Listen, Settings},
    source::Source,
    telemetry::{self, Telemetry},
};

use super::{error::CliError, output};

/// What gw tells while it follows. Each option is also an environment variable.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Observability")]
pub(super) struct Telling {
    /// Where to answer /metrics, /healthz, /readyz, /v1/status and /v1/history; or off
    /// [default: 127.0.0.1:7049; off for gw up]
    #[arg(long, value_name = "ADDRESS|off", env = "GW_HTTP", hide_env_values = true)]
    http: Option<Listen>,

    /// Log lines on standard error, instead of the text for people on standard output
    /// [default: text where standard error goes to systemd's journal]
    #[arg(long, value_enum, env = "GW_LOG_FORMAT", hide_env_values = true)]
    log_format: Option<LogFormat>,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// A line of text for each event
    Text,
    /// A JSON object for each event
    Json,
}

/// Who is told.
pub(super) struct Teller {
    telemetry: Telemetry,
    is_log: bool,
    detail: Detail,
}

impl Telling {
    /// The form of log lines; `None` where people read along.
    pub(super) fn log_format(&self) -> Option<LogFormat> {
        self.log_format.or_else(|| is_journal().then_some(LogFormat::Text))
    }

    /// Puts what was said into the settings.
    pub(super) fn complete(&self, settings: &mut Settings) {
        if let Some(listen) = self.http {
            settings.http = listen.address();
        }
    }

    /// Begins to tell of a source.
    pub(super) async fn start(
        &self,
        settings: &Settings,
        source: &Source,
        detail: Detail,
    ) -> Result<Teller, CliError> {
        let telemetry = Telemetry::start(settings, source.is_verified()).await?;
        Ok(Teller { telemetry, is_log: self.log_format().is_some(), detail })
    }
}

impl Teller {
    /// Where the loop gives its signs of life.
    pub(super) fn vitals(&self) -> crate::watch::Vitals {
        self.telemetry.vitals()
    }

    /// Tells an event. HAProxy is kept up to date even where nobody reads it.
    pub(super) fn tell(&mut self, event: WatchEvent<'_>) {
        self.telemetry.tell(&event);
        if self.is_log {
            telemetry::log(&event);
        } else {
            let _ = output::print(&text::watch(event, self.detail));
        }
    }

    /// Tells the end.
    pub(super) fn end(self) {
        self.telemetry.end();
    }
}

/// Whether standard error goes to systemd's journal (`$JOURNAL_STREAM` in systemd.exec(5)).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2")
        .is_ok_and(|found| stream == format!("{}:{}", found.dev(), found.ino()))
}

/// Begins to write log lines to standard error: `GW_LOG` says which. Of a gw that does not log its
/// events (`format` is `None`), only what is remarkable.
pub(super) fn start_log(format: Option<LogFormat>) {
    // What is odd about an OpenPGP packet is told by the error, if it matters.
    let usual = if format.is_some() {
        "warn,gw=info,notify=off,pgp=off"
    } else {
        "warn,notify=off,pgp=off"
    };
    let filter = EnvFilter::try_from_env("GW_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !is_plain);
    match format {
        Some(LogFormat::Json) => log.json().flatten_event(true).with_span_list(false).init(),
        Some(LogFormat::Text) => log.with_target(false).init(),
        None => log.init(),
    }
}
