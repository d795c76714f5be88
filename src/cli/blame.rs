//! `gw blame`.

use crate::{
    model::{BackendName, Desired, ServerName, ServerState},
    render::{address, read_back},
    report::{blame::Question, text},
    store::{Files, Store},
};

use super::{error::CliError, exit::Exit, history::journal, options::Options, output};

/// How objects that are named in full begin.
const KINDS: [&str; 6] =
    ["server ", "backend ", "route ", "wildcard ", "frontend ", "certificate "];

/// Tell who last set something to what it is: commit, author, since when
///
/// From the journal in the state directory. Where that does not reach back far enough, it says so.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  gw blame web/web-1                        the last change of a server
  gw blame web/web-1.weight                 address, port, weight, maxconn, backup or state
  gw blame web                              the last change of a backend's settings
  gw blame 'route http:80 shop.example/*'   anything, named as `gw plan` names it

Of commits that were applied together, the last one is named.
A value that gw corrected after somebody changed it by hand counts as set by that correction.")]
pub(super) struct Args {
    /// BACKEND/SERVER or BACKEND, and a field after a dot; or an object as plans name it
    #[arg(value_name = "OBJECT")]
    object: String,

    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let settings = args.options.settings()?;
    let journal = journal(&settings)?;
    let store = Store::new(&settings.state);
    let files = match store.current()? {
        Some(current) => store.read(&current)?,
        None => Files::new(),
    };
    let desired = read_back(&files);
    let question = question(&args.object, &desired);
    let now = value(&question, &desired);
    let is_there = is_there(&question, &desired);
    let mut oldest = None;
    for record in journal.records()? {
        let record = record?;
        let answer = question.ask(&record).filter(|answer| {
            // What was interrupted counts where it explains what is there, and so does a backend
            // that came without a word on its servers.
            let explains = now.is_none() || answer.to.is_none() || answer.to == now;
            let is_own = answer.step.step.object == question.object || answer.to.is_some();
            (!answer.is_uncertain() || explains) && (is_own || is_there)
        });
        if let Some(answer) = answer {
            output::print(&text::blame(&question, &answer, now.as_deref()))?;
            return Ok(Exit::Ok);
        }
        oldest = Some(record);
    }
    if !is_there {
        let message =
            format!("there is no {}, and nothing in the journal is about it", question.object);
        let error = CliError::new(Exit::Error, message);
        return Err(error.hint("name it as BACKEND/SERVER, or as `gw plan` names it"));
    }
    output::print(&text::blame_nobody(&question, now.as_deref(), oldest.as_ref()))?;
    Ok(Exit::Ok)
}

/// What somebody asks about.
fn question(object: &str, desired: &Desired) -> Question {
    let of =
        |object: String, field: Option<&str>| Question { object, field: field.map(str::to_owned) };
    if KINDS.iter().any(|kind| object.starts_with(kind)) || object == "settings" {
        return of(object.to_owned(), None);
    }
    if let Some((backend, rest)) = object.split_once('/') {
        // Names of servers have no dot.
        let (server, field) = match rest.split_once('.') {
            Some((server, field)) => (server, Some(field)),
            None => (rest, None),
        };
        return of(format!("server {backend}/{server}"), field);
    }
    // A dot also divides a namespace from a name.
    let is_backend = |name: &str| {
        BackendName::from_haproxy(name).is_some_and(|name| desired.backends.contains_key(&name))
    };
    match object.rsplit_once('.') {
        Some((backend, field)) if !is_backend(object) && is_backend(backend) => {
            of(format!("backend {backend}"), Some(field))
        }
        Some(_) | None => of(format!("backend {object}"), None),
    }
}

/// Backend and server of a question about a server.
fn server(question: &Question) -> Option<(BackendName, ServerName)> {
    let (backend, server) = question.object.strip_prefix("server ")?.split_once('/')?;
    Some((BackendName::from_haproxy(backend)?, ServerName::from_haproxy(server)?))
}

/// Whether the current generation has it, as far as that can be told.
fn is_there(question: &Question, desired: &Desired) -> bool {
    if let Some((backend, server)) = server(question) {
        let backend = desired.backends.get(&backend);
        return backend.is_some_and(|backend| backend.servers.contains_key(&server));
    }
    let backend = question.object.strip_prefix("backend ").and_then(BackendName::from_haproxy);
    backend.is_some_and(|backend| desired.backends.contains_key(&backend))
}

/// What a field of a server is in the current generation; `None` where it is not set.
fn value(question: &Question, desired: &Desired) -> Option<String> {
    let (backend, server) = server(question)?;
    let server = desired.backends.get(&backend)?.servers.get(&server)?;
    match question.field.as_deref()? {
        "address" => Some(address(server)),
        "port" => Some(server.port.to_string()),
        "weight" => Some(server.effective_weight().to_string()),
        "maxconn" => server.maxconn.map(|maxconn| maxconn.to_string()),
        "backup" => Some(server.backup.to_string()),
        "state" => Some(match server.state {
            Some(ServerState::Maintenance) => "maint".to_owned(),
            Some(ServerState::Drain) => "drain".to_owned(),
            Some(ServerState::Ready) | None => "ready".to_owned(),
        }),
        _ => None,
    }
}
