//! The Git repository that is followed: who we are, whether its server knows us, and what it has.

use crate::{
    report::doctor::Check,
    source::git::{BareClone, GitError, Seen, Settings, Transport, look},
    store::Store,
};

use super::{credentials, in_full, trust};

/// The host is only of interest where SSH asks for its key.
const HOST: &str = "git-host-key";
const SERVER: &str = "git-server";
const REFERENCE: &str = "git-reference";
const PATH: &str = "git-path";
const LATER: &str = "the server does not answer us";

/// All checks of a repository. Blocks while the server is asked.
pub(super) fn checks(repository: &Settings, store: &Store) -> Vec<Check> {
    let mut checks = vec![who_we_are(repository)];
    let seen = look(repository);
    checks.extend(server(repository, &seen));
    checks.push(match &seen {
        Ok(seen) => {
            let clone = BareClone::new(repository, store.root());
            folder(repository, seen, clone.has_folder(&seen.commit, &repository.path))
        }
        Err(_) => Check::not_checked(PATH, LATER),
    });
    checks.extend(trust::checks(&repository.verify));
    checks
}

fn who_we_are(repository: &Settings) -> Check {
    const ID: &str = "git-credentials";
    let access = &repository.access;
    let what = match access.describe(&repository.address) {
        Ok(what) => what,
        Err(error) => {
            let otherwise = || "write the secret into that file, or name another one".to_owned();
            return Check::failed(ID, in_full(&error), error.hint().unwrap_or_else(otherwise));
        }
    };
    let files = access.secret_files(&repository.address);
    match files.iter().find_map(|file| credentials::exposed(file)) {
        Some((found, mend)) => Check::failed(ID, found, mend),
        None => Check::ok(ID, what),
    }
}

/// What asking the server came to: the host key, the server, the reference.
fn server(repository: &Settings, seen: &Result<Seen, GitError>) -> Vec<Check> {
    let address = &repository.address;
    let is_ssh = address.transport() == Transport::Ssh;
    let known = is_ssh.then(|| Check::ok(HOST, "known"));
    let answers = || Check::ok(SERVER, format!("{address} lets us in"));
    let later = |ids: &[&'static str]| -> Vec<Check> {
        ids.iter().map(|id| Check::not_checked(id, LATER)).collect()
    };
    let mut checks: Vec<Check> = Vec::new();
    match seen {
        Ok(seen) => {
            checks.extend(known);
            checks.push(answers());
            let commit = seen.commit.get(..12).unwrap_or(&seen.commit);
            checks.push(match &seen.name {
                Some(name) => Check::ok(REFERENCE, format!("{name} is at {commit}")),
                None => Check::not_checked(
                    REFERENCE,
                    format!("no branch is at {commit}: a fetch will tell"),
                ),
            });
        }
        Err(error @ GitError::HostKey { host, .. }) => {
            let file = repository.access.known_hosts.first();
            let file = file.map_or_else(
                || "/etc/ssh/ssh_known_hosts".to_owned(),
                |file| file.display().to_string(),
            );
            let port = address.port().map(|port| format!("-p {port} ")).unwrap_or_default();
            let mend = format!(
                "compare the fingerprint with what the administrator of {host} says; then: ssh-keyscan \
                 {port}{} | sudo tee -a {file}",
                address.host()
            );
            checks.push(Check::failed(HOST, in_full(error), mend));
            checks.extend(later(&[SERVER, REFERENCE]));
        }
        Err(
            error @ (GitError::NoReference { .. }
            | GitError::NoVersion { .. }
            | GitError::NoCommit { .. }
            | GitError::NotACommit { .. }
            | GitError::Empty { .. }),
        ) => {
            checks.extend(known);
            checks.push(answers());
            let otherwise =
                || format!("push to it, or name another one by --ref; git ls-remote {address}");
            let mend = error.hint().unwrap_or_else(otherwise);
            checks.push(Check::failed(REFERENCE, in_full(error), mend));
        }
        Err(error) => {
            let otherwise = || format!("git ls-remote {address} tells more");
            let mend = error.hint().unwrap_or_else(otherwise);
            checks.push(Check::failed(SERVER, in_full(error), mend));
            checks.extend(later(if is_ssh { &[HOST, REFERENCE] } else { &[REFERENCE] }));
        }
    }
    checks
}

fn folder(repository: &Settings, seen: &Seen, is_there: Option<bool>) -> Check {
    let path = match repository.path.as_str() {
        "" => "the top",
        path => path,
    };
    let commit = seen.commit.get(..12).unwrap_or(&seen.commit);
    match is_there {
        Some(true) => Check::ok(PATH, format!("{path} is there")),
        Some(false) => Check::failed(
            PATH,
            format!("commit {commit} has no folder {path}"),
            "name the folder with the manifests by --path, or `path` of `source`",
        ),
        None => Check::not_checked(
            PATH,
            format!("commit {commit} was not fetched yet: gw validate does that"),
        ),
    }
}
