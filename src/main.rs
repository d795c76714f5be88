//! The `gw` command.

fn main() {}
