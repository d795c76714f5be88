//! `gw rollback`.

use crate::{
    control::Suspension,
    journal::{Journal, who},
    reconcile::Reconciler,
    report::{
        json::{self, CauseWord},
        text::{self, Diff},
    },
    store::{self, Store, StoreError},
};

use super::{
    apply::exit,
    confirm,
    error::CliError,
    exit::Exit,
    guards::{self, Overrides},
    options::{Options, Verbosity},
    output::{self, Format},
    plan::view,
    progress::Bar,
};

/// Go back to an earlier generation: what ran before, at once
///
/// Makes the running HAProxy equal to a generation in the state directory, by the same means as
/// `gw apply`: shows the plan, asks where it removes something or reloads, and reports. Following the
/// manifests is suspended then, until another revision comes than the one that was left.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw rollback                               to the generation before the current one
  gw rollback 41 --yes                      to generation 41, without a question

`gw history` tells which generation was made of what. The last ten are kept. Correct the manifests
next: `gw apply` brings back what they say.")]
pub(super) struct Args {
    /// The number of the generation [default: the one before the current one]
    #[arg(value_name = "N")]
    generation: Option<u64>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    verbosity: Verbosity,

    /// The form of the report
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,

    #[command(flatten)]
    guards: Overrides,

    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args) -> Result<Exit, CliError> {
    let mut settings = args.options.settings()?;
    args.guards.apply(&mut settings);
    settings.socket()?;
    let store = Store::new(&settings.state);
    let mut reconciler = Reconciler::new(&settings);
    let (intent, generation) = reconciler.go_back(args.generation)?;
    let about = format!("rolled back to generation {}", generation.number);
    // Whoever asks for this wants it now; it puts a suspension of its own in place.
    reconciler.set_even_if_suspended(true);
    reconciler.act_as(CauseWord::Rollback);
    reconciler.tell_about(&about);
    let mut pass = reconciler.plan(&intent).await?;
    let detail = args.verbosity.detail();
    let shown = || text::plan(view(&intent, &pass), detail, Diff::OfReloads) + "\n";
    match (args.output, args.yes) {
        (Format::Text, _) => output::print(&shown())?,
        (Format::Json, false) => output::eprint(&shown()),
        (Format::Json, true) => {}
    }
    if !pass.refusals.is_empty() {
        return Err(guards::refused(&pass.refusals));
    }
    if !args.yes {
        pass.hang_up();
        confirm::confirm(view(&intent, &pass))?;
    }
    let (plan, remarks) = (pass.plan.clone(), pass.remarks.clone());
    // In force before anything changes: whoever follows the manifests must not undo it.
    let earlier = Suspension::read(&store)?;
    let suspension = suspension(&store, about)?;
    suspension.write(&store)?;
    let mut bar = Bar::new();
    let went = reconciler.apply(&intent, pass, &mut |progress| bar.show(&progress)).await;
    drop(bar);
    let is_there = went
        .as_ref()
        .is_ok_and(|report| matches!(exit(report), Exit::Ok | Exit::Incomplete | Exit::Error));
    if !is_there {
        match earlier {
            Some(earlier) => drop(earlier.write(&store)?),
            None => drop(Suspension::remove(&store)?),
        }
    }
    let mut report = went?;
    let told = match args.output {
        Format::Json => json::to_text(&json::report(&intent.revision, &plan, &report)),
        Format::Text => {
            // The plan said these.
            report.remarks.retain(|remark| !remarks.contains(remark));
            text::report(&intent.revision, &plan, &report, detail)
        }
    };
    // What was done counts, even where nobody reads the report.
    let _ = output::print(&told);
    if is_there {
        output::eprint(&stated(&suspension));
    }
    Ok(exit(&report))
}

/// What keeps the manifests that were left from coming back.
fn suspension(store: &Store, reason: String) -> Result<Suspension, StoreError> {
    Ok(Suspension {
        reason,
        by: who(CauseWord::Rollback).person(),
        since: store::now(),
        until: None,
        ends_with: left(store)?,
    })
}

/// The revision that is left: the last one that gw was at, whether or not that went well.
fn left(store: &Store) -> Result<Option<String>, StoreError> {
    for record in Journal::of(store).records()? {
        let record = record?;
        if record.who.command != CauseWord::Rollback && record.revision.is_some() {
            return Ok(record.revision);
        }
    }
    Ok(store.current()?.map(|current| current.metadata.revision))
}

fn stated(suspension: &Suspension) -> String {
    let left = suspension.ends_with.as_deref().unwrap_or("of before");
    format!(
        "Following the manifests is suspended: {}. Another revision than {left} ends that.\n",
        suspension.reason
    )
}
