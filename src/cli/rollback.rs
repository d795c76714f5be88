//! `gw rollback`.

use crate::{
    control::lock_soon,
    fault::{self, Point},
    journal::who,
    model::{Suspension, Wanted},
    reconcile::Reconciler,
    render::digest_of_files,
    report::json::CauseWord,
    store::{self, Store, StoreError},
};

use super::{
    carry_out,
    error::CliError,
    exit::Exit,
    guards::Overrides,
    options::{Options, Verbosity},
    output::{self, Format},
    progress::Bar,
};

/// Go back to an earlier generation: what ran before, at once
///
/// Makes the running HAProxy equal to a generation in the state directory, by the same means as
/// `gw apply`: shows the plan, asks where it removes something or reloads, and reports. Following the
/// manifests is suspended then, until they ask for something else than what was left.
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
    let settings = args.guards.settings(&args.options)?;
    let store = Store::new(&settings.state);
    let mut reconciler = Reconciler::new(&settings);
    let (intent, generation) = reconciler.go_back(args.generation)?;
    let about = format!("rolled back to generation {}", generation.number);
    // Whoever asks for this wants it now; it puts a suspension of its own in place.
    reconciler.set_even_if_suspended(true);
    reconciler.wait_for_lock();
    reconciler.act_as(CauseWord::Rollback);
    reconciler.tell_about(Some(about.clone()));
    let mut pass = reconciler.plan(&intent).await?;
    let detail = args.verbosity.detail();
    carry_out::show(&intent, &pass, args.output, args.yes, detail)?;
    carry_out::admit(&intent, &mut pass, args.yes)?;
    let (plan, remarks) = (pass.plan.clone(), pass.remarks.clone());
    // In force before anything changes: whoever follows the manifests must not undo it.
    let lock = lock_soon(&store).await?;
    let earlier = Suspension::read(&store)?;
    let suspension = suspension(&store, earlier.as_ref(), about)?;
    suspension.write(&store)?;
    drop(lock);
    fault::at(Point::RollbackDue);
    let mut bar = Bar::new();
    let went = reconciler.apply(&intent, pass, &mut |progress| bar.show(&progress)).await;
    drop(bar);
    let is_there = went.as_ref().is_ok_and(|report| {
        matches!(carry_out::exit(report), Exit::Ok | Exit::Incomplete | Exit::Error)
    });
    if !is_there {
        match earlier {
            Some(earlier) => drop(earlier.write(&store)?),
            None => drop(Suspension::remove(&store)?),
        }
    }
    let mut report = went?;
    carry_out::tell(&intent, &plan, &remarks, &mut report, args.output, detail);
    if is_there {
        output::eprint(&stated(&suspension));
    }
    Ok(carry_out::exit(&report))
}

/// What keeps the manifests that were left from coming back. Where somebody else had suspended
/// following, only `gw resume` ends it: new manifests did not end that either.
fn suspension(
    store: &Store,
    earlier: Option<&Suspension>,
    reason: String,
) -> Result<Suspension, StoreError> {
    let since = store::now();
    let suspension = Suspension {
        reason,
        by: who(CauseWord::Rollback).person(),
        since,
        until: None,
        ends_with: None,
        files: None,
    };
    match earlier.filter(|earlier| !earlier.is_over(since, None)) {
        Some(Suspension { ends_with, files, .. }) => {
            Ok(Suspension { ends_with: ends_with.clone(), files: files.clone(), ..suspension })
        }
        None => {
            let Wanted { revision, files, .. } = left(store)?;
            Ok(Suspension { ends_with: Some(revision), files, ..suspension })
        }
    }
}

/// What the manifests ask for, as far as a gw that follows them noted: what is current as a rule.
fn left(store: &Store) -> Result<Wanted, StoreError> {
    if let Some(wanted) = Wanted::read(store)? {
        return Ok(wanted);
    }
    let (mut revision, mut files) = (store::NO_REVISION.to_owned(), None);
    if let Some(current) = store.current()? {
        files = Some(digest_of_files(&store.read(&current)?).to_string());
        revision = current.metadata.revision;
    }
    Ok(Wanted { revision, files, why: None, runs_in_part: false })
}

fn stated(Suspension { reason, ends_with, .. }: &Suspension) -> String {
    let end = match ends_with {
        Some(left) => format!(
            "Manifests that ask for something else than revision {left} end that, and so does `gw resume`."
        ),
        None => "Only `gw resume` ends that, as following was suspended before.".to_owned(),
    };
    format!("Following the manifests is suspended: {reason}. {end}\n")
}
