//! The one integration binary. Every file beside this one is listed here.

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod command_line;
mod protocols;
mod support_works;
mod wire;
mod world;
