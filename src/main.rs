//! The `gw` command.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    gw::cli::main(env::args_os())
}
