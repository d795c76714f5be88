//! That something is not tried again.

use crate::{
    model::{Fault, Quarantine},
    report::snippet::{one_line, printable},
};

use super::utc;

/// One line that says what it is, since when, and why.
pub fn quarantined(quarantine: &Quarantine) -> String {
    let Quarantine { revision, fault, reason, since, .. } = quarantine;
    let (revision, reason, since) = (printable(revision), one_line(reason), utc(*since));
    match fault {
        Fault::Refused => format!("revision {revision} was refused at {since}: {reason}"),
        Fault::Broken => format!("revision {revision} broke the way back at {since}: {reason}"),
        Fault::Unhealthy => format!("revision {revision} was taken back at {since}: {reason}"),
    }
}
