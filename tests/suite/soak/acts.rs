//! What happens to gw in the soak: commits, operators, other people's reloads, a bad Git server.

use std::collections::BTreeMap;
use std::fmt;

use rustix::process::Signal;

use super::site::Site;
use super::{PATIENCE, Soak};
use crate::support::clock;
use crate::support::git::http::{Http, Manner};
use crate::support::random::Random;
use crate::support::webhook;

/// What somebody did by hand and did not take back yet.
#[derive(Default)]
pub(super) struct ByHand {
    /// Servers whose state or weight was set on the socket.
    touched: Vec<String>,
    /// Servers that `gw hold` holds.
    held: Vec<String>,
}

/// The Git server.
pub(super) enum Server {
    Up(Http),
    Down,
}

impl Soak {
    /// Does something by chance, and says what.
    pub(super) fn act(&mut self) -> String {
        let kind = self.random.below(100);
        match kind {
            0..50 => self.commit_edits(),
            50..54 => self.spoil(),
            54..58 => {
                self.upstream.commit("Nothing");
                self.push();
                "empty commit".to_owned()
            }
            58..62 => self.rewrite(),
            62..74 => self.by_hand(),
            74..82 => self.hold(),
            82..85 => {
                self.reload();
                "somebody else's reload".to_owned()
            }
            85..94 => self.server(),
            _ => {
                self.gw.signal(Signal::HUP);
                "SIGHUP".to_owned()
            }
        }
    }

    fn commit_edits(&mut self) -> String {
        let count = self.random.pick(&[1, 1, 1, 2, 4]);
        let edits: Vec<String> = (0..count).map(|_| self.site.edit(&mut self.random)).collect();
        let edits = edits.join(" ");
        self.commit(&edits);
        format!("commit: {edits}")
    }

    /// Commits the manifests as they should be.
    fn commit(&mut self, subject: &str) {
        self.write();
        self.upstream.commit(subject);
        self.push();
    }

    fn write(&self) {
        self.upstream.remove("site");
        for (path, text) in self.site.files() {
            self.upstream.write(&format!("site/{path}"), text);
        }
    }

    /// Pushes the last commit, and tells gw, as a rule.
    fn push(&mut self) {
        self.upstream.run(&["push", "--quiet", "--force", "origin", "HEAD"]);
        if self.random.chance(80) {
            self.tell();
        }
    }

    /// Tells gw that something was pushed. Too many of these are refused, which is as it should be.
    pub(super) fn tell(&self) {
        let status = webhook::push(self.http, super::SECRET).expect("gw answers");
        assert!(matches!(status, 202 | 429), "the webhook is answered by {status}");
    }

    /// A mistake in one file.
    fn spoil(&mut self) -> String {
        let file = Site::any_file(&mut self.random);
        let (path, text) = match self.random.below(3) {
            0 => (file, "kind: [unclosed\n"),
            1 => (file, "apiVersion: gw/v1\nkind: Backend\nmetadata: {name: b0}\nspec: {}\n"),
            _ => ("more.yaml".to_owned(), "apiVersion: gw/v1\nkind: Backent\n"),
        };
        self.upstream.write(&format!("site/{path}"), text);
        self.upstream.commit("A mistake");
        self.push();
        format!("mistake in {path}")
    }

    /// Puts another commit in the place of the last one, by force.
    fn rewrite(&mut self) -> String {
        let edit = self.site.edit(&mut self.random);
        self.write();
        self.upstream.run(&["add", "--all"]);
        self.upstream.run(&["commit", "--quiet", "--amend", "--allow-empty", "--message", &edit]);
        self.push();
        format!("forced push: {edit}")
    }

    /// An operator's act on the socket.
    fn by_hand(&mut self) -> String {
        let servers = self.site.servers();
        let Some(server) = some(&servers, &mut self.random) else { return "nobody".to_owned() };
        let weight = self.site.leaves_weights(&server) && self.random.chance(50);
        let command = match self.random.below(4) {
            // Somebody else's change of what manifests say, which is drift.
            0 => {
                let port = self.site.any_port(&mut self.random);
                format!("set server {server} addr 127.0.0.1 port {port}")
            }
            _ if weight => format!("set weight {server} {}", self.random.pick(&[0, 1, 5])),
            1 => format!("set server {server} state maint"),
            2 => format!("set server {server} state drain"),
            _ => format!("set server {server} state ready"),
        };
        // The server may be gone already, or not be there yet.
        let _ = self.rig.haproxy().command(&command);
        self.by_hand.touched.push(server);
        command
    }

    /// `gw hold`, or its end.
    fn hold(&mut self) -> String {
        if self.random.chance(50)
            && let Some(server) = self.by_hand.held.pop()
        {
            self.release(&server);
            return format!("gw release {server}");
        }
        let servers = self.site.servers();
        let Some(server) = some(&servers, &mut self.random) else { return "nobody".to_owned() };
        let state = self.random.pick(&["--drain", "--maint", "--weight=7"]);
        let more = ["--for", "2h", "--reason", "soak"];
        // gw may not know the server yet, or not any more; and it is held once.
        let outcome = self.rig.gw.run(&[&["hold", &server, state][..], &more].concat());
        self.by_hand.held.push(server.clone());
        format!("gw hold {server} {state}: {:?}", outcome.code)
    }

    /// Ends a hold. A server that was not there was never held.
    fn release(&self, server: &str) {
        let released = || {
            let outcome = self.rig.gw.run(&["release", server]);
            let is_unknown = ["nobody holds", "gw runs no server"];
            outcome.code == Some(0) || is_unknown.iter().any(|said| outcome.stderr.contains(said))
        };
        assert!(clock::eventually(PATIENCE, released), "{server} can't be released");
    }

    /// A reload by the master's socket. While another one is under way, the master takes none.
    fn reload(&self) {
        let _ = self.rig.haproxy().try_master_command("reload");
    }

    /// The Git server fails, or is there again.
    fn server(&mut self) -> String {
        let manners = [None, Some(Manner::Lossy), Some(Manner::Silent), Some(Manner::Open)];
        let choice = self.random.below(manners.len() + 1);
        let manner = manners.into_iter().nth(choice).unwrap_or(Some(Manner::Open));
        let told = format!("Git server: {manner:?}");
        self.serve(manner);
        told
    }

    /// Lets the Git server behave like this; `None` is no server at all.
    pub(super) fn serve(&mut self, manner: Option<Manner>) {
        match (&self.server, manner) {
            (_, None) => self.server = Server::Down,
            (Server::Up(server), Some(manner)) => server.set(manner),
            (Server::Down, Some(manner)) => {
                let server = Http::start_at(self.address, &self.upstream.root, manner, None);
                self.server = Server::Up(server);
            }
        }
    }

    /// Takes back what people did to Git.
    pub(super) fn calm(&mut self) {
        self.serve(Some(Manner::Open));
        for server in std::mem::take(&mut self.by_hand.held) {
            self.release(&server);
        }
        self.commit("All is well");
        self.tell();
    }

    /// Takes back what people did on the socket. While a reload is under way that may be lost, since the
    /// new worker takes over what was before.
    pub(super) fn let_go(&mut self) {
        for server in std::mem::take(&mut self.by_hand.touched) {
            for act in ["set server NAME state ready", "set weight NAME 100%"] {
                // What the server was may be gone.
                let _ = self.rig.haproxy().command(&act.replace("NAME", &server));
            }
        }
    }
}

fn some(servers: &[String], random: &mut Random) -> Option<String> {
    (!servers.is_empty()).then(|| servers[random.below(servers.len())].clone())
}

/// How often each kind of act was done.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<String, u32>);

impl Tally {
    pub(super) fn count(&mut self, act: &str) {
        // Acts begin with their kind, and go on with names.
        let words = act.split([' ', ':']).take(2);
        let kind: Vec<&str> = words.filter(|word| !word.contains(['/', '+', '-', '~'])).collect();
        *self.0.entry(kind.join(" ")).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            self.0.iter().map(|(act, times)| format!("{times} × {act}")).collect();
        write!(f, "{}", counts.join(", "))
    }
}
