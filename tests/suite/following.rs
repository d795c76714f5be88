//! `gw up` and `gw watch`: what makes them look again, and how they end.

mod churn;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::{fs::symlink, net::UnixStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::rig::{Rig, web};
use crate::support::client::Client;
use crate::support::clock;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::process::Process;
use crate::support::run::Gw;
use crate::support::versions::{Version, newest, oldest};

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(15);

/// A Gateway, `web.test` led to one server, and `more` documents.
fn manifests(port: u16, server: u16, more: &str) -> String {
    web(port, server, "") + more
}

/// A backend whose server never passes its health check.
fn never_up(server: u16) -> String {
    format!(
        "---\napiVersion: gw/v1\nkind: Backend\nmetadata: {{name: slow}}\n\
         spec:\n  healthCheck: {{type: tcp, interval: 100ms}}\n  \
         servers: [{{name: one, address: 127.0.0.1, port: {server}}}]\n"
    )
}

/// `gw up` on a folder, and the HAProxy that it runs.
struct Up {
    gw: Process,
    port: u16,
    dir: tempfile::TempDir,
}

impl Up {
    fn start(version: &Version, text: impl Fn(u16) -> String, prepare: impl Fn(&Path)) -> Self {
        let (dir, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        let folder = dir.path().join("real");
        fs::create_dir(&folder).expect("the test's folder is writable");
        fs::write(folder.join("all.yaml"), text(port)).expect("the test's folder is writable");
        prepare(dir.path());
        let gw = Gw::new(dir.path()).env("GW_HAPROXY", &version.binary);
        let manifests = dir.path().join("manifests");
        let manifests = if manifests.exists() { manifests } else { folder };
        let manifests = manifests.to_str().expect("UTF-8");
        let gw = gw.start(&["up", manifests, "--state", "state", "--ready-timeout", "60s"]);
        gw.wait_for_log("Watching", SOON);
        Self { gw, port, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The process id of HAProxy's master.
    fn haproxy(&self) -> Pid {
        running(&self.gw)
    }

    fn assert_answers(&self, origin: &Origin, told: &str) {
        let served = || answers(self.port, origin);
        assert!(clock::eventually(SOON, served), "{told}\n{}", self.gw.log());
    }
}

/// The process id of the HAProxy that a `gw up` tells of.
fn running(up: &Process) -> Pid {
    let log = up.log();
    let (_, rest) = log.split_once("runs, process ").expect("it tells the process");
    let digits = rest.split(';').next().and_then(|digits| digits.parse().ok());
    digits.and_then(Pid::from_raw).expect("it tells the process")
}

/// Whether requests are answered by this origin.
fn answers(port: u16, origin: &Origin) -> bool {
    let client = Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    client.get("web.test", "/").is_ok_and(|answer| answer.origin() == Some(origin.name()))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the test's folder is writable");
}

#[test]
fn a_folder_is_followed_however_it_changes() {
    for version in [oldest(), newest()] {
        let [one, two, three, four] = ["one", "two", "three", "four"].map(Origin::http1);
        let to = |origin: &Origin| {
            let server = origin.port();
            move |port| manifests(port, server, "")
        };
        let up = Up::start(version, to(&one), |root| {
            symlink("real", root.join("manifests")).expect("links work");
        });
        up.assert_answers(&one, "at the start");

        // Editors write beside and rename.
        write(&up.path("real/.all.yaml.swp"), &to(&two)(up.port));
        fs::rename(up.path("real/.all.yaml.swp"), up.path("real/all.yaml")).unwrap();
        up.assert_answers(&two, "after a rename");

        // A mistake changes nothing, and is told.
        write(&up.path("real/all.yaml"), "kind: Gatewy\n");
        up.gw.wait_for_log("Gatewy", SOON);
        assert!(answers(up.port, &two));

        // Configuration tools swap a link.
        fs::create_dir(up.path("next")).unwrap();
        write(&up.path("next/all.yaml"), &to(&three)(up.port));
        symlink("next", up.path("fresh")).unwrap();
        fs::rename(up.path("fresh"), up.path("manifests")).unwrap();
        up.assert_answers(&three, "after the swap of a link");

        // A lost folder is no empty one.
        fs::remove_dir_all(up.path("next")).unwrap();
        up.gw.wait_for_log("cannot read", SOON);
        assert!(answers(up.port, &three));
        fs::create_dir(up.path("next")).unwrap();
        write(&up.path("next/all.yaml"), &to(&four)(up.port));
        up.assert_answers(&four, "after the folder was made again");
    }
}

#[test]
fn a_signal_ends_it_even_while_it_waits() {
    for (version, signal) in [(oldest(), Signal::INT), (newest(), Signal::TERM)] {
        let (origin, dead) = (Origin::http1("one"), Origin::http1("dead"));
        dead.refuse();
        let mut up = Up::start(version, |port| manifests(port, origin.port(), ""), |_| {});
        let haproxy = up.haproxy();
        write(&up.path("real/slow.yaml"), &never_up(dead.port()));
        up.gw.wait_for_log("+ backend slow", SOON);
        let begin = Instant::now();
        up.gw.signal(signal);
        let status = up.gw.wait(SOON);
        let told = format!("HAProxy {version}\n{}", up.gw.log());
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{told}");
        assert!(begin.elapsed() < SOON, "{told}");
        assert!(test_kill_process(haproxy).is_err(), "HAProxy still runs; {told}");
    }
}

#[test]
fn a_signal_during_the_start_leaves_no_haproxy_behind() {
    for version in [oldest(), newest()] {
        for delay in [20, 60, 120, 240, 480] {
            let dir = tempfile::tempdir().expect("a temporary folder");
            write(&dir.path().join("all.yaml"), &manifests(free_port(), 9, ""));
            let state = dir.path().join("state");
            let gw = Gw::new(dir.path()).env("GW_HAPROXY", &version.binary);
            let mut up = gw.start(&["up", dir.path().to_str().expect("UTF-8"), "--state", "state"]);
            clock::pause(Duration::from_millis(delay));
            // SIGINT may be ignored from birth on, where a shell runs the tests in the background.
            up.signal(Signal::TERM);
            assert!(up.wait(SOON).is_some(), "HAProxy {version}, after {delay} ms\n{}", up.log());
            let answers = UnixStream::connect(state.join("haproxy.sock"));
            assert!(answers.is_err(), "HAProxy {version}, after {delay} ms\n{}", up.log());
        }
    }
}

#[test]
fn a_newer_change_ends_the_wait_for_an_older_one() {
    for version in [oldest(), newest()] {
        let [one, two, dead] = ["one", "two", "dead"].map(Origin::http1);
        dead.refuse();
        let up = Up::start(version, |port| manifests(port, one.port(), ""), |_| {});
        write(&up.path("real/slow.yaml"), &never_up(dead.port()));
        up.gw.wait_for_log("+ backend slow", SOON);
        write(&up.path("real/all.yaml"), &manifests(up.port, two.port(), ""));
        up.assert_answers(&two, "while it waits for a server");
        // What was waited for is not forgotten.
        dead.accept();
        up.gw.wait_for_log("done", SOON);
    }
}

#[test]
fn a_route_is_not_led_to_servers_that_had_no_time_to_come_up() {
    let [one, two, dead] = ["one", "two", "dead"].map(Origin::http1);
    dead.refuse();
    // From 3.4 on a backend with settings that another one has comes without a reload, so there is
    // something to wait with.
    let other = never_up(one.port()).replace("slow", "other");
    let text = |port, origin: &Origin| manifests(port, origin.port(), &other);
    let up = Up::start(newest(), |port| text(port, &one), |_| {});
    let narrower = "---\napiVersion: gw/v1\nkind: Route\nmetadata: {name: slow}\n\
                    spec: {hosts: [web.test], path: /slow, backend: slow}\n";
    write(&up.path("real/slow.yaml"), &(never_up(dead.port()) + narrower));
    up.gw.wait_for_log("+ backend slow", SOON);
    write(&up.path("real/all.yaml"), &text(up.port, &two));
    up.assert_answers(&two, "while it waits for a server");
    let client = Client::http1(SocketAddr::from((Ipv4Addr::LOCALHOST, up.port)));
    let by = |origin: &Origin| {
        let answer = client.get("web.test", "/slow").expect("HAProxy answers");
        answer.origin() == Some(origin.name())
    };
    for _ in 0..50 {
        assert!(by(&two), "{}", up.gw.log());
        clock::pause(Duration::from_millis(20));
    }
    dead.accept();
    assert!(clock::eventually(SOON, || by(&dead)), "{}", up.gw.log());
}

#[test]
fn it_ends_with_the_haproxy_that_it_runs() {
    let origin = Origin::http1("one");
    let mut up = Up::start(newest(), |port| manifests(port, origin.port(), ""), |_| {});
    kill_process(up.haproxy(), Signal::KILL).unwrap();
    let status = up.gw.wait(SOON);
    assert_eq!(status.and_then(|status| status.code()), Some(17), "{}", up.gw.log());
    assert!(up.gw.log().contains("HAProxy ended"), "{}", up.gw.log());
}

#[test]
fn nothing_is_started_for_manifests_that_are_not_there() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(dir.path().join("empty")).expect("the test's folder is writable");
    let gw = Gw::new(dir.path()).env("GW_HAPROXY", &newest().binary);
    for (name, said) in [("nope", "cannot read nope"), ("empty", "no manifest in empty")] {
        let outcome = gw.run(&["up", name]).expect(1);
        assert!(outcome.stderr.contains(said), "{}", outcome.transcript());
        assert!(!outcome.stdout.contains("runs"), "{}", outcome.transcript());
        assert!(!dir.path().join(".gw").exists(), "{}", outcome.transcript());
    }
}

#[test]
fn gw_up_leaves_the_haproxy_of_a_service_alone() {
    let [service, own] = ["service", "own"].map(Origin::http1);
    let (port, own_port) = (free_port(), free_port());
    let rig = Rig::serving(newest(), &manifests(port, service.port(), ""));
    let settings = rig.path().join("gw.yaml");
    let text = format!(
        "socket: {}\nmaster: {}\nbase: {}\nstate: {}\n",
        rig.socket.display(),
        rig.path().join("master.sock").display(),
        rig.path().join("base.cfg").display(),
        rig.state_dir().display(),
    );
    write(&settings, &text);
    let before = rig.haproxy().command("show info");
    let folder = rig.path().join("other/manifests");
    fs::create_dir_all(&folder).unwrap();
    write(&folder.join("all.yaml"), &manifests(own_port, own.port(), ""));
    // Both the environment and the file are about the service.
    let gw = rig.gw.clone().env("GW_CONFIG", settings);
    let mut up = gw.start(&["up", "other/manifests"]);
    up.wait_for_log("Watching", SOON);
    assert!(answers(own_port, &own), "{}", up.log());
    let arguments = fs::read(format!("/proc/{}/cmdline", running(&up).as_raw_nonzero())).unwrap();
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
    let of_service = [&rig.socket, &rig.path().join("base.cfg"), &rig.state_dir()];
    for path in of_service {
        assert!(!arguments.contains(&*path.to_string_lossy()), "{arguments}");
    }
    let pid = |info: &str| info.lines().find(|line| line.starts_with("Pid:")).map(str::to_owned);
    assert_eq!(pid(&rig.haproxy().command("show info")), pid(&before), "{}", up.log());
    assert!(answers(port, &service));
    rig.assert_converged();
    up.signal(Signal::TERM);
    assert_eq!(up.wait(SOON).and_then(|status| status.code()), Some(0), "{}", up.log());
    assert!(answers(port, &service));
}

#[test]
fn a_service_is_followed_and_left_running() {
    for version in [oldest(), newest()] {
        let [one, two] = ["one", "two"].map(Origin::http1);
        let port = free_port();
        let text = |origin: &Origin| manifests(port, origin.port(), "");
        let mut rig = Rig::serving(version, &text(&one));
        let folder = rig.manifests();
        let folder = folder.to_str().expect("UTF-8");
        let mut watch = rig.gw.start(&["watch", folder]);
        watch.wait_for_log("Watching", SOON);
        let second = rig.gw.run(&["watch", folder]);
        let second = second.expect(12);
        assert!(second.stderr.contains("another gw"), "{}", second.transcript());

        rig.write(&text(&two));
        assert!(clock::eventually(SOON, || answers(port, &two)), "{}", watch.log());
        rig.assert_converged();

        // A mistake costs its own object, and no other.
        rig.write(&(text(&one) + "---\nkind: Backend\napiVersion: gw/v1\nmetadata: {name: other}\nspec: {}\n---\nkind: nonsense\n"));
        assert!(clock::eventually(SOON, || answers(port, &one)), "{}", watch.log());
        rig.write(&text(&two));
        assert!(clock::eventually(SOON, || answers(port, &two)), "{}", watch.log());
        rig.assert_converged();

        // While it is suspended, nothing is followed.
        let _ = rig.gw.run(&["suspend", "--reason", "incident"]).ok();
        rig.write(&text(&one));
        watch.wait_for_log("incident", SOON);
        assert!(answers(port, &two), "{}", watch.log());
        let _ = rig.gw.run(&["resume"]).ok();
        assert!(clock::eventually(SOON, || answers(port, &one)), "{}", watch.log());
        rig.write(&text(&two));
        assert!(clock::eventually(SOON, || answers(port, &two)), "{}", watch.log());

        // Drift is found at once where somebody asks, else within a minute.
        let address = |origin: &Origin| format!("addr 127.0.0.1 port {}", origin.port());
        let reply = rig.haproxy().command(&format!("set server web/s {}", address(&one)));
        assert!(reply.contains("changed from"), "{reply}");
        assert!(clock::eventually(SOON, || answers(port, &one)));
        watch.signal(Signal::HUP);
        assert!(clock::eventually(SOON, || answers(port, &two)), "{}", watch.log());

        // Who does so again and again is told of.
        let corrected = || watch.log().matches("(drift)").count();
        for _ in 0..3 {
            // What is changed while gw reads back is no drift yet.
            clock::pause(Duration::from_secs(1));
            let before = corrected();
            let reply = rig.haproxy().command(&format!("set server web/s {}", address(&one)));
            assert!(reply.contains("changed from"), "{reply}");
            assert!(clock::eventually(SOON, || answers(port, &one)), "{}", watch.log());
            watch.signal(Signal::HUP);
            let done = || corrected() > before && answers(port, &two);
            assert!(clock::eventually(SOON, done), "{}", watch.log());
        }
        watch.wait_for_log("keeps changing server web/s back", SOON);

        // So it is where HAProxy is another one, of which gw sees nothing until it is as the hand says.
        watch.signal(Signal::STOP);
        rig.stop();
        rig.start();
        let reply = rig.haproxy().command(&format!("set server web/s {}", address(&one)));
        assert!(reply.contains("changed from"), "{reply}");
        assert!(clock::eventually(SOON, || answers(port, &one)), "{reply}");
        watch.signal(Signal::CONT);
        assert!(clock::eventually(SOON, || answers(port, &two)), "{}", watch.log());

        // That HAProxy goes and comes is told.
        rig.stop();
        watch.wait_for_log("HAProxy does not run any more", SOON);
        rig.start();
        watch.wait_for_log("HAProxy runs again", SOON);

        watch.signal(Signal::TERM);
        let status = watch.wait(SOON);
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", watch.log());
        assert!(watch.log().ends_with("Stopping.\n"), "{}", watch.log());
        assert!(answers(port, &two), "HAProxy {version} does not run any more");
    }
}

#[test]
fn a_signal_is_heard_while_files_never_cease_to_change() {
    /// Less than a burst is waited for.
    const AT_ONCE: Duration = Duration::from_millis(1500);
    let rig = Rig::serving(newest(), &manifests(free_port(), 9, ""));
    let mut watch = rig.gw.start(&["watch", "manifests"]);
    watch.wait_for_log("Watching", SOON);
    let is_over = AtomicBool::new(false);
    let took = thread::scope(|scope| {
        for name in ["one", "two", "three"] {
            let (path, is_over) = (rig.manifests().join(name), &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    fs::write(&path, "1").expect("the test's folder is writable");
                    clock::pause(Duration::from_micros(200));
                }
            });
        }
        clock::pause(Duration::from_millis(300));
        let begun = Instant::now();
        watch.signal(Signal::TERM);
        let status = watch.wait(SOON);
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", watch.log());
        begun.elapsed()
    });
    assert!(took < AT_ONCE, "{took:?}: {}", watch.log());
}
