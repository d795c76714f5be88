//! One act of gw on one HAProxy, which can be ended anywhere and is then finished by the next one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::geteuid;
use serde_json::{Value, json};

use super::unfit;
use crate::rig::{Rig, State};
use crate::support::connection::Ask;
use crate::support::git::Upstream;
use crate::support::load::{Load, Running};
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::run::Outcome;
use crate::support::versions::Version;

/// What gw does when it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Changes by commands.
    Commands,
    /// Changes by a reload.
    Reload,
    /// A reload that HAProxy refuses, for an address that the machine does not have.
    Refused,
    /// A change by commands whose files HAProxy refuses after it.
    Undone,
    /// Files for an HAProxy that does not run.
    Start,
    /// Manifests from a repository.
    Git,
    /// An operator's acts.
    Hold,
    Release,
    Suspend,
    Resume,
    Rollback,
}

/// An address that the HAProxy of [`Kind::Undone`] is made to refuse in files, but not as a command.
const REFUSED: &str = "127.0.0.66";

pub(super) struct Scene {
    pub(super) kind: Kind,
    pub(super) rig: Rig,
    port: u16,
    origins: [Origin; 4],
    /// Where manifests from a repository come from.
    upstream: Upstream,
    /// The live state on either side.
    sides: [State; 2],
    /// The generation to roll back to.
    generation: u64,
    load: Option<Running>,
}

impl Scene {
    /// With HAProxy running on one side, operators' acts in force, and requests under way.
    pub(super) fn new(kind: Kind, version: &Version) -> Self {
        let mut rig = Rig::new(version);
        if kind == Kind::Undone {
            let binary = picky(rig.path(), version);
            rig.gw = rig.gw.clone().env("GW_HAPROXY", binary);
        }
        let origins = ["one", "two", "three", "four"].map(Origin::http1);
        let upstream = Upstream::new(rig.path());
        let sides = [State::default(), State::default()];
        let (port, generation) = (free_port(), 0);
        let mut scene = Self { kind, rig, port, origins, upstream, sides, generation, load: None };
        scene.want(0);
        let _ = scene.rig.apply().ok();
        if kind != Kind::Start {
            scene.begin();
        }
        scene
    }

    /// Starts HAProxy, learns what either side looks like, and starts to ask.
    fn begin(&mut self) {
        self.rig.start();
        // Neither is gw's own: it must keep both.
        self.weigh_by_hand();
        let _ = self.gw(&["hold", "web/u", "--drain", "--for", "2h", "--reason", "INC-42"]).ok();
        for side in [1, 0] {
            self.want(side);
            let outcome = self.gw(&APPLY);
            let told = outcome.transcript();
            assert_eq!(outcome.code, Some(self.code(side)), "{:?}: {told}", self.kind);
            self.sides[side] = self.rig.state();
        }
        let kept = self.sides[0].of("server web/");
        let kept: Vec<&str> =
            kept.filter(|line| line.contains("weight=77") || line.contains("drain=true")).collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
        if self.kind == Kind::Refused {
            // HAProxy itself stops listening for a moment where its successor can't bind (management
            // guide, section 4: SIGTTOU and SIGTTIN).
            return;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let load = Load {
            keep_alive: 1,
            fresh: 1,
            http2: 0,
            streams: 0,
            pause: Duration::from_millis(10),
            longest: Duration::from_secs(600),
        };
        self.load = Some(load.start(address, vec![Ask::get("a.test", "/")]));
    }

    /// How gw ends that makes this side of it.
    pub(super) fn code(&self, side: usize) -> i32 {
        let is_refused = matches!(self.kind, Kind::Refused | Kind::Undone) && side == 1;
        if is_refused { 14 } else { 0 }
    }

    /// Asks for one of two sides.
    pub(super) fn want(&self, side: usize) {
        let text = self.manifests(side);
        if self.kind == Kind::Git {
            self.upstream.write("all.yaml", &text).push("Another side");
        }
        self.rig.write(&text);
    }

    fn manifests(&self, side: usize) -> String {
        let [one, two, three, four] = self.origins.each_ref().map(Origin::port);
        let is_other = side == 1;
        let by_commands = matches!(self.kind, Kind::Commands | Kind::Start | Kind::Git);
        let server = |name: &str, port| json!({"name": name, "address": "127.0.0.1", "port": port});
        let mut servers = vec![server("s", one), server("t", three), server("u", four)];
        let (mut route, mut timeout, mut more) = ("", 5, false);
        // A new server comes in more steps where it is checked.
        let check = if by_commands { "healthCheck: {type: tcp, interval: 100ms}, " } else { "" };
        match self.kind {
            _ if !is_other => {}
            Kind::Refused => {
                // An address for documentation (RFC 5737), which no machine has.
                route = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
                         metadata: {name: more}\nspec:\n  addresses: [{value: 192.0.2.7}]\n  \
                         listeners: [{name: http, port: 8081, protocol: HTTP}]\n";
            }
            Kind::Undone => {
                servers.push(json!({"name": "bad", "address": REFUSED, "port": 1}));
            }
            _ => {
                servers[0] = server("s", two);
                if by_commands {
                    servers[0]["weight"] = 3.into();
                    servers.push(server("v", two));
                    route = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: b}\n\
                             spec: {hosts: [b.test], backend: web}\n";
                    more = self.rig.version.is_at_least(3, 4);
                } else {
                    timeout = 6;
                }
            }
        }
        let backend = |name: &str, servers: &[Value]| {
            format!(
                "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: {name}}}\n\
                 spec: {{{check}servers: {}, timeouts: {{server: {timeout}s}}}}\n",
                json!(servers)
            )
        };
        let mut backends = backend("web", &servers);
        if more {
            // With the settings of another one, so that it takes no reload.
            backends.push_str(&backend("api", &servers[..1]));
        }
        let port = self.port;
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
             spec:\n  listeners:\n  - {{name: http, port: {port}, protocol: HTTP}}\n\
             ---\napiVersion: gw/v1\nkind: Route\nmetadata: {{name: a}}\n\
             spec: {{hosts: [a.test], backend: web, gateway: public}}\n{route}{backends}"
        )
    }

    fn gw(&self, arguments: &[&str]) -> Outcome {
        self.rig.gw.run_under(self.network(), arguments)
    }

    /// The program under which gw runs. In another network than HAProxy's it can't tell where HAProxy
    /// can listen, and leaves it to HAProxy to refuse.
    fn network(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Refused if geteuid().is_root() => &["unshare", "--net"],
            Kind::Refused => &["unshare", "--map-root-user", "--net"],
            _ => &[],
        }
    }

    /// The side that is next on a turn.
    pub(super) fn side(&self, turn: usize) -> usize {
        match self.kind {
            Kind::Refused | Kind::Undone => 1,
            Kind::Commands | Kind::Reload | Kind::Start | Kind::Git => turn % 2,
            _ => 0,
        }
    }

    /// Puts things so that [`act`](Self::act) has something to do.
    pub(super) fn prepare(&mut self, turn: usize) {
        match self.kind {
            Kind::Hold | Kind::Suspend => {}
            Kind::Release => drop(self.gw(&HOLD).ok()),
            Kind::Resume => drop(self.gw(&["suspend", "--reason", "INC-43"]).ok()),
            Kind::Rollback => {
                let link = self.rig.generation().expect("there is one");
                let name = link.file_name().and_then(|name| name.to_str()).expect("a number");
                self.generation = name.parse().expect("a number");
                self.want(1);
                let _ = self.rig.apply().ok();
            }
            _ => self.want(self.side(turn)),
        }
    }

    /// Does it, with a fault.
    pub(super) fn act(&self, fault: &str) -> Outcome {
        let gw = self.rig.gw.clone().env("GW_FAULT", fault);
        let url = self.upstream.url();
        let number = self.generation.to_string();
        let arguments = match self.kind {
            Kind::Hold => HOLD.to_vec(),
            Kind::Release => vec!["release", "web/s"],
            Kind::Suspend => vec!["suspend", "--reason", "INC-43"],
            Kind::Resume => vec!["resume"],
            Kind::Rollback => vec!["rollback", &number, "--yes"],
            Kind::Git => vec!["apply", "--git", &url, "--yes"],
            _ => APPLY.to_vec(),
        };
        gw.run_under(self.network(), &arguments)
    }

    /// What the next gw makes of what the one before left. Says what is wrong.
    pub(super) fn recover(&self, turn: usize, point: &str) -> Result<(), String> {
        unfit(&self.rig).map_or(Ok(()), Err)?;
        self.answers()?;
        let side = self.side(turn);
        match self.kind {
            Kind::Git => self.ends(&["apply", "--git", &self.upstream.url(), "--yes"], 0)?,
            Kind::Rollback => {
                self.ends(&["rollback", &self.generation.to_string(), "--yes"], 0)?;
                self.want(0);
            }
            Kind::Suspend | Kind::Resume => {}
            _ => self.ends(&APPLY, self.code(side))?,
        }
        match self.kind {
            Kind::Refused | Kind::Undone => {
                // Nothing of it is left, and what is good goes in.
                self.is_at(1)?;
                self.want(0);
                self.ends(&APPLY, 0)?;
                self.is_at(0)?;
            }
            Kind::Hold | Kind::Release => {
                let text = fs::read_to_string(self.rig.state_dir().join("holds.json"));
                let is_held = text.expect("another server is held").contains("\"s\"");
                let state = self.rig.state();
                let is_so = state.of("server web/s ").any(|line| line.contains("weight=5 "));
                if is_held != is_so {
                    return Err(format!("held on disk: {is_held}, in HAProxy: {is_so}\n{state}"));
                }
                let _ = self.gw(&["release", "web/s"]);
            }
            Kind::Suspend | Kind::Resume | Kind::Rollback => self.ends(&["resume"], 0)?,
            _ => {}
        }
        let side = if matches!(self.kind, Kind::Refused | Kind::Undone) { 0 } else { side };
        self.rig.contradiction().map_or(Ok(()), Err)?;
        if self.kind != Kind::Start {
            self.is_at(side)?;
        }
        unfit(&self.rig).map_or(Ok(()), Err)?;
        // What was ended in the middle of a tidying, or before an act began, waits for the next one
        // that writes.
        if !matches!(point, "GenerationRemoved" | "FileWritten") {
            remains(&self.rig).map_or(Ok(()), Err)?;
        }
        self.answers()
    }

    fn ends(&self, arguments: &[&str], code: i32) -> Result<(), String> {
        let outcome = self.gw(arguments);
        let is_so = outcome.code == Some(code) && !outcome.stderr.contains("panicked");
        if is_so { Ok(()) } else { Err(format!("not {code}: {}", outcome.transcript())) }
    }

    /// What is live must be what an undisturbed gw makes of a side.
    pub(super) fn is_at(&self, side: usize) -> Result<(), String> {
        let diff = self.sides[side].diff(&self.rig.state(), "undisturbed", "now");
        if diff.is_empty() { Ok(()) } else { Err(format!("side {side}:\n{diff}")) }
    }

    /// No request may fail, whatever happens.
    pub(super) fn answers(&self) -> Result<(), String> {
        let Some(load) = &self.load else { return Ok(()) };
        load.wait_for(1);
        match load.so_far() {
            (_, 0) => Ok(()),
            (total, failed) => Err(format!("{failed} of {total} requests failed")),
        }
    }

    /// Ends HAProxy, and starts it again after something. Who asks meanwhile is not answered.
    pub(super) fn restart(&mut self, between: impl FnOnce(&Self)) {
        drop(self.load.take());
        self.rig.stop();
        between(self);
        self.rig.start();
        self.weigh_by_hand();
    }

    fn weigh_by_hand(&self) {
        self.rig.haproxy().command("set server web/t weight 77");
    }

    /// Ends it, after an act that came to its end. A HAProxy that did not run yet starts on what is
    /// there.
    pub(super) fn end(mut self) {
        assert_eq!(remains(&self.rig), None, "{:?}", self.kind);
        if self.kind == Kind::Start {
            self.rig.start();
            self.rig.assert_converged();
        }
        if let Some(load) = self.load.take() {
            load.stop().assert_no_failure();
        }
    }
}

const APPLY: [&str; 3] = ["apply", "manifests", "--yes"];
const HOLD: [&str; 8] = ["hold", "web/s", "--weight", "5", "--for", "1h", "--reason", "INC-43"];

/// An HAProxy that refuses an address in files.
fn picky(folder: &Path, version: &Version) -> std::path::PathBuf {
    let path = folder.join("picky");
    let text = format!(
        "#!/bin/sh\nfor last; do :; done\n\
         if [ -d \"$last\" ] && grep -rqF {REFUSED} \"$last/\"; then\n  \
         echo '[ALERT] {REFUSED} is not liked' >&2; exit 1\nfi\nexec {} \"$@\"\n",
        version.binary.display()
    );
    fs::write(&path, text).expect("the test's folder is writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

/// What an earlier pass left and a later one should have removed.
fn remains(rig: &Rig) -> Option<String> {
    let names = |folder: &str| {
        let entries = fs::read_dir(rig.state_dir().join(folder)).expect("it was made").flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let torso =
        names("generations").into_iter().find(|path| !path.join("generation.json").exists());
    let half = names("").into_iter().find(|path| {
        path.extension().is_some_and(|ending| ending == "new") || path.ends_with(".current.new")
    });
    let found = torso.or(half).map(|path| path.display().to_string());
    let state = fs::read_to_string(rig.state_dir().join("servers.state")).expect("it was made");
    found.or_else(|| (state != "1\n").then(|| format!("servers.state: {state}")))
}
