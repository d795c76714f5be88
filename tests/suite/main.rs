//! The one integration binary. Every file beside this one is listed here.

#[path = "../support/mod.rs"]
mod support;

mod command_line;
mod convergence;
mod faults;
mod hostile;
mod operators;
mod order;
mod rig;
mod support_works;
mod wire;
