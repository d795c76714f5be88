//! The `gw` command.

use std::{
    env,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // What is odd about an OpenPGP packet is told by the error, if it matters.
    let filter =
        EnvFilter::try_from_env("GW_LOG").unwrap_or_else(|_| EnvFilter::new("warn,pgp=off"));
    let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && !is_plain)
        .with_writer(io::stderr)
        .init();
    gw::cli::main(env::args_os())
}
