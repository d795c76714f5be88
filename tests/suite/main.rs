//! The one integration binary. Every file beside this one is listed here.

#[path = "../support/mod.rs"]
mod support;

mod protocols;
mod support_works;
mod wire;
