//! Why guards refuse a plan.

use std::fmt::Write as _;

use crate::{guard::Refusal, report::snippet::printable};

use super::style::{BAD, HEADING};

/// What stands below a plan that guards refuse; nothing where none does.
pub fn refusals(refusals: &[Refusal]) -> String {
    let mut out = String::new();
    if refusals.is_empty() {
        return out;
    }
    let _ = writeln!(out, "\n{BAD}Refused: `gw apply` would not carry this out{BAD:#}");
    for refusal in refusals {
        let because = refusal.to_string();
        let name = refusal.guard().name();
        let _ = writeln!(out, "  {HEADING}{name}{HEADING:#}: {}", printable(&because));
        let _ = writeln!(out, "      if that is meant, pass {}", refusal.flag());
    }
    out
}
