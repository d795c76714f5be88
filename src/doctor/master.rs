//! The master socket, and the workers that it tells of.

use std::time::Duration;

use crate::{
    guard::Limit,
    haproxy::{Master, SocketError, Version, reply::proc::Processes},
    report::{doctor::Check, text::counted},
    service::Service,
    settings::Settings,
};

use super::{Start, in_full, runtime::Runtime};

/// How long the master may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
const ID: &str = "master";
const OLD: &str = "old-workers";

/// All checks of the master.
pub(super) async fn checks(
    settings: &Settings,
    runtime: &Runtime,
    service: &Service,
    start: &Start,
) -> Vec<Check> {
    let unknown = |why: &str| Check::not_checked(OLD, why);
    let worker = runtime.worker.as_ref().map(|worker| &worker.info);
    let Some(endpoint) = &settings.master else {
        let mend = format!("{}; and name it: --master {}", start.mend(), start.master);
        let check = match worker {
            None => Check::not_checked(ID, "none is named, and HAProxy does not answer"),
            Some(_) if service.has_no_reload() => {
                Check::failed(ID, "there is no way to reload HAProxy", mend)
            }
            Some(_) => {
                let found = "none is named: reloads go by SIGUSR2, and HAProxy's words are lost";
                Check::warning(ID, found, mend)
            }
        };
        return vec![check, unknown("only a master socket tells")];
    };
    match Master::new(endpoint.clone(), PATIENCE).show_proc().await {
        Ok(processes) => {
            let pid = worker.map(|worker| worker.pid);
            let version = worker.map(|worker| worker.version);
            let master = answering(&endpoint.to_string(), &processes, pid, version);
            vec![master, old_workers(service.old_workers().await, settings.guards.old_workers)]
        }
        Err(SocketError::Missing(_) | SocketError::Refused(_)) if worker.is_none() => {
            let why = "HAProxy does not answer";
            vec![Check::not_checked(ID, why), unknown(why)]
        }
        Err(error) => {
            let check = Check::failed(ID, in_full(&error), start.mend());
            vec![check, unknown("the master does not answer")]
        }
    }
}

/// What a master that answers is good for.
fn answering(
    endpoint: &str,
    processes: &Processes,
    worker: Option<u32>,
    version: Option<Version>,
) -> Check {
    let is_ours = worker.is_none_or(|pid| {
        processes.workers.iter().chain(&processes.old_workers).any(|worker| worker.pid == pid)
    });
    if !is_ours {
        let found = format!("{endpoint} is of another HAProxy than the runtime socket");
        return Check::failed(ID, found, "name the `-S` socket of the same HAProxy by --master");
    }
    let pid = processes.master_pid;
    let result = match version {
        Some(version) if version < Version::V2_8 => {
            format!("{version} does not tell how a reload went, so gw looks")
        }
        _ => "`reload` tells how it went".to_owned(),
    };
    if processes.failed > 0 {
        let found =
            format!("process {pid}; the last reload failed: the worker before it serves on");
        return Check::warning(ID, found, "see why: journalctl -u haproxy; then: gw apply");
    }
    Check::ok(ID, format!("{endpoint} answers, process {pid}; {result}"))
}

fn old_workers(number: Option<usize>, limit: Limit) -> Check {
    let Some(number) = number else { return Check::not_checked(OLD, "the master does not tell") };
    let found = format!("{} of earlier configurations", counted(number, "worker"));
    match limit {
        Limit::At(limit) if number > limit => Check::warning(
            OLD,
            format!("{found}: more than {limit}, so reloads are refused"),
            "they end with their last connection, or after `hard-stop-after 5m` in the `global` \
             section; or raise guards.oldWorkers",
        ),
        Limit::At(_) | Limit::Allow => Check::ok(OLD, found),
    }
}
