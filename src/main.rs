//! The `gw` command.

use std::{env, io, process::ExitCode};

use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // What is odd about an OpenPGP packet is told by the error, if it matters.
    let filter =
        EnvFilter::try_from_env("GW_LOG").unwrap_or_else(|_| EnvFilter::new("warn,pgp=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    gw::cli::main(env::args_os())
}
