//! Options that several commands share.

use std::{path::PathBuf, time::Duration};

use crate::{
    haproxy::Endpoint,
    report::text::Detail,
    settings::{CONFIG, Given, Runs, Settings, SettingsError, parse_patience},
};

/// Where HAProxy is. Each option is also an environment variable and a line of gw.yaml.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "HAProxy")]
pub(super) struct Options {
    /// The runtime socket: a path, or host:port [default: that of Debian's service, where it is]
    ///
    /// The one of HAProxy's `stats socket` line, with `level admin`. Where none is named and
    /// Debian's package is installed, gw uses /run/haproxy/admin.sock, and with it
    /// /run/haproxy-master.sock and /etc/haproxy/haproxy.cfg.
    #[arg(long, value_name = "ADDRESS", env = "GW_SOCKET", hide_env_values = true)]
    socket: Option<Endpoint>,

    /// The master's socket (`haproxy -W -S`), for reloads
    #[arg(long, value_name = "ADDRESS", env = "GW_MASTER", hide_env_values = true)]
    master: Option<Endpoint>,

    /// Your own configuration, which HAProxy loads before gw's: never written, needed for checks
    #[arg(long, value_name = "FILE", env = "GW_BASE", hide_env_values = true)]
    base: Option<PathBuf>,

    /// The state directory; HAProxy loads its `current` [default: /var/lib/gw]
    #[arg(long, value_name = "DIR", env = "GW_STATE", hide_env_values = true)]
    state: Option<PathBuf>,

    /// The haproxy binary that checks configurations [default: haproxy]
    #[arg(long, value_name = "FILE", env = "GW_HAPROXY", hide_env_values = true)]
    haproxy: Option<PathBuf>,

    #[command(flatten)]
    waits: Waits,

    /// The file with gw's own settings [default: /etc/gw/gw.yaml, where it exists]
    ///
    /// Its lines are named like the options here: socket, master, base, state, haproxy,
    /// readyTimeout, removalTimeout; and `source`, the repository. Options and environment go before
    /// it. It is never looked for beside the manifests: a repository must not choose which binary
    /// runs here.
    #[arg(long, value_name = "FILE", env = "GW_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl Options {
    /// The file that the settings are read from; `None` where there is none.
    pub(super) fn config(&self) -> Option<PathBuf> {
        let usual = || Some(PathBuf::from(CONFIG)).filter(|path| path.exists());
        self.config.clone().or_else(usual)
    }

    /// The settings for an HAProxy that runs as a service.
    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        let Self { socket, master, base, state, haproxy, waits, config } = self;
        let given = Given {
            socket: socket.clone(),
            master: master.clone(),
            base: base.clone(),
            state: state.clone(),
            haproxy: haproxy.clone(),
            ready_timeout: waits.ready_timeout,
            removal_timeout: waits.removal_timeout,
            ..Given::default()
        };
        Settings::load(config.as_deref(), given, Runs::Service)
    }
}

/// How long to wait for servers.
#[derive(Debug, clap::Args)]
pub(super) struct Waits {
    /// How long a new server may take until its first good check [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_patience)]
    pub(super) ready_timeout: Option<Duration>,

    /// How long a removed server may take until its last request is answered [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = parse_patience)]
    pub(super) removal_timeout: Option<Duration>,
}

/// How much is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Verbosity {
    /// Show every step and the exact commands on HAProxy's socket
    #[arg(short, long)]
    verbose: bool,
}

impl Verbosity {
    pub(super) fn detail(&self) -> Detail {
        if self.verbose { Detail::Full } else { Detail::Brief }
    }
}
