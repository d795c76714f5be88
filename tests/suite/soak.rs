//! `gw watch --git` for a long time, while all happens that may happen: commits, operators, reloads by
//! others, a Git server that fails, requests without end. No request may fail, the end must be what
//! Git says, and nothing may grow.
//!
//! `GW_SOAK_SECONDS` sets how long it takes on each version, `GW_SOAK_SEED` which acts there are, in
//! which order. The seed is printed; when they happen depends on the machine.

mod acts;
mod site;
mod vitals;

use std::collections::BTreeSet;
use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::acts::{Act, ByHand, Server};
use self::site::{HOSTS, PATHS, Site};
use self::vitals::Vitals;
use crate::rig::Rig;
use crate::support::client::Client;
use crate::support::clock;
use crate::support::connection::Ask;
use crate::support::git::Upstream;
use crate::support::git::http::{Http, Manner};
use crate::support::load::{Load, Running};
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::random::Random;
use crate::support::versions::{Version, newest, oldest};
use crate::support::webhook;

/// How long it takes unless the environment says otherwise, in seconds.
const SECONDS: u64 = 45;
/// There are so many looks whether all is well, at least,
const CHECKPOINTS: u32 = 3;
/// and one in so much time.
const PERIOD: Duration = Duration::from_secs(150);
/// How long gw may take to be where Git is, once all is well.
const PATIENCE: Duration = Duration::from_secs(90);
/// So many connections are kept.
const KEPT: usize = 3;
/// So many looks are made before the last one, at least.
const LOOKS: usize = 2;
/// How much an act may add to the journal, in KiB: it tells a few changes with their commands.
const JOURNAL: u64 = 4;
/// So many requests find every server that may answer.
const ASKS: usize = 1000;

const SECRET: &str = "a secret of the forge and of gw";

/// Workers that retired stay for as long as anybody is connected, so that a forgotten connection
/// shows.
const BASE: &str = "global\n    hard-stop-after 1h\n";

/// All that takes part.
struct Soak {
    random: Random,
    site: Site,
    upstream: Upstream,
    server: Server,
    /// Where the Git server is when it is.
    address: SocketAddr,
    gw: Process,
    /// Where gw answers.
    http: u16,
    front: SocketAddr,
    load: Option<Running>,
    by_hand: ByHand,
    /// What is done before chance has its way.
    to_do: Vec<Act>,
    rig: Rig,
    _origins: Vec<Origin>,
    _dir: TempDir,
}

impl Soak {
    fn start(version: &Version, seed: u64, longest: Duration) -> Self {
        let mut random = Random::new(seed);
        let dir = tempfile::tempdir().expect("the temporary folder is writable");
        let origins: Vec<Origin> =
            (0..6).map(|number| Origin::http1(&format!("o{number}"))).collect();
        let (front, http) = (free_port(), free_port());
        let site = Site::new(front, &origins, &mut random);
        let upstream = Upstream::new(dir.path());
        for (path, text) in site.files() {
            upstream.write(&format!("site/{path}"), text);
        }
        upstream.push("The first one");
        let server = Http::start(&upstream.root, Manner::Open, None);
        let mut rig = Rig::with_base(version, BASE);
        let (config, secret) = (rig.path().join("gw.yaml"), rig.path().join("secret"));
        std::fs::write(&secret, SECRET).expect("the test's folder is writable");
        let settings = json!({
            "webhook": {"secretFile": secret, "providers": ["github"]},
            "source": {
                "git": server.url("site.git"), "ref": "main", "path": "site", "timeout": "3s",
            },
            // A small estate changes by large parts.
            "guards": {"massDelete": "allow", "shrunkSource": "allow"},
        });
        std::fs::write(&config, settings.to_string()).expect("the test's folder is writable");
        rig.gw = rig.gw.clone().env("GW_CONFIG", config);
        let _ = rig.gw.run(&["apply", "--yes"]).ok();
        rig.start();
        let gw = rig.gw.start(&["watch", "--http", &format!("127.0.0.1:{http}")]);
        gw.wait_for_log("Watching", PATIENCE);
        let front = SocketAddr::from((Ipv4Addr::LOCALHOST, front));
        let asks = (0..HOSTS).flat_map(|host| PATHS.map(|path| ask(host, path))).collect();
        let pause = Duration::from_millis(30);
        let load = Load { keep_alive: KEPT, fresh: 3, pause, longest, ..Load::default() };
        let to_do = acts::each(&mut random);
        Self {
            random,
            site,
            upstream,
            address: server.address,
            server: Server::Up(server),
            gw,
            http,
            front,
            load: Some(load.start(front, asks)),
            by_hand: ByHand::default(),
            to_do,
            rig,
            _origins: origins,
            _dir: dir,
        }
    }

    /// Lets all settle, and panics unless everything is as Git says. Returns what is in use then.
    fn check(&mut self) -> Vitals {
        self.calm();
        self.settle();
        self.let_go();
        self.settle();
        self.assert_answers();
        let vitals = || Vitals::of(self.gw.pid(), self.rig.haproxy().pid(), &self.rig.state_dir());
        let is_alone = clock::eventually(PATIENCE, || vitals().workers == 1);
        assert!(is_alone, "old workers stay: {}", vitals());
        vitals()
    }

    /// How many requests were made. None of them failed, or this panics.
    fn requests(&mut self) -> u64 {
        let (total, failed) = self.load.as_ref().expect("it goes on").so_far();
        if failed > 0 {
            self.end_load();
        }
        total
    }

    /// Ends the requests, and panics where some failed.
    fn end_load(&mut self) {
        let report = self.load.take().expect("it goes on").stop();
        println!("HAProxy {}: {report}", self.rig.version);
        report.assert_no_failure();
        // A worker that ends closes what is idle, perhaps just as a client uses it again (RFC 9112,
        // section 9.5).
        let most = KEPT as u64 * self.reloads();
        let closed = report.keep_alive_closed;
        assert!(closed <= most, "{closed} kept connections broke, {most} may have at reloads");
    }

    /// How often HAProxy was reloaded, by whomever.
    fn reloads(&self) -> u64 {
        let processes = self.rig.haproxy().try_master_command("show proc").expect("it answers");
        let master = processes.lines().find(|line| line.contains(" master "));
        let count = master.and_then(|line| line.split_whitespace().nth(2)?.parse().ok());
        count.unwrap_or_else(|| panic!("no master in {processes}"))
    }

    /// Waits until everything is as Git says.
    fn settle(&self) {
        let begin = Instant::now();
        let mut told = begin;
        while let Some(why) = self.contradiction() {
            assert!(begin.elapsed() < PATIENCE, "it does not settle: {why}");
            if told.elapsed() > Duration::from_secs(2) {
                told = Instant::now();
                self.tell();
                self.gw.signal(Signal::HUP);
            }
            clock::pause(Duration::from_millis(100));
        }
    }

    /// Why not everything is as Git says.
    fn contradiction(&self) -> Option<String> {
        let status = webhook::get(self.http, "/v1/status").expect("gw answers");
        let status: Value = serde_json::from_str(&status).expect("it is JSON");
        let head = self.upstream.run(&["rev-parse", "HEAD"]);
        let revision = status["applied"]["revision"].as_str().unwrap_or_default();
        if revision.is_empty() || !head.starts_with(revision) {
            return Some(format!("Git is at {head}, gw says {status:#}"));
        }
        let plan = self.rig.gw.run(&["plan", "--output", "json", "--exit-code"]);
        let is_empty = plan.code == Some(0) && plan.json()["steps"] == json!([]);
        (!is_empty).then(|| plan.transcript())
    }

    /// Each request meets a server that the manifests lead it to, and each of these is met.
    fn assert_answers(&self) {
        let client = Client::http1(self.front);
        for host in 0..HOSTS {
            for path in PATHS {
                let expected = self.site.answering(host, path);
                let mut met = BTreeSet::new();
                for _ in 0..ASKS {
                    let answer = client.send(ask(host, path)).expect("HAProxy answers");
                    met.insert(answer.origin().unwrap_or(answer.status.as_str()).to_owned());
                    if met.len() >= expected.len() {
                        break;
                    }
                }
                let told = || {
                    let status = self.rig.gw.run(&["status"]).transcript();
                    let servers = self.rig.haproxy().command("show servers state");
                    format!("h{host}{path}: {met:?}, not {expected:?}\n{status}\n{servers}")
                };
                assert!(met.iter().eq(&expected), "{}", told());
            }
        }
    }
}

fn ask(host: usize, path: &str) -> Ask {
    Ask::get(&format!("h{host}.test"), path)
}

fn soak(version: &Version) {
    let number =
        |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let duration = Duration::from_secs(number("GW_SOAK_SECONDS").unwrap_or(SECONDS));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let anew = now.as_secs() + u64::from(version.branch.1);
    let seed = number("GW_SOAK_SEED").unwrap_or(anew);
    println!("HAProxy {version}: {duration:?} with GW_SOAK_SEED={seed}");
    let mut soak = Soak::start(version, seed, duration * 2 + PATIENCE * 20);
    let period = (duration / CHECKPOINTS).min(PERIOD);
    let begin = Instant::now();
    let (mut looks, mut tally, mut next) = (Vec::new(), acts::Tally::default(), period);
    while begin.elapsed() < duration || looks.len() < LOOKS || !soak.to_do.is_empty() {
        let act = soak.act();
        println!("HAProxy {version}, {:.1?}: {act}", begin.elapsed());
        tally.count(&act);
        clock::pause(Duration::from_millis(soak.random.between(50, 600) as u64));
        let _ = soak.requests();
        if begin.elapsed() >= next {
            let vitals = soak.check();
            let total = soak.requests();
            println!("HAProxy {version}, {:.1?}, {total} requests: {vitals}", begin.elapsed());
            looks.push((vitals, tally.total()));
            next = begin.elapsed() + period;
        }
    }
    let late = soak.check();
    println!("HAProxy {version}, {:.1?}: {late}\n{tally}", begin.elapsed());
    soak.end_load();
    let (early, acts) = looks[0];
    let growth = late.growth_since(&early);
    assert!(growth.is_empty(), "HAProxy {version}: {}", growth.join("; "));
    let (told, acts) = (late.journal.saturating_sub(early.journal), tally.total() - acts);
    assert!(told <= JOURNAL * acts, "HAProxy {version}: {told} KiB of journal for {acts} acts");
}

#[test]
fn the_oldest_haproxy_follows_git_for_long() {
    soak(oldest());
}

#[test]
fn the_newest_haproxy_follows_git_for_long() {
    soak(newest());
}
