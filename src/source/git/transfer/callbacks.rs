//! What libgit2 asks and tells during a transfer.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write},
    time::{Duration, Instant},
};

use git2::{
    CertificateCheckStatus, Cred, CredentialType, ErrorClass, ErrorCode, ProxyOptions,
    RemoteCallbacks, cert::Cert,
};
use url::Url;

use super::super::{
    TRANSFER_MAX,
    access::Exposed,
    known_hosts::{self, HostKey, KnownHosts, Verdict},
    wire::{Failure, Line, Request},
};

/// How often the other side hears that the transfer goes on.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Answers libgit2's questions, and remembers what its errors will not tell.
pub(super) struct Observer<'a, W> {
    request: &'a Request,
    output: RefCell<W>,
    last: Cell<Instant>,
    /// Whether the credentials were shown already: a second question means that they are wrong.
    shown: Cell<bool>,
    /// Our own reason for ending the transfer.
    reason: RefCell<Option<Failure>>,
}

impl<'a, W: Write> Observer<'a, W> {
    pub(super) fn new(request: &'a Request, output: W) -> Self {
        Self {
            request,
            output: RefCell::new(output),
            last: Cell::new(Instant::now()),
            shown: Cell::new(false),
            reason: RefCell::new(None),
        }
    }

    /// Writes a line.
    pub(super) fn say(&self, line: &Line) -> io::Result<()> {
        let mut output = self.output.borrow_mut();
        serde_json::to_writer(&mut *output, line)?;
        output.write_all(b"\n")?;
        output.flush()
    }

    /// Whether no answer of ours ended anything.
    pub(super) fn is_content(&self) -> bool {
        self.reason.borrow().is_none()
    }

    /// Why libgit2 failed.
    pub(super) fn explain(&self, error: &git2::Error) -> Failure {
        let own = self.reason.borrow_mut().take();
        own.unwrap_or_else(|| super::failure(error))
    }

    /// All of it, for one connection.
    pub(super) fn callbacks(&self) -> RemoteCallbacks<'_> {
        self.shown.set(false);
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .credentials(|url, _, allowed| self.credentials(url, allowed))
            .certificate_check(|certificate, _| self.certificate(certificate))
            .sideband_progress(|_| self.beat())
            .transfer_progress(|progress| {
                let is_large = progress.received_bytes() > TRANSFER_MAX;
                if is_large {
                    self.reason.replace(Some(Failure::TooLarge));
                }
                !is_large && self.beat()
            });
        callbacks
    }

    /// Tells that the transfer goes on, and whether somebody listens.
    fn beat(&self) -> bool {
        if self.last.get().elapsed() < HEARTBEAT {
            return true;
        }
        self.last.set(Instant::now());
        self.say(&Line::Alive).is_ok()
    }

    fn credentials(&self, url: &str, allowed: CredentialType) -> Result<Cred, git2::Error> {
        let refused = |why: &str| git2::Error::new(ErrorCode::Auth, ErrorClass::Callback, why);
        let host = |url: &str| Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase);
        let is_http = url.starts_with("http");
        if is_http
            && host(url).is_none_or(|host| host.trim_matches(['[', ']']) != self.request.host)
        {
            return Err(refused("it sends us to another host, which gets no credentials"));
        }
        let username = match &self.request.credentials {
            Exposed::None => return Err(refused("it wants credentials, and there are none")),
            Exposed::Basic { username, .. }
            | Exposed::Key { username, .. }
            | Exposed::Agent { username } => username,
        };
        // Over SSH the name is asked for first.
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(username);
        }
        if self.shown.replace(true) {
            return Err(refused("it does not take them"));
        }
        match &self.request.credentials {
            Exposed::Basic { password, .. }
                if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) =>
            {
                Cred::userpass_plaintext(username, password)
            }
            Exposed::Key { key, .. } if allowed.contains(CredentialType::SSH_KEY) => {
                Cred::ssh_key_from_memory(username, None, key, None)
            }
            Exposed::Agent { .. } if allowed.contains(CredentialType::SSH_KEY) => {
                Cred::ssh_key_from_agent(username)
            }
            _ => Err(refused("it takes no credentials of this kind")),
        }
    }

    fn certificate(&self, certificate: &Cert<'_>) -> Result<CertificateCheckStatus, git2::Error> {
        // X.509 is OpenSSL's matter.
        let Some(key) = certificate.as_hostkey() else {
            return Ok(CertificateCheckStatus::CertificatePassthrough);
        };
        let refused = |failure: Failure| {
            self.reason.replace(Some(failure));
            git2::Error::new(ErrorCode::Certificate, ErrorClass::Ssh, "host key")
        };
        let Request { host, port, known_hosts: lines, .. } = self.request;
        let named = known_hosts::name(host, *port);
        let Some(offered) = key.hostkey().map(HostKey::new) else {
            let (why, hint) = ("is not told by libssh2".to_owned(), String::new());
            return Err(refused(Failure::HostKey { host: named, why, hint }));
        };
        let mut known = KnownHosts::default();
        known.add(lines);
        match judge(&named, &offered, &known.check(host, *port, &offered), *port) {
            None => Ok(CertificateCheckStatus::CertificateOk),
            Some((why, hint)) => Err(refused(Failure::HostKey { host: named, why, hint })),
        }
    }
}

/// What is wrong with an offered key, and what to do; `None` where nothing is.
fn judge(host: &str, offered: &HostKey, verdict: &Verdict, port: u16) -> Option<(String, String)> {
    let list =
        |keys: &[HostKey]| keys.iter().map(|key| format!("\nknown: {key}")).collect::<String>();
    let scan = {
        let bare = host.trim_start_matches('[').split(']').next().unwrap_or(host);
        format!("`ssh-keyscan -p {port} {bare}` prints what to add to known_hosts")
    };
    let compare = "ask the server's administrator for the fingerprint";
    Some(match verdict {
        Verdict::Known => return None,
        Verdict::Unknown => (
            format!("is not known; offered: {offered}"),
            format!("{compare}; if it is this one, {scan}"),
        ),
        Verdict::Changed(known) => (
            format!("has changed: somebody may be in between\noffered: {offered}{}", list(known)),
            format!("{compare}; if the key was changed, remove the old line, and {scan}"),
        ),
        Verdict::OtherAlgorithm(known) => (
            format!("is known, but not by this algorithm\noffered: {offered}{}", list(known)),
            format!("{compare}; if it is this one, {scan}"),
        ),
        Verdict::Revoked => (
            format!("is marked @revoked; offered: {offered}"),
            "the server needs another key".to_owned(),
        ),
        Verdict::Authority => (
            format!(
                "is known by @cert-authority only, which gw does not support; offered: {offered}"
            ),
            format!("{compare}; if it is this one, {scan}"),
        ),
    })
}

/// The proxy that was named, or the one of the environment.
pub(super) fn proxy(request: &Request) -> ProxyOptions<'static> {
    let mut proxy = ProxyOptions::new();
    match &request.proxy {
        Some(url) => proxy.url(url),
        None => proxy.auto(),
    };
    proxy
}
