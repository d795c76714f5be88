//! Git repositories as a source, on real servers: `git daemon`, `git http-backend`, sshd.

mod content;
mod damage;
mod history;
mod http;
mod huge;
mod last;
mod servers;
mod signatures;
mod ssh;
mod troubled;
mod watched;

use std::fs;
use std::path::Path;

use gw::source::git::{Address, Given, Settings};
use gw::source::{LoadError, Look, Reader, Snapshot, Source};
use tempfile::TempDir;

use crate::support::git::Upstream;
use crate::support::run::{self, Gw, Outcome};

/// The exit code of a source that can't be read.
const SOURCE: i32 = 13;

/// A manifest with one backend.
fn backend(name: &str, port: u16) -> String {
    format!(
        "apiVersion: gw/v1\nkind: Backend\nmetadata: {{ name: {name} }}\nspec:\n  \
         servers: [{{ name: a, address: 127.0.0.1, port: {port} }}]\n"
    )
}

/// A folder for a test, and a repository with one commit in it.
fn repository() -> (TempDir, Upstream) {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::new(folder.path());
    upstream.write("web.yaml", backend("web", 80)).push("The first one");
    (folder, upstream)
}

/// gw, away from the machine's own HAProxy, settings and clones.
fn gw(root: &Path) -> Gw {
    let config = root.join("gw.yaml");
    if !config.exists() {
        fs::write(&config, "").unwrap();
    }
    Gw::new(root)
        .env("GW_CONFIG", config)
        .env("GW_SOCKET", root.join("no.sock"))
        .env("GW_STATE", root.join("state"))
}

/// `gw validate --git URL` with more arguments.
fn validate(gw: &Gw, url: &str, more: &[&str]) -> Outcome {
    let mut arguments = vec!["validate", "--git", url];
    arguments.extend(more);
    gw.run(&arguments)
}

/// Expects gw to fail because of the source, and to say this.
#[track_caller]
fn refused(outcome: Outcome, messages: &[&str]) {
    let outcome = outcome.expect(SOURCE);
    for message in messages {
        assert!(outcome.stderr.contains(message), "{message:?}: {}", outcome.transcript());
    }
}

/// The settings for a repository, as the library has them.
fn settings(url: &str) -> Settings {
    let address = Some(Address::parse(url, Path::new("/")).unwrap());
    let settings = Given { address, ..Given::default() }.fill().unwrap();
    Settings { program: run::binary(), ..settings }
}

/// Reads a source by the library, again and again.
struct Follower(Reader);

impl Follower {
    fn new(settings: Settings, state: &Path) -> Self {
        Self(Reader::new(&Source::Git(Box::new(settings)), state))
    }

    fn read(&mut self) -> Result<Snapshot, LoadError> {
        self.0.read(Look::Everything)
    }
}
