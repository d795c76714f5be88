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

/// A kind of act.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Commit,
    Mistake,
    EmptyCommit,
    ForcedPush,
    ByHand,
    Hold,
    OthersReload,
    GitServer,
    Hangup,
    Suspend,
    Rollback,
    Retry,
}

/// All of them, and how often each comes.
const ACTS: [(Act, usize); 12] = [
    (Act::Commit, 50),
    (Act::Mistake, 4),
    (Act::EmptyCommit, 4),
    (Act::ForcedPush, 4),
    (Act::ByHand, 12),
    (Act::Hold, 8),
    (Act::OthersReload, 3),
    (Act::GitServer, 9),
    (Act::Hangup, 5),
    (Act::Suspend, 3),
    (Act::Rollback, 3),
    (Act::Retry, 1),
];

/// Each kind once, in some order: what comes before chance has its way.
pub(super) fn each(random: &mut Random) -> Vec<Act> {
    let mut acts = ACTS.map(|(act, _)| act).to_vec();
    for last in (1..acts.len()).rev() {
        acts.swap(last, random.below(last + 1));
    }
    acts
}

/// One by chance.
fn any(random: &mut Random) -> Act {
    let all = ACTS.iter().flat_map(|(act, times)| vec![*act; *times]);
    random.pick(&all.collect::<Vec<_>>())
}

impl Soak {
    /// Does something, and says what.
    pub(super) fn act(&mut self) -> String {
        let act = self.to_do.pop().unwrap_or_else(|| any(&mut self.random));
        match act {
            Act::Commit => self.commit_edits(),
            Act::Mistake => self.spoil(),
            Act::EmptyCommit => {
                self.upstream.commit("Nothing");
                self.push();
                "empty commit".to_owned()
            }
            Act::ForcedPush => self.rewrite(),
            Act::ByHand => self.by_hand(),
            Act::Hold => self.hold(),
            Act::OthersReload => {
                self.reload();
                "somebody else's reload".to_owned()
            }
            Act::GitServer => self.server(),
            Act::Hangup => {
                self.gw.signal(Signal::HUP);
                "SIGHUP".to_owned()
            }
            Act::Suspend => self.command(&["suspend", "--reason", "soak", "--for", "2s"]),
            Act::Rollback => self.command(&["rollback", "--yes"]),
            Act::Retry => self.command(&["retry"]),
        }
    }

    /// What an operator asks gw for. What is under way, or was changed meanwhile, may keep it out.
    fn command(&self, arguments: &[&str]) -> String {
        let outcome = self.rig.gw.run(arguments);
        let is_first = outcome.stderr.contains("no earlier generation");
        let code = outcome.code.filter(|code| [0, 3, 11, 12].contains(code) || is_first);
        let code = code.unwrap_or_else(|| panic!("{}", outcome.transcript()));
        format!("gw {}: {code}", arguments[0])
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
        // A rollback lasts, since no manifest asks for anything else.
        let _ = self.rig.gw.run(&["resume"]).ok();
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

impl Tally {
    /// How many acts there were.
    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|times| u64::from(*times)).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            self.0.iter().map(|(act, times)| format!("{times} × {act}")).collect();
        write!(f, "{}", counts.join(", "))
    }
}
