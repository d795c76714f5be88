//! The process that talks to a Git server.
//!
//! It is gw itself, started once for each fetch. libgit2's deadlines, its authorities and its home
//! directory are global variables of C, which safe code can't set, and it waits for ever in name
//! lookups and handshakes. A process has an environment of its own, can be ended at any moment, and
//! if a hostile server finds a hole in it, gw is not what breaks.

mod ancestry;
mod callbacks;

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use git2::{
    AutotagOption, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, Remote, RemoteConnection,
    Repository,
};
use rustix::process::{Signal, set_parent_process_death_signal};

use self::{
    ancestry::Descent,
    callbacks::{Observer, proxy},
};

use super::{
    reference::{Advertised, Reference, Resolved, TAGS, Unresolved},
    wire::{Done, Failure, Line, Request},
};

/// All of the history. (libgit2's GIT_FETCH_DEPTH_UNSHALLOW)
const WHOLE: i32 = i32::MAX;

/// How many commits are looked at, in steps, for one that a branch stood at before. A push is
/// mostly one commit, whose parents are known without its history.
const DEPTHS: [i32; 2] = [50, 1000];

/// Carries out one request.
pub fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    // Nobody waits for the answer of an orphan.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let request: Request = serde_json::from_reader(input)?;
    let observer = Observer::new(&request, output);
    let done = match &request.repository {
        Some(repository) => Transfer::run(&request, &observer, repository),
        None => by_any_host_key(&request, || tell(&request, &observer)),
    };
    let answer = match done {
        Ok(done) => Line::Done(done),
        Err(failure) => Line::Failed(failure),
    };
    observer.say(&answer)
}

/// Asks the server what it has, and fetches nothing.
fn tell<W: Write>(request: &Request, observer: &Observer<'_, W>) -> Result<Done, Failure> {
    let mut remote =
        Remote::create_detached(request.url.as_str()).map_err(|error| observer.explain(&error))?;
    let connection = remote
        .connect_auth(Direction::Fetch, Some(observer.callbacks()), Some(proxy(request)))
        .map_err(|error| observer.explain(&error))?;
    let (_, resolved) = wanted(&connection, request, observer)?;
    Ok(Done { id: resolved.id.to_string(), name: resolved.name, descends: true })
}

/// What is wanted, by what the server says that it has.
fn wanted<W: Write>(
    connection: &RemoteConnection<'_, '_, '_>,
    request: &Request,
    observer: &Observer<'_, W>,
) -> Result<(Reference, Resolved), Failure> {
    let reference: Reference =
        request.reference.parse().map_err(|_| Failure::Missing { similar: None })?;
    let heads = connection.list().map_err(|error| observer.explain(&error))?;
    let advertised: Vec<Advertised> = heads
        .iter()
        .map(|head| Advertised {
            name: head.name().to_owned(),
            id: head.oid(),
            target: head.symref_target().map(str::to_owned),
        })
        .collect();
    let resolved = reference.resolve(&advertised).map_err(|unresolved| match unresolved {
        Unresolved::Empty => Failure::Empty,
        Unresolved::Missing { similar } => Failure::Missing { similar },
        Unresolved::NoVersion { highest } => Failure::NoVersion { highest },
    })?;
    Ok((reference, resolved))
}

/// Tries again where there was no common ground with the algorithms of the host keys that are known,
/// to see what the server offers.
fn by_any_host_key<T>(
    request: &Request,
    attempt: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    match attempt() {
        Err(Failure::Unreachable(why)) if forget_preferences(request) => match attempt() {
            Err(failure @ Failure::HostKey { .. }) => Err(failure),
            _ => Err(Failure::Unreachable(why)),
        },
        other => other,
    }
}

/// Makes libssh2 ask for any host key. Tells whether it did not before.
fn forget_preferences(request: &Request) -> bool {
    let preferred = &request.preferred;
    let had_any = fs::metadata(preferred).is_ok_and(|file| file.len() > 0);
    had_any && fs::write(preferred, "").is_ok()
}

struct Transfer<'a, W> {
    request: &'a Request,
    observer: &'a Observer<'a, W>,
    repository: Repository,
}

impl<'a, W: Write> Transfer<'a, W> {
    fn run(
        request: &'a Request,
        observer: &'a Observer<'a, W>,
        repository: &Path,
    ) -> Result<Done, Failure> {
        let repository = Repository::open_bare(repository)
            .map_err(|error| Failure::Clone(error.message().to_owned()))?;
        let transfer = Self { request, observer, repository };
        let (resolved, id) = by_any_host_key(request, || transfer.look(1))?;
        // Another tag is another release, and need not contain the one before.
        let is_tag = resolved.name.as_deref().is_some_and(|name| name.starts_with(TAGS));
        let descends = is_tag || transfer.descends(id)?;
        Ok(Done { id: id.to_string(), name: resolved.name, descends })
    }

    /// Connects, finds out what is wanted, and fetches it where it is not here yet.
    fn look(&self, depth: i32) -> Result<(Resolved, Oid), Failure> {
        let mut remote = self.remote()?;
        let mut connection = remote
            .connect_auth(
                Direction::Fetch,
                Some(self.observer.callbacks()),
                Some(proxy(self.request)),
            )
            .map_err(|error| self.observer.explain(&error))?;
        let (reference, resolved) = wanted(&connection, self.request, self.observer)?;
        let id = resolved.id;
        let is_here = depth == 1 && self.repository.find_commit(id).is_ok();
        let lacks_history = self.request.history && self.repository.is_shallow();
        if !is_here || lacks_history {
            self.fetch(connection.remote(), &resolved, depth)?;
        }
        let here = self.repository.find_commit(id).map_err(|_| match reference {
            Reference::Commit(_) => Failure::NoCommit,
            _ => Failure::NotACommit,
        })?;
        self.repository
            .reference(&self.request.target, here.id(), true, "gw: fetched")
            .map_err(|error| Failure::Clone(error.message().to_owned()))?;
        Ok((resolved, id))
    }

    fn remote(&self) -> Result<Remote<'_>, Failure> {
        let remote = self.repository.remote_anonymous(&self.request.url);
        remote.map_err(|error| self.observer.explain(&error))
    }

    /// Fetches what was resolved, as shallow as the server can.
    fn fetch(&self, remote: &mut Remote<'_>, wanted: &Resolved, depth: i32) -> Result<(), Failure> {
        let depth = match (self.request.history, self.repository.is_shallow()) {
            (true, false) => 0,
            (true, true) => WHOLE,
            (false, _) => depth,
        };
        let target = format!("{}-tip", self.request.target);
        let source = wanted.name.clone().unwrap_or_else(|| wanted.id.to_string());
        let exact = vec![format!("+{source}:{target}")];
        let everything = || {
            ["heads", "tags"]
                .map(|kind| format!("+refs/{kind}/*:{}-all/{kind}/*", self.request.target))
                .to_vec()
        };
        let tried = self.fetch_specs(remote, &exact, depth);
        let tried = match tried {
            Err(error) if depth != 0 && is_about_depth(&error) => {
                self.fetch_specs(remote, &exact, 0)
            }
            tried => tried,
        };
        let tried = match tried {
            // The server gives single commits to nobody: it may be in a branch.
            Err(_) if wanted.name.is_none() && self.observer.is_content() => {
                self.fetch_specs(remote, &everything(), 0)
            }
            tried => tried,
        };
        tried.map_err(|error| self.observer.explain(&error))
    }

    fn fetch_specs(
        &self,
        remote: &mut Remote<'_>,
        specs: &[String],
        depth: i32,
    ) -> Result<(), git2::Error> {
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.observer.callbacks())
            .proxy_options(proxy(self.request))
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .depth(depth);
        remote.fetch(specs, Some(&mut options), None)
    }

    /// Whether the commit before is an ancestor of `id`. What a shallow clone lacks is fetched, step
    /// by step; where it is not among the last thousand, history counts as rewritten.
    fn descends(&self, id: Oid) -> Result<bool, Failure> {
        let previous = self.request.previous.as_deref().and_then(|id| Oid::from_str(id).ok());
        let Some(previous) = previous else { return Ok(true) };
        // A server may be asked often until somebody decides: not for its history each time.
        let rewritten = format!("{}-rewritten/{previous}", self.request.target);
        let known = self.repository.find_reference(&rewritten).ok();
        if known.is_some_and(|known| known.target() == Some(id)) {
            return Ok(false);
        }
        let look = || ancestry::descends(&self.repository, id, previous);
        for depth in DEPTHS {
            match look() {
                Descent::Unknown => self.look(depth)?,
                Descent::Yes => return Ok(true),
                Descent::No => break,
            };
        }
        let descends = look() == Descent::Yes;
        if !descends {
            self.repository
                .reference(&rewritten, id, true, "gw: history was rewritten")
                .map_err(|error| Failure::Clone(error.message().to_owned()))?;
        }
        Ok(descends)
    }
}

/// Whether a server or transport said that it has no shallow fetches.
fn is_about_depth(error: &git2::Error) -> bool {
    error.message().contains("shallow")
}

/// What an error of libgit2 is to us.
fn failure(error: &git2::Error) -> Failure {
    let said = error.message().trim().to_owned();
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let is_absent = says(&[
        "status code: 404",
        "not found",
        "not exported",
        "does not exist",
        "does not appear to be a git repository",
        "failed to resolve path",
        "could not find repository",
    ]);
    match (error.code(), error.class()) {
        (ErrorCode::Auth, _) => Failure::Authentication(said),
        _ if says(&["status code: 401", "status code: 403", "private key", "passphrase"]) => {
            Failure::Authentication(said)
        }
        (ErrorCode::Certificate, _) | (_, ErrorClass::Ssl) if says(&["certificate", "verif"]) => {
            Failure::Certificate(said)
        }
        // An object that is not found is missing here, not at the server.
        (_, ErrorClass::Odb) => Failure::Clone(said),
        _ if is_absent => Failure::NotFound(said),
        (ErrorCode::Owner, _) => Failure::NotOwned,
        // Local transport keeps the words, but not the code.
        _ if says(&["not owned by current user"]) => Failure::NotOwned,
        (_, ErrorClass::Indexer | ErrorClass::Reference | ErrorClass::Object) => {
            Failure::Clone(said)
        }
        _ => Failure::Unreachable(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_apart() {
        let of = |code, class, said: &str| failure(&git2::Error::new(code, class, said));
        let generic = ErrorCode::GenericError;
        let said = |text: &str| text.to_owned();
        let not_found = "unexpected http status code: 404";
        assert_eq!(of(generic, ErrorClass::Http, not_found), Failure::NotFound(said(not_found)));
        let forbidden = "unexpected http status code: 403";
        assert_eq!(
            of(generic, ErrorClass::Http, forbidden),
            Failure::Authentication(said(forbidden))
        );
        let owner = "repository path '/r' is not owned by current user";
        assert_eq!(of(generic, ErrorClass::Os, owner), Failure::NotOwned);
        assert_eq!(of(ErrorCode::Owner, ErrorClass::Config, "x"), Failure::NotOwned);
        let tls = "the SSL certificate is invalid";
        assert_eq!(
            of(ErrorCode::Certificate, ErrorClass::Ssl, tls),
            Failure::Certificate(said(tls))
        );
        let refused = "failed to connect to h: Connection refused";
        assert_eq!(of(generic, ErrorClass::Os, refused), Failure::Unreachable(said(refused)));
        let missing = "object not found - no match for id";
        let of_clone = Failure::Clone(said(missing));
        assert_eq!(of(ErrorCode::NotFound, ErrorClass::Odb, missing), of_clone);
        let full = "failed to write pack: No space left on device";
        assert_eq!(of(generic, ErrorClass::Indexer, full), Failure::Clone(said(full)));
    }
}
