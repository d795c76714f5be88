//! What the body of an authentic request says.

use serde_json::Value;

use super::{Event, Headers, Hint, Provider, header};

/// Where providers write what happened.
const EVENTS: [&str; 4] = ["X-Forgejo-Event", "X-Gitea-Event", "X-GitHub-Event", "X-Gitlab-Event"];

/// Where the body has URLs of the repository.
const OBJECTS: [&str; 2] = ["repository", "project"];
const URLS: [&str; 9] = [
    "clone_url",
    "ssh_url",
    "git_url",
    "html_url",
    "git_http_url",
    "git_ssh_url",
    "http_url",
    "web_url",
    "url",
];

/// Longer texts are no names.
const TEXT_MAX: usize = 2048;

/// Reads what can be read. A body that is not JSON is as good a hint, only with less in it.
pub(super) fn hint(provider: Provider, headers: &Headers<'_>, body: &[u8]) -> Hint {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| {
        let is_fit = |text: &&str| {
            !text.is_empty() && text.len() <= TEXT_MAX && !text.contains(char::is_control)
        };
        value.as_str().filter(is_fit).map(ToOwned::to_owned)
    };
    let mut repositories: Vec<String> = OBJECTS
        .iter()
        .map(|name| &body[name])
        .flat_map(|object| URLS.iter().map(|name| &object[name]).chain([object]))
        .filter_map(text)
        .collect();
    repositories.sort();
    repositories.dedup();
    let is_commit = |text: &String| {
        [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    Hint {
        provider,
        event: event(provider, headers),
        repositories,
        reference: text(&body["ref"]),
        after: text(&body["after"]).filter(is_commit),
    }
}

fn event(provider: Provider, headers: &Headers<'_>) -> Event {
    let named = EVENTS.iter().find_map(|name| header(headers, name).ok().flatten());
    match named {
        Some(b"ping") => Event::Ping,
        Some(b"push" | b"create" | b"delete" | b"Push Hook" | b"Tag Push Hook") => Event::Push,
        // A script calls for nothing else.
        None if provider == Provider::Generic => Event::Push,
        _ => Event::Other,
    }
}

impl Hint {
    /// Whether it may be about the repository at `url`: one of its URLs is the same but for scheme,
    /// user, port and the ending `.git`, or it has none.
    pub fn concerns(&self, url: &str) -> bool {
        let wanted = place(url);
        self.repositories.is_empty() || self.repositories.iter().any(|url| place(url) == wanted)
    }
}

/// Host and path of a URL, or of `user@host:path`.
fn place(url: &str) -> (String, &str) {
    let (rest, is_url) = match url.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (url, false),
    };
    let end = rest.find(if is_url { &['/'][..] } else { &['/', ':'][..] }).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    // A port is no part of the place: SSH and HTTPS have different ones.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let path = path.trim_matches(['/', ':']);
    (host.to_ascii_lowercase(), path.strip_suffix(".git").unwrap_or(path))
}
