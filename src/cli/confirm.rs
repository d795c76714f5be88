//! The question before something is taken away or HAProxy is reloaded.

use crate::report::{PlanView, text};

use super::{error::CliError, exit::Exit, output};

/// Asks whether to go on, where that is a question.
pub(super) fn confirm(view: PlanView<'_>) -> Result<(), CliError> {
    let Some(what) = disturbance(view) else { return Ok(()) };
    match output::ask(&format!("This {what}. Go on?"))? {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::new(Exit::Error, "not confirmed; nothing was changed")),
        None => {
            let message =
                format!("this {what}, and there is no terminal to ask on; nothing was changed");
            let error = CliError::new(Exit::Error, message);
            Err(error.hint("pass --yes to go on without being asked"))
        }
    }
}

/// What of a plan is worth a question: that it removes something, or reloads.
fn disturbance(view: PlanView<'_>) -> Option<String> {
    let removed = text::counted(view.plan.summary().remove, "object");
    match (view.plan.summary().remove, view.reloads()) {
        (0, false) => None,
        (0, true) => Some("reloads HAProxy".to_owned()),
        (_, false) => Some(format!("removes {removed}")),
        (_, true) => Some(format!("removes {removed} and reloads HAProxy")),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::samples;

    use super::*;

    #[test]
    fn only_what_removes_or_reloads_is_asked() {
        let (runtime, reload) = (samples::runtime_plan(), samples::reload_plan());
        let asks = |view| disturbance(view).unwrap_or_default();
        assert_eq!(asks(samples::view(&runtime)), "");
        assert_eq!(asks(samples::view(&reload)), "removes 1 object and reloads HAProxy");
        let stopped = PlanView { running: false, ..samples::view(&reload) };
        assert_eq!(asks(stopped), "removes 1 object");
        assert_eq!(asks(samples::view(&samples::long_plan())), "removes 15 objects");
    }
}
