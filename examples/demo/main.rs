//! The program behind `make demo`: gw at work on a real HAProxy, with proof that no request fails.
//!
//! It copies `examples/quickstart`, applies it, then edits it step by step ([`steps`]). Each step
//! shows the edit, the plan, what was done, and requests before and after, and is checked. The
//! exit code is 0 only if all was as shown.

mod report;
mod show;
mod stage;
mod steps;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use report::ApplyReport;
use stage::Stage;
use support::client::Client;
use support::connection::Ask;
use support::load::{Load, Running};
use support::runtime;

/// Something was not as shown; says what.
type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let folder = tempfile::Builder::new().prefix("gw-demo-").tempdir();
    let folder = folder.expect("the temporary folder is writable");
    let path = folder.path().to_owned();
    let outcome = runtime::wait(async move {
        tokio::select! {
            demo = tokio::task::spawn_blocking(move || demo(&path)) => {
                demo.unwrap_or_else(|_| Err("the demo panicked, see above".to_owned()))
            }
            // Everything started so far ends with this process.
            _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            show::failure(&what);
            ExitCode::FAILURE
        }
    }
}

fn demo(folder: &Path) -> Outcome {
    let version = support::versions::newest_at_hand().ok_or("no HAProxy here: install one")?;
    show::title(&version);
    let stage = Stage::set(folder, &version)?;

    show::heading("Start", "The quickstart goes to an HAProxy that knows no route yet.");
    let asks = [Ask::get("shop.localhost", "/"), Ask::get("shop.localhost", "/api")];
    stage.show_manifests();
    let client = Client::http1(stage.entrance);
    show::output("gw plan manifests", &stage.gw(&["plan", "manifests"])?);
    show::output("gw apply manifests --yes", &stage.gw(&["apply", "manifests", "--yes"])?);
    let answers = client.table(&asks, steps::TIMES);
    show::requests(None, &answers);
    steps::expect_answers(&answers, &["200 api-1", "200 web-1", "200 web-2"])?;

    let load = background(&stage, &asks);
    let mut reports = Vec::new();
    for step in steps::all() {
        let report = step.perform(&stage, &client)?;
        show::background(&load);
        expect_no_failure(&load)?;
        reports.push((step.heading, report));
    }
    let again = apply_again(&stage)?;
    reports.push(("Apply again", again));
    finish(load, &reports)
}

/// The client that asks all the while.
fn background(stage: &Stage, asks: &[Ask]) -> Running {
    let load = Load {
        pause: Duration::from_millis(5),
        longest: Duration::from_secs(300),
        ..Load::default()
    };
    let running = load.start(stage.entrance, asks.to_vec());
    running.wait_for(50);
    running
}

fn apply_again(stage: &Stage) -> Outcome<ApplyReport> {
    show::heading("Apply again", "Nothing changed, so nothing is sent and nothing is written.");
    let report = stage.apply()?;
    show::report("gw apply manifests --yes", &report);
    let did = (report.commands_sent, report.bytes_written, report.reloads);
    if did != (0, 0, 0) {
        return Err(format!("a second apply did something: {report:?}"));
    }
    show::output("gw status", &stage.gw(&["status"])?);
    Ok(report)
}

fn finish(load: Running, reports: &[(&str, ApplyReport)]) -> Outcome {
    // Some more requests after the last change.
    load.wait_for(200);
    let load = load.stop();
    show::summary(reports, &load);
    match load.failures.first() {
        None => Ok(()),
        Some(first) => Err(format!("{} requests failed: {first}", load.failed)),
    }
}

fn expect_no_failure(load: &Running) -> Outcome {
    match load.so_far() {
        (_, 0) => Ok(()),
        (_, failed) => Err(format!("{failed} requests of the background client failed")),
    }
}
