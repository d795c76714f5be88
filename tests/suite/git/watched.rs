//! A branch that `gw watch` follows while a person applies it, too.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::backend;
use crate::rig::{Rig, gateway};
use crate::support::clock;
use crate::support::git::Upstream;
use crate::support::ports::free_port;
use crate::support::versions::{newest, oldest};

/// How long anything may take that should take a moment.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn what_a_person_applied_of_a_newer_commit_is_not_undone() {
    for version in [oldest(), newest()] {
        let mut rig = Rig::new(version);
        rig.start();
        let upstream = Upstream::new(rig.path());
        let gateway = gateway(free_port());
        upstream.write("gateway.yaml", &gateway);
        upstream.write("all.yaml", backend("web", 81)).push("The first one");
        let settings = rig.path().join("watch.yaml");
        // No poll finds anything, and a look at everything comes each second.
        let watching = json!({"poll": "1h", "resync": "1s"});
        let text = json!({"source": {"git": upstream.url()}, "watch": watching});
        fs::write(&settings, text.to_string()).unwrap();
        let gw = rig.gw.clone().env("GW_CONFIG", settings);
        let watch = gw.start(&["watch"]);
        watch.wait_for_log("Watching", SOON);
        let applied = || rig.generation().expect("there is one");

        // By commands, and by a reload, which gw notices at once.
        let slower = backend("web", 82).replace("servers:", "timeouts: {server: 7s}\n  servers:");
        for text in [backend("web", 82), slower] {
            upstream.write("all.yaml", text).push("Another one");
            let said = gw.run(&["apply", "--git", &upstream.url(), "--yes"]).ok().stderr;
            assert!(said.contains("gw watch)") && said.contains("follows manifests on"), "{said}");
            let by_hand = applied();
            let followed = || watch.log().contains(&upstream.run(&["rev-parse", "HEAD"])[..7]);
            assert!(clock::eventually(SOON, followed), "{}", watch.log());
            clock::pause(Duration::from_secs(3));
            assert_eq!(applied(), by_hand, "HAProxy {version}: {}", watch.log());
        }
        assert_eq!(watch.log().matches("Another gw applied").count(), 2, "{}", watch.log());

        // It makes no difference that the server can't be asked.
        upstream.write("all.yaml", backend("web", 84)).push("Another one");
        let _ = gw.run(&["apply", "--git", &upstream.url(), "--yes"]).ok();
        let away = upstream.root.join("away");
        fs::rename(&upstream.bare, &away).unwrap();
        let by_hand = applied();
        clock::pause(Duration::from_secs(13));
        assert_eq!(applied(), by_hand, "HAProxy {version}: {}", watch.log());
        fs::rename(&away, &upstream.bare).unwrap();

        // What is no newer commit does not stay.
        let by_git = applied();
        rig.must_apply(&format!("{gateway}---\n{}", backend("web", 83)));
        let is_back = || applied() != by_git && gw.run(&["plan", "--exit-code"]).code == Some(0);
        assert!(clock::eventually(SOON, is_back), "HAProxy {version}: {}", watch.log());
    }
}
