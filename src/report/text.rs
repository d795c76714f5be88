//! Views for people.

mod doctor;
mod drift;
mod held;
mod history;
mod plan;
mod quarantined;
mod refusals;
mod report;
mod status;
mod style;
mod suspended;
mod watch;

pub use self::{
    doctor::doctor,
    drift::drift,
    history::{blame, blame_nobody, history, record},
    plan::plan,
    quarantined::quarantined,
    refusals::refusals,
    report::report,
    status::{status, unmet, unread, utc},
    suspended::suspended,
    watch::watch,
};

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What a reviewer needs. Long lists are folded, removals apart.
    #[default]
    Brief,
    /// Every step, and every command on HAProxy's socket.
    Full,
}

/// Whether the diff of the configuration is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Diff {
    /// Where HAProxy must load it anew.
    #[default]
    OfReloads,
    /// Always.
    Always,
    /// Only together with everything else ([`Detail::Full`]).
    InFull,
}

/// A number with its noun: `1 command`, `2 commands`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// "no reload", "one reload", "2 reloads".
fn reloads(number: usize) -> String {
    match number {
        0 => "no reload".to_owned(),
        1 => "one reload".to_owned(),
        several => counted(several, "reload"),
    }
}

#[cfg(test)]
mod tests;
