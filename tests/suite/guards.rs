//! What a guard refuses is not done, its own flag and no other lets it pass, and the exit codes
//! tell.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::Rig;
use crate::support::clock;
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::run::{Gw, Outcome};
use crate::support::versions::{Version, newest, oldest};

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(15);

/// Backends `b0`, `b1`, … with so many servers each, and a route to each.
fn manifests(port: u16, backends: &[usize], more: &str) -> String {
    let mut text = format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n"
    );
    for (number, servers) in backends.iter().enumerate() {
        let servers: Vec<Value> = (0..*servers)
            .map(|server| json!({"name": format!("s{server}"), "address": format!("127.0.0.{}", server + 1), "port": 1 + number}))
            .collect();
        let servers = Value::from(servers);
        write!(
            text,
            "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: b{number}}}\n\
             spec:\n  servers: {servers}\n{more}---\napiVersion: gw/v1\nkind: Route\n\
             metadata: {{name: r{number}}}\nspec: {{hosts: [h{number}.test], backend: b{number}}}\n"
        )
        .expect("a string takes text");
    }
    text
}

/// An HAProxy with four backends of five servers, and a gw with all its guards.
struct Site {
    rig: Rig,
    gw: Gw,
    port: u16,
}

impl Site {
    fn new(version: &Version) -> Self {
        let port = free_port();
        let rig = Rig::serving(version, &manifests(port, &[5, 5, 5, 5], ""));
        let gw = rig.gw.clone().env("GW_CONFIG", "gw.yaml");
        let site = Self { rig, gw, port };
        site.configure("");
        site
    }

    fn configure(&self, settings: &str) {
        fs::write(self.rig.path().join("gw.yaml"), settings).expect("the folder is writable");
    }

    fn want(&self, backends: &[usize], more: &str) {
        self.rig.write(&manifests(self.port, backends, more));
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.gw.run(arguments)
    }

    fn apply(&self, flags: &[&str]) -> Outcome {
        self.run(&[&["apply", "manifests", "--yes", "--output", "json"], flags].concat())
    }

    /// What is wanted is refused by these guards and no others, whatever command asks, and nothing
    /// happens.
    fn assert_refused(&self, flags: &[&str], guards: &[(&str, &str)]) {
        let before = (self.rig.state(), self.rig.generation());
        let plan = ["plan", "manifests", "--output", "json"];
        let plan = self.run(&[&plan[..], flags].concat()).ok();
        let document = plan.json();
        let refusals = document["refusals"].as_array().expect("a list");
        let named: Vec<(&str, &str)> = refusals
            .iter()
            .map(|one| (one["guard"].as_str().unwrap(), one["flag"].as_str().unwrap()))
            .collect();
        assert_eq!(named, guards, "{}", plan.transcript());
        let _ = self.run(&[&["plan", "manifests", "--exit-code"], flags].concat()).expect(10);
        let text = self.run(&[&["plan", "manifests"], flags].concat()).ok().stdout;
        let outcome = self.apply(flags).expect(10);
        for (guard, flag) in guards {
            for said in [&text, &outcome.stderr] {
                assert!(said.contains(&format!("{guard}: ")), "{said}");
                assert!(said.contains(&format!("if that is meant, pass {flag}\n")), "{said}");
            }
        }
        assert_eq!(outcome.stdout, "", "{}", outcome.transcript());
        assert_eq!(before, (self.rig.state(), self.rig.generation()), "something was changed");
    }
}

/// The oldest and the newest HAProxy: guards are gw's own business, but what they count is not.
fn sites() -> impl Iterator<Item = Site> {
    [oldest(), newest()].into_iter().map(Site::new)
}

#[test]
fn a_mass_delete_needs_its_number() {
    for site in sites() {
        site.want(&[2, 2, 2, 2], "");
        site.assert_refused(&[], &[("mass-delete", "--allow-mass-delete=12")]);
        let told = site.apply(&[]).expect(10).stderr;
        let numbers = "it deletes 12 of 20 servers (60 %), more than the 30 % allowed";
        assert!(told.contains(numbers), "{told}");
        site.assert_refused(
            &["--allow-mass-delete=11", "--allow-shrunk-source", "--allow-empty-backend"],
            &[("mass-delete", "--allow-mass-delete=12")],
        );
        let report = site.apply(&["--allow-mass-delete=12"]).ok().json();
        assert_eq!(report["summary"]["remove"], 12, "{report}");
        // A setting for good does the same as a flag for once.
        site.want(&[5, 5, 5, 5], "");
        let _ = site.apply(&[]).ok();
        site.want(&[2, 2, 2, 2], "");
        site.configure("guards: {massDelete: 60%}\n");
        let _ = site.apply(&[]).ok();
    }
}

#[test]
fn whole_backends_and_routes_count_as_well() {
    let site = Site::new(newest());
    site.want(&[1; 12], "");
    let _ = site.apply(&["--allow-mass-delete"]).ok();
    site.want(&[1; 7], "");
    site.assert_refused(&[], &[("mass-delete", "--allow-mass-delete=5")]);
    let told = site.apply(&[]).expect(10).stderr;
    for kind in ["servers", "backends", "routes"] {
        assert!(told.contains(&format!("5 of 12 {kind} (41.7 %)")), "{told}");
    }
    let _ = site.apply(&["--allow-mass-delete"]).ok();
}

#[test]
fn a_backend_keeps_its_last_server() {
    for site in sites() {
        site.want(&[0, 5, 5, 5], "");
        site.assert_refused(
            &["--allow-mass-delete"],
            &[("empty-backend", "--allow-empty-backend")],
        );
        let _ = site.apply(&["--allow-empty-backend"]).ok();
        // It has none to lose any more.
        site.want(&[0, 5, 5, 4], "");
        let _ = site.apply(&[]).ok();
    }
}

#[test]
fn a_route_keeps_its_backend() {
    for site in sites() {
        let wanted = manifests(site.port, &[5, 5, 5, 5], "");
        // A slip, and a backend that is deleted with its route left behind.
        let slip =
            wanted.replace("hosts: [h3.test], backend: b3", "hosts: [h3.test], backend: b33");
        let last = wanted.find("metadata: {name: b3}").expect("it is there");
        let (head, tail) = wanted.split_at(wanted[..last].rfind("---").expect("a document"));
        let route = tail.rfind("---").expect("its route");
        for text in [slip, format!("{head}{}", &tail[route..])] {
            assert_ne!(text, wanted);
            site.rig.write(&text);
            site.assert_refused(
                &["--allow-mass-delete"],
                &[("empty-backend", "--allow-empty-backend")],
            );
            let told = site.apply(&[]).expect(10).stderr;
            let numbers = format!("it leaves route http:{} h3.test/* without a backend", site.port);
            assert!(told.contains(&numbers), "{told}");
        }
        let _ = site.apply(&["--allow-empty-backend"]).ok();
        // It has none to lose any more, and a new one may wait for its backend.
        let more = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: more}\n\
                    spec: {hosts: [more.test], backend: later}\n";
        site.rig.write(&format!(
            "{}{more}",
            fs::read_to_string(site.rig.manifests().join("all.yaml")).unwrap()
        ));
        let _ = site.apply(&[]).ok();
    }
}

#[test]
fn a_source_that_shrank_by_half_is_not_believed() {
    for mut site in sites() {
        site.want(&[2, 2, 2], "");
        let shrunk = ("shrunk-source", "--allow-shrunk-source");
        site.assert_refused(&["--allow-mass-delete"], &[shrunk]);
        site.assert_refused(
            &["--allow-shrunk-source"],
            &[("mass-delete", "--allow-mass-delete=14")],
        );
        // Nothing is deleted from a process that does not run. The source is doubtful as before.
        site.rig.stop();
        let outcome = site.apply(&[]).expect(10);
        assert!(!outcome.stderr.contains("mass-delete"), "{}", outcome.transcript());
        assert!(outcome.stderr.contains("from 28 to 12 objects"), "{}", outcome.transcript());
        let _ = site.apply(&["--allow-shrunk-source"]).ok();
        site.rig.start();
        site.rig.assert_converged();
    }
}

#[test]
fn a_reload_can_be_forbidden() {
    for site in sites() {
        let slower = "  timeouts: {server: 7s}\n";
        site.want(&[5, 5, 5, 5], slower);
        let reload = [("reload", "--allow-reload")];
        site.assert_refused(&["--no-reload"], &reload);
        site.configure("reload: forbid\n");
        site.assert_refused(&[], &reload);
        let told = site.apply(&[]).expect(10).stderr;
        assert!(told.contains("no command sets `timeout server` of a backend"), "{told}");
        let report = site.apply(&["--allow-reload"]).ok().json();
        assert_eq!(report["reloads"], 1, "{report}");
        // What needs none passes.
        site.want(&[5, 5, 5, 4], slower);
        let _ = site.apply(&[]).ok();
        let _ = site.run(&["apply", "manifests", "--allow-reload", "--no-reload"]).expect(64);
    }
}

#[test]
fn reloads_wait_for_old_workers() {
    // Where there is no master socket, they are found by their parent.
    let by_parent = |site: Site| Site { gw: site.gw.clone().without("GW_MASTER"), ..site };
    for site in sites().chain(sites().map(by_parent)) {
        site.configure("guards: {oldWorkers: 0}\n");
        // A worker lives for as long as somebody is connected to it.
        let connected = UnixStream::connect(&site.rig.socket).expect("HAProxy takes connections");
        site.want(&[5, 5, 5, 5], "  timeouts: {server: 7s}\n");
        let _ = site.apply(&[]).ok();
        site.want(&[5, 5, 5, 5], "  timeouts: {server: 8s}\n");
        site.assert_refused(&[], &[("old-workers", "--allow-old-workers")]);
        let told = site.apply(&[]).expect(10).stderr;
        assert!(told.contains("while old workers live: 1, more than the 0 allowed"), "{told}");
        let _ = site.apply(&["--allow-old-workers"]).ok();
        drop(connected);
        site.want(&[5, 5, 5, 5], "  timeouts: {server: 9s}\n");
        let applied =
            clock::eventually(Duration::from_secs(10), || site.apply(&[]).code == Some(0));
        assert!(applied, "{}", site.apply(&[]).transcript());
    }
}

/// What a guard refuses, with nothing else that refuses it.
struct Accident {
    guard: &'static str,
    flag: &'static str,
    settings: &'static str,
    backends: &'static [usize],
    more: &'static str,
    /// Whether a worker of an earlier configuration lives.
    lingers: bool,
}

const SLOWER: &str = "  timeouts: {server: 7s}\n";

const ACCIDENTS: [Accident; 5] = [
    Accident {
        guard: "mass-delete",
        flag: "--allow-mass-delete=12",
        settings: "",
        backends: &[2, 2, 2, 2],
        more: "",
        lingers: false,
    },
    Accident {
        guard: "empty-backend",
        flag: "--allow-empty-backend",
        settings: "",
        backends: &[0, 5, 5, 5],
        more: "",
        lingers: false,
    },
    Accident {
        guard: "shrunk-source",
        flag: "--allow-shrunk-source",
        settings: "guards: {massDelete: allow}\n",
        backends: &[2, 2, 2],
        more: "",
        lingers: false,
    },
    Accident {
        guard: "reload",
        flag: "--allow-reload",
        settings: "reload: forbid\n",
        backends: &[5, 5, 5, 5],
        more: SLOWER,
        lingers: false,
    },
    Accident {
        guard: "old-workers",
        flag: "--allow-old-workers",
        settings: "guards: {oldWorkers: 0}\n",
        backends: &[5, 5, 5, 5],
        more: SLOWER,
        lingers: true,
    },
];

impl Accident {
    /// A site where it is about to happen, and what keeps an old worker alive.
    fn site(&self, version: &Version) -> (Site, Option<UnixStream>) {
        let site = Site::new(version);
        site.configure(self.settings);
        let connected = self.lingers.then(|| {
            let connected = UnixStream::connect(&site.rig.socket).expect("HAProxy listens");
            site.want(&[5, 5, 5, 5], "  timeouts: {server: 6s}\n");
            let _ = site.apply(&[]).ok();
            connected
        });
        (site, connected)
    }

    fn happen(&self, site: &Site) {
        site.want(self.backends, self.more);
    }
}

/// Asks it to end, and waits until it has finished what is under way.
fn end(watch: &mut Process) {
    watch.signal(Signal::TERM);
    let code = watch.wait(SOON).and_then(|status| status.code());
    assert_eq!(code, Some(0), "{}", watch.log());
}

#[test]
fn who_follows_refuses_the_same_until_a_person_lets_it_pass() {
    for version in [oldest(), newest()] {
        for accident in ACCIDENTS {
            let (site, connected) = accident.site(version);
            let mut watch = site.gw.start(&["watch", "manifests"]);
            watch.wait_for_log("Watching", SOON);
            let before = (site.rig.state(), site.rig.generation());
            accident.happen(&site);
            watch.wait_for_log("guards refuse this plan: ", SOON);
            watch.wait_for_log(accident.flag, SOON);
            let after = (site.rig.state(), site.rig.generation());
            assert_eq!(before, after, "{}: something was changed", accident.guard);
            let _ = site.apply(&[]).expect(10);
            // It tries again, and tells once.
            clock::pause(Duration::from_secs(2));
            let log = watch.log();
            let told = ["Plan: ", "guards refuse"].map(|what| log.matches(what).count());
            assert_eq!(told, [1, 1], "{}: {log}", accident.guard);
            let _ = site.apply(&[accident.flag]).ok();
            drop(connected);
            site.rig.assert_converged();
            end(&mut watch);
        }
    }
}

#[test]
fn who_follows_with_a_flag_refuses_that_no_more() {
    for accident in ACCIDENTS {
        let (site, _connected) = accident.site(newest());
        let mut watch = site.gw.start(&["watch", "manifests", accident.flag]);
        watch.wait_for_log("Watching", SOON);
        let before = site.rig.generation();
        accident.happen(&site);
        let is_done = clock::eventually(SOON, || site.rig.generation() != before);
        assert!(is_done, "{}: {}", accident.guard, watch.log());
        end(&mut watch);
        site.rig.assert_converged();
    }
}
