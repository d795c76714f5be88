//! A clone in the state directory after a loss of power.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gw::source::git::BareClone;

use super::{backend, gw, refused, repository, settings, validate};
use crate::rig::{Rig, census, web};
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::git::daemon::Daemon;
use crate::support::ports::free_port;
use crate::support::tls::Authority;
use crate::support::versions::newest;

/// The only file in a folder that ends like this.
fn only(folder: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|path| path.to_str().unwrap().ends_with(ending));
    found.next().expect("there is one")
}

fn cut(file: &Path, to: impl FnOnce(usize) -> usize) {
    // Git's own files are read-only.
    let bytes = fs::read(file).unwrap();
    fs::remove_file(file).unwrap();
    fs::write(file, &bytes[..to(bytes.len())]).unwrap();
}

/// As libgit2 names what it has not finished.
const HALF_A_PACK: &str = "objects/pack/pack_git2_4f2a9c01b7d35e68";

/// Takes all objects of a clone out of their packs, and empties that of a file.
fn empty_the_blob(clone: &BareClone, upstream: &Upstream, file: &str) {
    let id = upstream.run(&["rev-parse", &format!("HEAD:{file}")]);
    let (folder, rest) = id.trim().split_at(2);
    let packs = clone.path().join("objects/pack");
    let aside = clone.path().join("aside");
    fs::create_dir_all(&aside).unwrap();
    for entry in fs::read_dir(&packs).unwrap().flatten() {
        let moved = aside.join(entry.file_name());
        fs::rename(entry.path(), &moved).unwrap();
        if moved.extension().is_some_and(|ending| ending == "pack") {
            let git = Command::new("git")
                .args(["unpack-objects", "-q"])
                .env("GIT_DIR", clone.path())
                .stdin(fs::File::open(&moved).unwrap())
                .status();
            assert!(git.unwrap().success());
        }
    }
    fs::remove_dir_all(aside).unwrap();
    cut(&clone.path().join("objects").join(folder).join(rest), |_| 0);
}

#[test]
fn a_damaged_file_that_manifests_name_is_fetched_anew() {
    let (mut rig, port) = (Rig::new(newest()), free_port());
    rig.start();
    let upstream = Upstream::new(rig.path());
    let authority = Authority::new(rig.path());
    let manifests = |server: u16| {
        let tls = "  tls: { caFile: certs/ca.pem }\n";
        web(port, server, tls)
    };
    upstream.write("certs/ca.pem", fs::read(&authority.file).unwrap());
    upstream.write("web.yaml", manifests(81)).push("The first one");
    let config = rig.path().join("watch.yaml");
    let settings = format!("source: {{git: '{}'}}\nwatch: {{poll: 1s}}\n", upstream.url());
    fs::write(&config, settings).unwrap();
    let gw = rig.gw.clone().env("GW_CONFIG", config);
    let _ = gw.run(&["apply", "--yes"]).ok();
    let clone = BareClone::new(&self::settings(&upstream.url()), &rig.state_dir());

    for file in ["certs/ca.pem", "web.yaml"] {
        // A command mends it at once.
        empty_the_blob(&clone, &upstream, file);
        let outcome = gw.run(&["validate"]).ok();
        assert!(outcome.stdout.contains("1 backend"), "{file}: {}", outcome.transcript());

        // Who follows stays at what was there, and has the next fetch mend it.
        empty_the_blob(&clone, &upstream, file);
        let reply = rig.haproxy().command("set server web/s addr 127.0.0.1 port 9");
        assert!(reply.contains("changed from"), "{reply}");
        let watch = gw.start(&["watch"]);
        let is_mended = || {
            rig.state().of("server web/s ").any(|line| line.contains(":81 "))
                && watch.log().contains("fetched anew")
        };
        assert!(clock::eventually(Duration::from_secs(20), is_mended), "{file}: {}", watch.log());
        // `gw drift` looks only.
        drop(watch);
        empty_the_blob(&clone, &upstream, file);
        let before = census(&rig.state_dir());
        let _ = gw.run(&["drift"]);
        assert_eq!(before, census(&rig.state_dir()), "{file}: gw drift wrote something");
    }
}

#[test]
fn a_damaged_clone_is_fetched_anew_and_remembers_what_was_good() {
    let (root, upstream) = repository();
    let daemon = Daemon::start(&upstream.root);
    let (url, port) = (daemon.url("site.git"), daemon.port());
    let gw = gw(root.path());
    let clone = BareClone::new(&settings(&url), &root.path().join("state"));
    let good = clone.fetch().unwrap().commit;
    clone.keep(&good).unwrap();
    upstream.write("web.yaml", backend("web", 81)).push("The second one");
    let pack = || only(&clone.path().join("objects/pack"), ".pack");
    let damages: [(&str, &dyn Fn()); 8] = [
        ("half a pack", &|| cut(&pack(), |size| size / 2)),
        ("an empty pack", &|| cut(&pack(), |_| 0)),
        ("no pack", &|| fs::remove_file(pack()).unwrap()),
        ("a flipped bit", &|| {
            let (pack, mut bytes) = (pack(), fs::read(pack()).unwrap());
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::remove_file(&pack).unwrap();
            fs::write(pack, bytes).unwrap();
        }),
        ("an empty HEAD", &|| cut(&clone.path().join("HEAD"), |_| 0)),
        ("half a config", &|| cut(&clone.path().join("config"), |size| size / 2)),
        ("an empty reference", &|| {
            let digest = only(&clone.path().join("refs/gw"), "");
            cut(&digest.join("fetched"), |_| 0);
        }),
        ("locks of nobody", &|| {
            let digest = only(&clone.path().join("refs/gw"), "");
            fs::write(digest.join("fetched.lock"), "").unwrap();
            fs::write(clone.path().join("shallow.lock"), "").unwrap();
            fs::write(clone.path().join(HALF_A_PACK), "").unwrap();
            upstream.write("web.yaml", backend("web", 82)).push("The third one");
        }),
    ];
    for (what, damage) in damages {
        let outcome = validate(&gw, &url, &[]).ok();
        assert!(outcome.stdout.contains("1 backend"), "{what}: {}", outcome.transcript());
        damage();
        let outcome = validate(&gw, &url, &[]).ok();
        assert!(outcome.stdout.contains("1 backend"), "{what}: {}", outcome.transcript());
        let still = clone.last_good().unwrap().map(|good| good.id);
        assert_eq!(still.as_ref(), Some(&good.id), "{what}");
    }
    assert!(!clone.path().join(HALF_A_PACK).exists(), "a fetch that was killed leaves its pack");

    // Without the server nothing can be mended, and that is told.
    cut(&only(&clone.path().join("refs/gw"), "").join("good"), |_| 0);
    drop(daemon);
    let outcome = validate(&gw, &url, &[]);
    refused(outcome, &["is damaged", "can't be fetched anew", "can't be reached"]);
    let _daemon = Daemon::start_at(&upstream.root, port);
    let _ = validate(&gw, &url, &[]).ok();
    assert_eq!(clone.last_good().unwrap(), None, "nobody knows any more");
}
