//! Colours and signs.

use anstyle::{AnsiColor, Style};

use crate::plan::{Action, Mechanism};

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
pub(super) const PLACE: Style = AnsiColor::Cyan.on_default();

/// Green for what comes, yellow for what changes, red for what goes.
pub(super) fn of_action(action: Action) -> Style {
    match action {
        Action::Add => GOOD,
        Action::Change => WARN,
        Action::Remove => BAD,
    }
}

/// The sign at the start of a line, in its colour.
pub(super) fn sign(action: Action) -> String {
    let sign = match action {
        Action::Add => '+',
        Action::Change => '~',
        Action::Remove => '-',
    };
    let style = of_action(action);
    format!("{style}{sign}{style:#}")
}

/// `[runtime]` or `[reload]`.
pub(super) fn tag(mechanism: Mechanism) -> String {
    let style = match mechanism {
        Mechanism::Runtime => GOOD,
        Mechanism::Reload => WARN,
    };
    format!("{style}[{}]{style:#}", mechanism.as_str())
}
