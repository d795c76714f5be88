//! A clone in the state directory after a loss of power.

use std::fs;
use std::path::{Path, PathBuf};

use gw::source::git::BareClone;

use super::{backend, gw, refused, repository, settings, validate};
use crate::support::git::daemon::Daemon;

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

    // Without the server nothing can be mended, and that is told.
    cut(&only(&clone.path().join("refs/gw"), "").join("good"), |_| 0);
    drop(daemon);
    let outcome = validate(&gw, &url, &[]);
    refused(outcome, &["is damaged", "can't be fetched anew", "can't be reached"]);
    let _daemon = Daemon::start_at(&upstream.root, port);
    let _ = validate(&gw, &url, &[]).ok();
    assert_eq!(clone.last_good().unwrap(), None, "nobody knows any more");
}
