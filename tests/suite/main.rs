//! The one integration binary. Every file beside this one is listed here.

#[path = "../support/mod.rs"]
mod support;

mod approval;
mod cases;
mod command_line;
mod convergence;
mod doctor;
mod drift;
mod faults;
mod following;
mod git;
mod growth;
mod guards;
mod health_gate;
mod history;
mod holds;
mod hostile;
mod kills;
mod layering;
mod observability;
mod operators;
mod order;
mod protocols;
mod readme;
mod rig;
mod seeds;
mod soak;
mod support_works;
mod suspension;
mod table;
mod trust;
mod wire;
mod world;
mod zero_loss;
