//! Smart HTTP, with and without TLS and passwords.

use std::fs;
use std::time::{Duration, Instant};

use gw::source::git::{BareClone, Settings};

use super::{SOURCE, gw, refused, repository, settings, validate};
use crate::support::clock;
use crate::support::git::{
    http::{Http, Manner},
    proxy::Proxy,
};
use crate::support::tls::{Authority, HTTP1_ONLY};

const SECRET: &str = "s3cr3t-t0ken";

#[test]
fn a_password_may_come_from_everywhere_and_is_shown_nowhere() {
    let (root, upstream) = repository();
    let server =
        Http::start(&upstream.root, Manner::Basic(format!("x-access-token:{SECRET}")), None);
    let url = server.url("site.git");
    let token = root.path().join("token");
    fs::write(&token, format!("{SECRET}\n")).unwrap();
    let token = token.to_str().unwrap();
    let credentials = root.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::copy(token, credentials.join("git-token")).unwrap();
    let plain = gw(root.path());
    for (gw, more) in [
        (plain.clone(), vec!["--git-token-file", token]),
        (plain.clone().env("GW_GIT_TOKEN", SECRET), vec![]),
        (plain.clone().env("CREDENTIALS_DIRECTORY", &credentials), vec![]),
    ] {
        let _ = validate(&gw, &url, &more).ok();
    }
    server.set(Manner::Basic(format!("ann:{SECRET}")));
    let given = plain.clone().env("GW_GIT_USERNAME", "ann").env("GW_GIT_PASSWORD", SECRET);
    let _ = validate(&given, &url, &[]).ok();
    let file = ["--git-username", "ann", "--git-password-file", token];
    let _ = validate(&plain, &url, &file).ok();
    let config = format!("source: {{git: '{url}', auth: {{username: ann, passwordEnv: WORD}}}}\n");
    fs::write(root.path().join("other.yaml"), config).unwrap();
    let gw = plain.clone().env("GW_CONFIG", root.path().join("other.yaml")).env("WORD", SECRET);
    let _ = gw.run(&["validate"]).ok();
    let inside = server.url_as(&format!("ann:{SECRET}@"), "site.git");
    let debug = plain.clone().env("GW_LOG", "trace");
    let shown = validate(&debug, &inside, &[]).ok().transcript();
    let (_, said) = shown.split_once('\n').unwrap();
    assert!(!said.contains(SECRET), "{said}");
    // Nor is it in what stays on the disk.
    let mut open = vec![root.path().join("state")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

#[test]
fn wrong_credentials_are_told_without_them() {
    let (root, upstream) = repository();
    let server = Http::start(&upstream.root, Manner::Basic("ann:right".to_owned()), None);
    let gw = gw(root.path());
    let none = ["refuses access: it wants credentials", "GW_GIT_TOKEN"];
    refused(validate(&gw, &server.url("site.git"), &[]), &none);
    let with = server.url_as(&format!("ann:{SECRET}@"), "site.git");
    let outcome = validate(&gw, &with, &[]).expect(SOURCE);
    assert!(outcome.stderr.contains("refuses access with our credentials"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains(SECRET) && !outcome.stderr.contains("ann"), "{outcome:?}");
    let shown = server.shown().into_iter().flatten().count();
    assert!(shown < 5, "wrong credentials were shown {shown} times");
    let broken = ["validate", "--git", &format!("https://ann:{SECRET}@host/?x")];
    assert!(!gw.run(&broken).expect(64).stderr.contains(SECRET));
    let text = format!("source:\n  git: https://ann:{SECRET}@host/?x\n");
    fs::write(root.path().join("gw.yaml"), text).unwrap();
    assert!(!gw.run(&["validate"]).expect(1).stderr.contains(SECRET));
}

#[test]
fn credentials_go_to_no_other_host_and_not_in_the_clear() {
    let (root, upstream) = repository();
    let server = Http::start(&upstream.root, Manner::Open, None);
    let target = Http::start(&upstream.root, Manner::Basic("ann:x".to_owned()), None);
    let elsewhere = target.url("").trim_end_matches('/').replace("localhost", "127.0.0.1");
    server.set(Manner::Elsewhere(elsewhere));
    let gw = gw(root.path());
    let outcome = validate(&gw.clone().env("GW_GIT_TOKEN", SECRET), &server.url("site.git"), &[]);
    refused(outcome, &["another host, which gets no credentials"]);
    assert!(target.shown().iter().all(Option::is_none), "{:?}", target.shown());
    let open = validate(&gw.env("GW_GIT_TOKEN", SECRET), "http://gw.invalid/site.git", &[]);
    refused(open, &["everybody on the way could read the credentials"]);
}

#[test]
fn only_the_named_authority_is_believed() {
    let (root, upstream) = repository();
    let authority = Authority::new(root.path());
    let identity = authority.issue("server", &["localhost"]);
    let server = Http::start(&upstream.root, Manner::Open, Some(identity.server(HTTP1_ONLY)));
    let url = server.url("site.git");
    let gw = gw(root.path());
    let ca = authority.file.to_str().unwrap();
    let _ = validate(&gw, &url, &["--git-ca-file", ca]).ok();
    let unknown = ["is not to be believed", "--git-ca-file"];
    refused(validate(&gw, &url, &[]), &unknown);
    let other = root.path().join("other");
    fs::create_dir(&other).unwrap();
    let other = Authority::new(&other);
    refused(validate(&gw, &url, &["--git-ca-file", other.file.to_str().unwrap()]), &unknown);
    // The right authority, but for another name.
    let wrong = url.replace("localhost", "127.0.0.1");
    refused(validate(&gw, &wrong, &["--git-ca-file", ca]), &["127.0.0.1"]);
    refused(validate(&gw, &url, &["--git-ca-file", "/nowhere.pem"]), &["can't read /nowhere.pem"]);
}

#[test]
fn a_proxy_is_used_where_one_is_named() {
    let (root, upstream) = repository();
    let authority = Authority::new(root.path());
    let identity = authority.issue("server", &["gw.invalid"]);
    let server = Http::start(&upstream.root, Manner::Open, Some(identity.server(HTTP1_ONLY)));
    let proxy = Proxy::start(server.address);
    let (url, gw) = ("https://gw.invalid/site.git", gw(root.path()));
    let ca = ["--git-ca-file", authority.file.to_str().unwrap()];
    // Only the proxy knows where this host is.
    refused(validate(&gw, url, &ca), &["can't be reached"]);
    let _ = validate(&gw.clone().env("https_proxy", proxy.url()), url, &ca).ok();
    let _ = validate(&gw, url, &[&ca[..], &["--git-proxy", &proxy.url()]].concat()).ok();
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| line == "CONNECT gw.invalid:443 HTTP/1.1"), "{asked:?}");
    // A password of the proxy's is as secret as others.
    let with = proxy.url().replace("http://", &format!("http://me:{SECRET}@"));
    let with = with.replace("127.0.0.1", "proxy.invalid");
    let outcome = validate(&gw, url, &[&ca[..], &["--git-proxy", &with]].concat()).expect(SOURCE);
    assert!(!outcome.stderr.contains(SECRET), "{}", outcome.stderr);
}

#[test]
fn a_server_that_falls_silent_or_breaks_off_is_given_up() {
    let (root, upstream) = repository();
    let server = Http::start(&upstream.root, Manner::Silent, None);
    let gw = gw(root.path());
    let url = server.url("site.git");
    refused(validate(&gw, &url, &["--git-timeout", "300ms"]), &["took longer than 300ms"]);
    server.set(Manner::Lossy);
    let _ = validate(&gw, &url, &[]).expect(SOURCE);
    server.set(Manner::Open);
    let _ = validate(&gw, &url, &[]).ok();
}

#[test]
fn a_commit_is_kept_while_a_fetch_waits() {
    let (root, upstream) = repository();
    let server = Http::start(&upstream.root, Manner::Open, None);
    let settings =
        Settings { timeout: Duration::from_secs(20), ..settings(&server.url("site.git")) };
    let clone = BareClone::new(&settings, root.path());
    let commit = clone.fetch().unwrap().commit;
    server.set(Manner::Silent);
    let asked = server.shown().len();
    let waiting = clone.clone();
    let fetch = std::thread::spawn(move || waiting.fetch());
    assert!(clock::eventually(Duration::from_secs(10), || server.shown().len() > asked));
    let begin = Instant::now();
    clone.keep(&commit).unwrap();
    assert!(begin.elapsed() < settings.timeout / 2, "it waited for the fetch");
    assert_eq!(clone.last_good().unwrap().map(|good| good.id), Some(commit.id));
    drop(server);
    assert!(fetch.join().unwrap().is_err());
}
