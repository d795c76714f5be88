//! Certificates that change while HAProxy runs, and transactions that somebody left open: HAProxy
//! has one for all, and it outlives the connection that began it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Site, assert_says};
use crate::support::ports::free_port;
use crate::support::tls::Authority;
use crate::support::versions::{Version, versions};

/// A site with an HTTPS listener, and two certificates for it.
struct Secure {
    site: Site,
    port: u16,
    first: PathBuf,
    second: PathBuf,
    dir: TempDir,
}

impl Secure {
    fn serving(version: &Version) -> Self {
        let dir = TempDir::new().expect("the temporary folder is writable");
        let authority = Authority::new(dir.path());
        let issue = |name: &str| authority.issue(name, &["a.test"]).bundle;
        let (first, second) = (issue("first"), issue("second"));
        let mut secure = Self { site: Site::new(version), port: free_port(), first, second, dir };
        secure.renew(&secure.first);
        secure.site.rig.write(&secure.manifests());
        let _ = secure.site.rig.apply().ok();
        secure.site.rig.start();
        secure
    }

    fn manifests(&self) -> String {
        let more = format!(
            "  - {{name: https, port: {}, protocol: HTTPS, tls: {{certificateRefs: [{{name: site}}]}}}}\n",
            self.port
        );
        self.site.manifests(&self.site.origin, "web", "5s", &more)
            + &format!(
                "---\napiVersion: gw/v1\nkind: Certificate\nmetadata: {{name: site}}\n\
                 spec: {{file: {}}}\n",
                self.dir.path().join("site.pem").display()
            )
    }

    /// Puts another certificate into the file that the manifests name.
    fn renew(&self, from: &Path) {
        fs::copy(from, self.dir.path().join("site.pem")).expect("the folder is writable");
    }

    /// The fingerprint that HAProxy serves.
    fn served(&self) -> String {
        let state = self.site.rig.state();
        let found = state.of("certificate ").find(|line| line.starts_with("certs/site.pem "));
        found.expect("the certificate is there").to_owned()
    }
}

#[test]
fn a_renewed_certificate_takes_no_reload() {
    for version in versions() {
        let secure = Secure::serving(version);
        let mut last = secure.served();
        // A transaction that is not closed would show the second time.
        for file in [&secure.second, &secure.first, &secure.second] {
            secure.renew(file);
            let outcome = secure.site.rig.apply();
            let told = format!("HAProxy {version}: {}", outcome.transcript());
            assert_eq!(outcome.code, Some(0), "{told}");
            assert_eq!(outcome.json()["reloads"], 0, "{told}");
            let now = secure.served();
            assert_ne!(now, last, "{told}");
            last = now;
            secure.site.rig.assert_converged();
        }
    }
}

#[test]
fn a_transaction_that_somebody_left_open_does_not_lock_gw_out() {
    for version in versions() {
        let secure = Secure::serving(version);
        let rig = &secure.site.rig;
        let told = format!("HAProxy {version}, open transaction");
        let pem = fs::read_to_string(&secure.second).unwrap();
        let pem: Vec<&str> = pem.lines().filter(|line| !line.is_empty()).collect();
        let command = format!("set ssl cert certs/site.pem <<\n{}\n", pem.join("\n"));
        let reply = rig.haproxy().command(&command);
        assert!(reply.contains("Transaction created"), "{told}: {reply}");
        // It is about nothing that serves yet.
        rig.assert_converged();
        let _ = rig.must_apply(&secure.manifests().replace("5s", "6s"));
        rig.assert_converged();

        let _ = rig.haproxy().command(&command);
        secure.renew(&secure.second);
        let before = secure.served();
        let outcome = rig.apply();
        if outcome.code == Some(0) {
            assert_ne!(secure.served(), before, "{told}: {}", outcome.transcript());
            rig.assert_converged();
        } else {
            assert_says(&outcome, 1, &["ransaction"], &told);
        }
        secure.site.assert_serves();
    }
}
