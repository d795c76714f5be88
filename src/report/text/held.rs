//! What operators set by hand.

use std::fmt::Write as _;

use crate::{
    diff::{Held, HeldState},
    report::snippet::printable,
};

use super::{style::HEADING, utc};

/// The part about holds, or nothing where there are none.
pub(super) fn write(out: &mut String, held: &[Held]) {
    if held.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{HEADING}Held by an operator: left alone{HEADING:#}");
    for Held { backend, server, state, hold } in held {
        let what = match state {
            HeldState::Maintenance => "in maintenance".to_owned(),
            HeldState::Drain => "draining".to_owned(),
            HeldState::Weight { to, from } => format!("weight {to} instead of {from}"),
        };
        let _ = write!(out, "  server {}/{}: {what}", backend, printable(server.as_str()));
        let _ = match hold {
            None => writeln!(out),
            Some(hold) => writeln!(
                out,
                ", by {} until {}: {}",
                printable(&hold.owner),
                utc(hold.until),
                printable(&hold.reason)
            ),
        };
    }
}
