//! The one error of the command line: how the command ends, what went wrong with all its causes,
//! and what to do. Printed once, here.

use std::{error::Error, fmt::Write as _, io, sync::Arc};

use anstyle::{AnsiColor, Style};

use crate::{
    apply::ReloadError,
    model::{Problems, SourceFile},
    reconcile::ReconcileError,
    report::snippet::{self, printable},
    settings::SettingsError,
    source::LoadError,
    store::StoreError,
    telemetry::TelemetryError,
    up::UpError,
    watch::WatchError,
};

use super::{exit::Exit, guards, output};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Why a command did not succeed.
#[derive(Debug)]
pub(super) struct CliError {
    exit: Exit,
    /// The message and its causes, outermost first. Empty where nothing is left to say.
    chain: Vec<String>,
    hints: Vec<String>,
}

impl CliError {
    /// An error of the command itself.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, chain: vec![message.into()], hints: Vec::new() }
    }

    /// An error of which everything has been said.
    pub(super) fn told(exit: Exit) -> Self {
        Self { exit, chain: Vec::new(), hints: Vec::new() }
    }

    /// An error with its causes.
    fn from_error(exit: Exit, error: &dyn Error) -> Self {
        Self::told(exit).because(error)
    }

    /// Adds the cause.
    pub(super) fn because(mut self, error: &dyn Error) -> Self {
        self.chain.extend(chain(error));
        self
    }

    /// Adds a cause in words.
    pub(super) fn reason(mut self, reason: impl Into<String>) -> Self {
        self.chain.push(reason.into());
        self
    }

    /// Adds what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints it and tells how the command ends.
    pub(super) fn report(self) -> Exit {
        output::eprint(&self.to_text());
        self.exit
    }

    /// The same as a remark, where the command goes on.
    pub(super) fn as_warning(&self) -> String {
        warning(&self.chain.join(": ")) + "\n"
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some((message, causes)) = self.chain.split_first() {
            let _ = writeln!(text, "{ERROR}error{ERROR:#}: {}", lines(message));
            for cause in causes {
                let _ = writeln!(text, "  because: {}", lines(cause));
            }
        }
        for hint in &self.hints {
            let _ = writeln!(text, "{HINT}hint{HINT:#}: {}", lines(hint));
        }
        text
    }
}

/// A message and the messages of its causes.
fn chain(error: &dyn Error) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
}

/// A text of several lines, each without control characters and indented below the first.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n    ")
}

/// The manifests, or gw's own settings, have errors: they are shown, and nothing is touched.
pub(super) fn show(problems: &Problems, files: &[Arc<SourceFile>]) {
    output::eprint(&snippet::problems(problems, files, true));
}

/// A remark that is no error.
pub(super) fn warning(message: &str) -> String {
    format!("{WARNING}warning{WARNING:#}: {}", lines(message))
}

impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        if let SettingsError::Invalid { file, problems } = &error {
            show(problems, std::slice::from_ref(file));
        }
        let exit = match error {
            SettingsError::NoSocket => Exit::Unreachable,
            SettingsError::Read { .. }
            | SettingsError::TooLarge { .. }
            | SettingsError::Invalid { .. }
            | SettingsError::WorkingDirectory { .. } => Exit::Error,
        };
        let said = Self::from_error(exit, &error);
        match error.hint() {
            Some(hint) => said.hint(hint),
            None => said,
        }
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        let exit = match error {
            LoadError::Git(_) => Exit::Source,
            LoadError::Nothing
            | LoadError::Empty(_)
            | LoadError::Io { .. }
            | LoadError::TooManyFiles { .. }
            | LoadError::TooLarge => Exit::Error,
        };
        let said = Self::from_error(exit, &error);
        match error.hint() {
            Some(hint) => said.hint(hint),
            None => said,
        }
    }
}

impl From<ReconcileError> for CliError {
    fn from(error: ReconcileError) -> Self {
        if let ReconcileError::Guarded(refusals) = &error {
            return guards::refused(refusals);
        }
        let exit = match &error {
            ReconcileError::Store(StoreError::Locked { .. })
            | ReconcileError::Reload(ReloadError::Store(StoreError::Locked { .. })) => Exit::Locked,
            ReconcileError::Socket(_)
            | ReconcileError::Gone
            | ReconcileError::NotRunning { .. }
            | ReconcileError::NotLoaded { .. }
            | ReconcileError::OtherState { .. }
            | ReconcileError::NoReload
            | ReconcileError::OtherSocket { .. }
            | ReconcileError::Settings(SettingsError::NoSocket) => Exit::Unreachable,
            ReconcileError::Guarded(_) => Exit::Guarded,
            ReconcileError::Suspended(_) => Exit::Suspended,
            ReconcileError::Invalid => Exit::Invalid,
            ReconcileError::Hold(_)
            | ReconcileError::Settings(_)
            | ReconcileError::Store(_)
            | ReconcileError::Reload(_)
            | ReconcileError::Check(_)
            | ReconcileError::States(_)
            | ReconcileError::NoGeneration { .. } => Exit::Error,
            ReconcileError::Stale => Exit::Stale,
        };
        let said = Self::from_error(exit, &error);
        match error.hint() {
            Some(hint) => said.hint(hint),
            None => said,
        }
    }
}

impl From<TelemetryError> for CliError {
    fn from(error: TelemetryError) -> Self {
        let said = Self::from_error(Exit::Error, &error);
        match error.hint() {
            Some(hint) => said.hint(hint),
            None => said,
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        ReconcileError::from(error).into()
    }
}

impl From<WatchError> for CliError {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Store(error) => error.into(),
            WatchError::Files(_) | WatchError::Signals(_) => Self::from_error(Exit::Error, &error),
        }
    }
}

impl From<UpError> for CliError {
    fn from(error: UpError) -> Self {
        match error {
            UpError::Load(error) => error.into(),
            UpError::Store(error) => error.into(),
            UpError::Watch(error) => error.into(),
            UpError::Io { .. } | UpError::Binary(_) => Self::from_error(Exit::Error, &error),
            UpError::Haproxy { .. } => Self::from_error(Exit::Unreachable, &error),
        }
    }
}

/// Output that can't be written.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Whoever read our output has seen enough (`gw plan | head`).
            io::ErrorKind::BrokenPipe => Self::told(Exit::Error),
            _ => Self::new(Exit::Error, "cannot write the output").because(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn causes_and_hints_have_their_own_lines() {
        let source = io::Error::new(io::ErrorKind::NotFound, "no such\u{7} file\nat all");
        let error = LoadError::Io { path: "manifests".into(), source };
        let error = CliError::from(error).hint("name a directory");
        assert_eq!(
            strip_str(&error.to_text()).to_string(),
            "error: cannot read manifests\n  because: no such\\u{7} file\n    at all\n\
             hint: name a directory\n"
        );
    }

    #[test]
    fn a_reader_that_left_is_told_nothing() {
        assert_eq!(CliError::from(io::Error::from(io::ErrorKind::BrokenPipe)).to_text(), "");
    }
}
