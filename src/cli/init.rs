//! `gw init`.

use std::{fmt::Write as _, path::Path};

use crate::{init::init, settings::Settings, store::Store};

use super::{error::CliError, exit::Exit, options::Options, output};

/// Prepare the state directory for an HAProxy that somebody else runs
///
/// Writes an empty generation, so that HAProxy can start with it, and prints the lines that
/// HAProxy's service needs to load what gw writes. Does nothing where the directory is prepared.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sudo gw init
  gw init --state /srv/gw --base /etc/haproxy/haproxy.cfg")]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    let (generation, is_new) = init(&Store::new(&settings.state))?;
    let state = settings.state.display();
    let mut out = String::new();
    let _ = if is_new {
        writeln!(out, "{state} is ready, with an empty generation.")
    } else {
        writeln!(out, "{state} was ready before, at generation {}.", generation.number)
    };
    let _ = write!(out, "\n{}", service(&settings));
    output::print(&out)?;
    Ok(Exit::Ok)
}

/// What the service of HAProxy needs. Every path is absolute: 2.8 and 3.0 lose relative ones after
/// `default-path config`.
fn service(settings: &Settings) -> String {
    let current = settings.state.join("current");
    let current = current.display();
    let master = settings
        .master
        .as_ref()
        .map_or_else(|| "/run/haproxy-master.sock".to_owned(), ToString::to_string);
    let base = settings.base.as_deref().unwrap_or(Path::new("/etc/haproxy/haproxy.cfg")).display();
    let socket = settings
        .socket
        .as_ref()
        .map_or_else(|| "/run/haproxy/admin.sock".to_owned(), ToString::to_string);
    format!(
        "\
HAProxy must load gw's configuration after your own, and have an admin socket.

Debian's service: put this line into /etc/default/haproxy,

    EXTRAOPTS=\"-S {master} -f {current}\"

Any other: add the same to its command line,

    haproxy -W -S {master} -f {base} -f {current}

Your own configuration, {base}, needs in its `global` section:

    stats socket {socket} mode 660 level admin

Then restart HAProxy once (`systemctl restart haproxy`), and:

    gw doctor
    gw apply DIR
"
    )
}

#[cfg(test)]
mod tests {
    use crate::settings::{Given, Runs};

    use super::*;

    #[test]
    fn the_lines_for_the_service_have_its_paths() {
        let given = Given {
            socket: "/run/lb.sock".parse().ok(),
            state: Some("/srv/gw".into()),
            ..Given::default()
        };
        let settings = Settings::load(Some(Path::new("/dev/null")), given, Runs::Service).unwrap();
        let lines = service(&settings);
        for line in [
            "EXTRAOPTS=\"-S /run/haproxy-master.sock -f /srv/gw/current\"",
            "haproxy -W -S /run/haproxy-master.sock -f /etc/haproxy/haproxy.cfg -f /srv/gw/current",
            "stats socket /run/lb.sock mode 660 level admin",
        ] {
            assert!(lines.contains(line), "{lines}");
        }
    }
}
