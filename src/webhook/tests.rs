use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

const SECRET: &str = "It's a Secret to Everybody";
/// The example of Standard Webhooks, and when it was signed.
const TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SIGNED_AT: i64 = 1_614_265_330;

const GITHUB_PUSH: &str = r#"{"ref": "refs/heads/main",
    "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
    "after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
    "repository": {"id": 1, "full_name": "octo/shop", "html_url": "https://github.com/octo/shop",
        "url": "https://github.com/octo/shop", "git_url": "git://github.com/octo/shop.git",
        "ssh_url": "git@github.com:octo/shop.git", "clone_url": "https://github.com/octo/shop.git"},
    "pusher": {"name": "octo"}, "created": false, "deleted": false, "forced": false, "commits": []}"#;
const GITHUB_PING: &str = r#"{"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {},
    "repository": {"clone_url": "https://github.com/octo/shop.git"}}"#;
const GITEA_PUSH: &str = r#"{"ref": "refs/heads/develop",
    "before": "28e1879d029cb852e4844d9c718537df08844e03",
    "after": "bffeb74224043ba2feb48d137756c8a9331c449a",
    "compare_url": "http://git.example.com:3000/ops/shop/compare/28e1...bffe", "commits": [],
    "repository": {"id": 140, "name": "shop", "html_url": "http://git.example.com:3000/ops/shop",
        "ssh_url": "ssh://git@git.example.com:2222/ops/shop.git",
        "clone_url": "http://git.example.com:3000/ops/shop.git", "default_branch": "main"}}"#;
const GITLAB_PUSH: &str = r#"{"object_kind": "push", "event_name": "push",
    "before": "95790bf891e76fee5e1747ab589903a6a1f80f22",
    "after": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", "ref": "refs/heads/master",
    "checkout_sha": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    "project": {"id": 15, "web_url": "http://gitlab.example.com/ops/shop",
        "git_ssh_url": "git@gitlab.example.com:ops/shop.git",
        "git_http_url": "http://gitlab.example.com/ops/shop.git"},
    "repository": {"name": "shop", "url": "git@gitlab.example.com:ops/shop.git",
        "homepage": "http://gitlab.example.com/ops/shop"}, "total_commits_count": 4}"#;

fn receiver(secrets: &[&str]) -> Receiver {
    let mut secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(text).unwrap()).collect();
    Receiver::new(secrets.remove(0), secrets, Provider::ALL.to_vec())
}

/// Headers from pairs of text.
fn send(
    receiver: &Receiver,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Result<Hint, Refused> {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    receiver.receive(&headers, body.as_ref(), SIGNED_AT)
}

fn hex(body: impl AsRef<[u8]>) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_ref());
    base16ct::lower::encode_string(&mac.finalize().into_bytes())
}

#[test]
fn the_example_in_githubs_documentation_is_authentic() {
    let digest = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let receiver = receiver(&[SECRET]);
    let hint = send(&receiver, &[("X-Hub-Signature-256", digest)], "Hello, World!").unwrap();
    assert_eq!((hint.provider, hint.event), (Provider::GitHub, Event::Other));
    assert!(hint.repositories.is_empty() && hint.concerns("https://any.example.com/x"));
    let refused = send(&receiver, &[("X-Hub-Signature-256", digest)], "Hello, World?");
    assert_eq!(refused, Err(Refused::Mismatch));
}

fn signed<'a>(id: &'a str, time: &'a str, tags: &'a str) -> [(&'static str, &'a str); 3] {
    [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", tags)]
}

#[test]
fn the_example_of_standard_webhooks_is_authentic() {
    let receiver = receiver(&[SECRET, TOKEN]);
    let (id, time) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let other = "v1,AAAASsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OEA=";
    let body = r#"{"test": 2432232314}"#;
    let provider = |signature: &str| {
        send(&receiver, &signed(id, time, signature), body).map(|hint| hint.provider)
    };
    assert_eq!(provider(good), Ok(Provider::GitLab));
    assert_eq!(provider(&format!("v2,x {other} {good}")), Ok(Provider::GitLab));
    assert_eq!(provider(other), Err(Refused::Mismatch));
    assert_eq!(provider("v2,x"), Err(Refused::Malformed("webhook-signature")));
    assert_eq!(provider(&good.replace("v1", "v1a")), Err(Refused::Malformed("webhook-signature")));
    for (id, time) in [("msg", time), (id, "1614265331")] {
        assert_eq!(send(&receiver, &signed(id, time, good), body), Err(Refused::Mismatch));
    }
    let at = |now: i64| {
        let headers = signed(id, time, good).map(|(name, value)| (name, value.as_bytes()));
        receiver.receive(&headers, body.as_bytes(), now).map(|hint| hint.provider)
    };
    assert_eq!(at(SIGNED_AT + 300), Ok(Provider::GitLab));
    for now in [SIGNED_AT + 301, SIGNED_AT - 301, i64::MIN, i64::MAX] {
        assert_eq!(at(now), Err(Refused::Stale));
    }
}

#[test]
fn pushes_of_all_providers_are_understood() {
    let receiver = receiver(&["another secret, the new one", SECRET]);
    let tag = |body: &str| format!("sha256={}", hex(body));
    let github = [
        ("x-github-event", "push"),
        ("X-HUB-SIGNATURE-256", &tag(GITHUB_PUSH)),
        ("Content-Type", "application/json"),
    ];
    let gitea = [
        ("X-GitHub-Event", "push"),
        ("X-Gitea-Event", "push"),
        ("X-Gitea-Signature", &hex(GITEA_PUSH)),
        ("X-Hub-Signature-256", &tag(GITEA_PUSH)),
    ];
    let forgejo = [
        ("X-Forgejo-Event", "push"),
        ("X-Forgejo-Signature", &hex(GITEA_PUSH)),
        ("X-Gitea-Signature", &hex(GITEA_PUSH)),
    ];
    let gitlab = [("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Token", SECRET)];
    let generic = [("X-Signature", tag(GITHUB_PUSH).to_uppercase().replace("SHA", "sha"))];
    let generic = generic.each_ref().map(|(name, value)| (*name, value.as_str()));
    for (headers, body, provider, url, reference, after) in [
        (
            &github[..],
            GITHUB_PUSH,
            Provider::GitHub,
            "https://github.com/octo/shop",
            "main",
            "59b2",
        ),
        (&gitea, GITEA_PUSH, Provider::Gitea, "git@git.example.com:ops/shop", "develop", "bffe"),
        (&forgejo, GITEA_PUSH, Provider::Gitea, "http://git.example.com/ops/shop/", "develop", "b"),
        (
            &gitlab,
            GITLAB_PUSH,
            Provider::GitLab,
            "ssh://gitlab.example.com:22/ops/shop.git",
            "master",
            "da15",
        ),
        (&generic, GITHUB_PUSH, Provider::Generic, "git@GitHub.com:octo/shop.git", "main", "59b2"),
    ] {
        let hint = send(&receiver, headers, body).unwrap();
        assert_eq!((hint.provider, hint.event), (provider, Event::Push));
        assert!(hint.concerns(url), "{url}: {:?}", hint.repositories);
        assert!(!hint.concerns(&url.replace("shop", "shop2")), "{url}");
        assert!(!hint.concerns(&url.replace("git", "got")), "{url}");
        assert_eq!(hint.reference, Some(format!("refs/heads/{reference}")));
        assert!(hint.after.unwrap().starts_with(after));
    }
    let tag = tag(GITHUB_PING);
    let ping = [("X-GitHub-Event", "ping"), ("X-Hub-Signature-256", tag.as_str())];
    assert_eq!(send(&receiver, &ping, GITHUB_PING).unwrap().event, Event::Ping);
}

#[test]
fn a_bad_signature_is_not_made_good_by_another() {
    let receiver = receiver(&[SECRET]);
    let (good, bad) = (hex("x"), hex("y"));
    for headers in [
        [("X-Forgejo-Signature", bad.as_str()), ("X-Gitea-Signature", good.as_str())],
        [("X-Gitea-Signature", &bad), ("X-Hub-Signature-256", &format!("sha256={good}"))],
        [("X-Hub-Signature-256", &format!("sha256={bad}")), ("X-Gitlab-Token", SECRET)],
    ] {
        assert_eq!(send(&receiver, &headers, "x"), Err(Refused::Mismatch), "{headers:?}");
    }
    let twice = [("X-Gitea-Signature", good.as_str()), ("x-gitea-signature", good.as_str())];
    assert_eq!(send(&receiver, &twice, "x"), Err(Refused::Malformed("X-Gitea-Signature")));
}

#[test]
fn what_is_not_signed_or_not_allowed_is_refused() {
    let all = receiver(&[SECRET]);
    assert_eq!(send(&all, &[], "x"), Err(Refused::Unsigned));
    assert_eq!(send(&all, &[("X-Hub-Signature", "sha1=00")], "x"), Err(Refused::Unsigned));
    let good = format!("sha256={}", hex("x"));
    for bad in ["", "sha256=", "sha1=00", &good[7..], &good[..70], &good.replace("256=", "256=0")] {
        let refused = send(&all, &[("X-Hub-Signature-256", bad)], "x");
        assert_eq!(refused, Err(Refused::Malformed("X-Hub-Signature-256")), "{bad}");
    }
    for token in ["", "It's", "It's a Secret to Everybody ", "it's a secret to everybody"] {
        assert_eq!(send(&all, &[("X-Gitlab-Token", token)], "x"), Err(Refused::Mismatch));
    }
    let gitlab = Receiver::new(Secret::new(SECRET).unwrap(), vec![], vec![Provider::GitLab]);
    let refused = send(&gitlab, &[("X-Hub-Signature-256", &good)], "x");
    assert_eq!(refused, Err(Refused::NotAllowed(Provider::GitHub)));
    let large = vec![b' '; BODY_MAX + 1];
    assert_eq!(send(&all, &[("X-Gitlab-Token", SECRET)], &large), Err(Refused::TooLarge));
    assert!(send(&all, &[("X-Gitlab-Token", SECRET)], &large[1..]).is_ok());
}

#[test]
fn a_secret_is_long_and_never_shown() {
    assert_eq!(Secret::new("  \n").unwrap_err(), SecretError::TooShort);
    assert_eq!(Secret::new("fifteen letters").unwrap_err(), SecretError::TooShort);
    assert_eq!(Secret::new("whsec_not base64 at all").unwrap_err(), SecretError::NotBase64);
    assert_eq!(Secret::new("whsec_AAAAAAAAAAAA").unwrap_err(), SecretError::TooShort);
    assert!(!format!("{:?}", receiver(&[SECRET])).contains("Secret to"));
    let from_file = receiver(&[&format!("{SECRET}\n")]);
    assert!(send(&from_file, &[("X-Gitlab-Token", SECRET)], "").is_ok());
}

#[test]
fn each_refusal_has_a_status_and_a_hint() {
    for (refused, status) in [
        (Refused::TooLarge, 413),
        (Refused::Unsigned, 401),
        (Refused::Mismatch, 401),
        (Refused::Stale, 401),
        (Refused::Malformed("x"), 400),
        (Refused::NotAllowed(Provider::Gitea), 403),
    ] {
        assert_eq!(refused.status(), status);
        assert!(!refused.hint().is_empty());
    }
}

#[test]
fn a_body_that_lies_says_nothing() {
    let receiver = receiver(&[SECRET]);
    let hint = |body: &str| send(&receiver, &[("X-Gitlab-Token", SECRET)], body).unwrap();
    let nothing = hint("");
    for body in [
        "null",
        "[]",
        "7",
        r#""ref""#,
        r#"{"ref": 7, "after": "xyz", "repository": [], "project": {"url": {}}}"#,
        r#"{"ref": "a\nb", "after": "59b20b8d", "repository": {"url": "a\u0007"}}"#,
        &format!(r#"{{"ref": "{}"}}"#, "a".repeat(3000)),
        &"[".repeat(100_000),
        "payload=%7B%7D",
    ] {
        assert_eq!(hint(body), nothing, "{body:.60}");
    }
}

/// Names that mean something, in any case, and others.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "X-Hub-Signature-256",
        "x-gitea-signature",
        "X-Forgejo-Signature",
        "X-Gitlab-Token",
        "X-Signature",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "X-GitHub-Event",
    ];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), "\\PC{0,20}"]
}

proptest! {
    #[test]
    fn random_requests_are_refused_without_panic(
        headers in proptest::collection::vec((name(), proptest::collection::vec(any::<u8>(), 0..80)), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        now: i64,
    ) {
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        prop_assert!(receiver(&[SECRET, TOKEN]).receive(&headers, &body, now).is_err());
    }

    #[test]
    fn random_bodies_never_panic(body in "\\PC{0,60}|[\\[\\]{}\":,a-z0-9\\\\]{0,60}") {
        let hint = send(&receiver(&[SECRET]), &[("X-Gitlab-Token", SECRET)], &body).unwrap();
        let url = hint.repositories.first().unwrap_or(&body);
        prop_assert!(hint.concerns(url));
    }

    #[test]
    fn no_flipped_bit_passes(
        mut body in proptest::collection::vec(any::<u8>(), 1..200),
        at: prop::sample::Index,
        bit in 0..8,
        in_signature: bool,
    ) {
        let mut tag = format!("sha256={}", hex(&body)).into_bytes();
        let target = if in_signature { &mut tag } else { &mut body };
        let at = at.index(target.len());
        target[at] ^= 1_u8 << bit;
        // Digits in upper case are the same digits.
        let is_same = in_signature && bit == 5 && target[at].is_ascii_alphabetic() && at >= 7;
        let headers = [("X-Hub-Signature-256", tag.as_slice())];
        let received = receiver(&[SECRET]).receive(&headers, &body, 0);
        prop_assert_eq!(received.is_ok(), is_same);
    }

    /// Of Standard Webhooks, where id and time are signed, too.
    #[test]
    fn no_flipped_bit_passes_a_standard_webhook(
        which in 0_usize..4,
        at: prop::sample::Index,
        bit in 0..7,
        body in "[a-z{}:\"]{1,80}",
    ) {
        const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &KEY[6..]);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.unwrap()).unwrap();
        mac.update(format!("msg_1.{SIGNED_AT}.{body}").as_bytes());
        let tag = mac.finalize().into_bytes();
        let tag = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag);
        let mut parts =
            [b"msg_1".to_vec(), SIGNED_AT.to_string().into(), format!("v1,{tag}").into(), body.into()];
        let received = |parts: &[Vec<u8>; 4]| {
            let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
            let headers: Vec<(&str, &[u8])> =
                names.into_iter().zip(parts.iter().map(Vec::as_slice)).collect();
            receiver(&[SECRET, KEY]).receive(&headers, &parts[3], SIGNED_AT)
        };
        prop_assert!(received(&parts).is_ok());
        let at = at.index(parts[which].len());
        parts[which][at] ^= 1_u8 << bit;
        prop_assert!(received(&parts).is_err(), "{parts:?}");
    }
}
