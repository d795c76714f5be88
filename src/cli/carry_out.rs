//! What `gw apply` and `gw rollback` have in common: around a plan that is carried out, and after it.

use crate::{
    intent::Intent,
    plan::{Loading, Plan, Report},
    reconcile::Pass,
    report::{
        json,
        text::{self, Detail, Diff},
    },
};

use super::{
    confirm,
    error::CliError,
    exit::Exit,
    guards,
    output::{self, Format},
    plan::view,
};

/// Shows the plan before it is carried out.
pub(super) fn show(
    intent: &Intent,
    pass: &Pass,
    output: Format,
    is_approved: bool,
    detail: Detail,
) -> Result<(), CliError> {
    let shown = || text::plan(view(intent, pass), detail, Diff::OfReloads) + "\n";
    // Standard output is the report's where that is JSON; then the plan is shown for the question.
    match (output, is_approved) {
        (Format::Text, _) => output::print(&shown())?,
        (Format::Json, false) => output::eprint(&shown()),
        (Format::Json, true) => {}
    }
    Ok(())
}

/// Goes on only with what no guard refuses, and asks where nobody approved it before.
pub(super) fn admit(intent: &Intent, pass: &mut Pass, is_approved: bool) -> Result<(), CliError> {
    if !pass.refusals.is_empty() {
        return Err(guards::refused(&pass.refusals));
    }
    if !is_approved {
        pass.hang_up();
        confirm::confirm(view(intent, pass))?;
    }
    Ok(())
}

/// Tells what became of a plan with these remarks.
pub(super) fn tell(
    intent: &Intent,
    plan: &Plan,
    remarks: &[String],
    report: &mut Report,
    output: Format,
    detail: Detail,
) {
    let told = match output {
        Format::Json => json::to_text(&json::report(&intent.revision, plan, report)),
        Format::Text => {
            // The plan said these.
            report.remarks.retain(|remark| !remarks.contains(remark));
            text::report(&intent.revision, plan, report, detail)
        }
    };
    // What was done counts, even where nobody reads the report.
    let _ = output::print(&told);
}

/// How the command ends after a report.
pub(super) fn exit(report: &Report) -> Exit {
    match &report.loading {
        Loading::Broken { .. } => Exit::Broken,
        Loading::Refused { .. } => Exit::Refused,
        Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => {
            if report.has_failed() {
                Exit::Error
            } else if report.is_complete() {
                Exit::Ok
            } else {
                Exit::Incomplete
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Outcome;

    use super::*;

    fn ends(loading: Loading, outcomes: &[Outcome]) -> Exit {
        exit(&Report { outcomes: outcomes.to_vec(), loading, ..Report::nothing(None) })
    }

    #[test]
    fn the_worst_decides_how_an_apply_ends() {
        let why = || "why".to_owned();
        let pending = Outcome::Pending(why());
        let running = || Loading::Running;
        assert_eq!(ends(running(), &[]), Exit::Ok);
        assert_eq!(ends(Loading::AtStart, &[Outcome::Done]), Exit::Ok);
        assert_eq!(ends(running(), &[Outcome::Done, pending.clone()]), Exit::Incomplete);
        assert_eq!(ends(running(), &[Outcome::Skipped(why())]), Exit::Incomplete);
        assert_eq!(ends(running(), &[pending, Outcome::Failed(why())]), Exit::Error);
        let skipped = [Outcome::Skipped(why())];
        let refused = Loading::Refused { message: why(), generation: why() };
        assert_eq!(ends(refused, &skipped), Exit::Refused);
        assert_eq!(ends(Loading::Broken { message: why() }, &skipped), Exit::Broken);
    }
}
