//! Files that never cease to change.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Up, manifests, never_up, write};
use crate::support::clock;
use crate::support::origin::Origin;
use crate::support::versions::{newest, oldest};

/// For how long the files change.
const CHURN: Duration = Duration::from_secs(5);
/// How soon a change must arrive meanwhile: a burst is waited for up to two seconds, and there may be a
/// pass under way.
const BOUND: Duration = Duration::from_secs(4);

#[test]
fn a_change_arrives_while_other_files_never_cease_to_change() {
    for version in [oldest(), newest()] {
        let [one, two] = ["one", "two"].map(Origin::http1);
        let up = Up::start(version, |port| manifests(port, one.port(), ""), |_| {});
        up.assert_answers(&one, "at the start");
        let (folder, is_over) = (up.path("real"), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                // A file that is none of ours, and a manifest whose text is another one each time.
                for time in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    write(&folder.join("notes.txt"), &time.to_string());
                    let other = never_up(one.port()).replace("slow", "other");
                    write(&folder.join(".next"), &format!("# {time}\n{other}"));
                    fs::rename(folder.join(".next"), folder.join("other.yaml")).unwrap();
                    clock::pause(Duration::from_millis(3));
                }
            });
            let begun = Instant::now();
            clock::pause(CHURN / 5);
            write(&folder.join(".all"), &manifests(up.port, two.port(), ""));
            fs::rename(folder.join(".all"), folder.join("all.yaml")).unwrap();
            let changed = Instant::now();
            let arrives = clock::eventually(CHURN, || super::answers(up.port, &two));
            let took = changed.elapsed();
            clock::pause(CHURN.saturating_sub(begun.elapsed()));
            is_over.store(true, Ordering::Relaxed);
            assert!(arrives && took < BOUND, "HAProxy {version}, {took:?}\n{}", up.gw.log());
        });
        up.assert_answers(&two, "after it");
    }
}
