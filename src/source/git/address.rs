//! Where a repository is. What is secret in a URL is taken out of it before anybody can see it.

use std::{
    fmt,
    net::IpAddr,
    path::{self, Path},
};

use url::Url;

use super::Secret;

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A folder of this machine.
    Local,
    /// `git daemon`: neither secret nor authentic.
    Git,
    /// Readable by everybody on the way.
    Http,
    /// HTTP over TLS.
    Https,
    /// SSH.
    Ssh,
}

/// The address of a repository, or of a proxy. Shown without user and password of an HTTP URL: a
/// token may be either.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    transport: Transport,
    host: String,
    port: Option<u16>,
    username: Option<Secret>,
    password: Option<Secret>,
}

/// Why a text is no address. The text itself is not told: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of a Git repository: {0}")]
pub struct AddressError(&'static str);

impl Address {
    /// Reads a URL, `user@host:path`, or a path, which is relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError("it is empty"));
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(AddressError("it holds blanks or control characters"));
        }
        if text.contains("://") {
            return Self::from_url(text);
        }
        match text.split_once(':') {
            Some((host, path)) if !host.contains('/') => Self::from_scp(text, host, path),
            _ => {
                let path = path::absolute(folder.join(text)).ok();
                let path = path.as_deref().and_then(Path::to_str);
                let path = path.ok_or(AddressError("the path is not UTF-8"))?;
                Ok(Self::plain(path.to_owned(), Transport::Local))
            }
        }
    }

    fn plain(text: String, transport: Transport) -> Self {
        let host = String::new();
        Self { text, transport, host, port: None, username: None, password: None }
    }

    fn from_url(text: &str) -> Result<Self, AddressError> {
        let mut url = Url::parse(text).map_err(|_| AddressError("it is no valid URL"))?;
        let transport = match url.scheme() {
            "file" => Transport::Local,
            "git" => Transport::Git,
            "http" => Transport::Http,
            "https" => Transport::Https,
            "ssh" => Transport::Ssh,
            _ => return Err(AddressError("gw knows https, ssh, git, http and file")),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError("it has a query or a fragment"));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if transport == Transport::Local {
            return Ok(Self::plain(text.to_owned(), transport));
        }
        if host.is_empty() || host.starts_with('-') {
            return Err(AddressError("it names no host"));
        }
        let decoded = |part: &str| percent_decoded(part).map(Secret::new);
        let bad = AddressError("user or password are not UTF-8");
        let username = (!url.username().is_empty()).then(|| decoded(url.username()).ok_or(bad));
        let bad = AddressError("user or password are not UTF-8");
        let password = url.password().map(|password| decoded(password).ok_or(bad));
        if transport == Transport::Ssh && password.is_some() {
            return Err(AddressError("over SSH gw uses keys, not passwords"));
        }
        // Only a URL that can't have them refuses, and that has none.
        let _ = url.set_password(None);
        if transport != Transport::Ssh {
            let _ = url.set_username("");
        }
        Ok(Self {
            transport,
            host: host.trim_matches(['[', ']']).to_ascii_lowercase(),
            port: url.port(),
            text: url.into(),
            username: username.transpose()?,
            password: password.transpose()?,
        })
    }

    /// `[user@]host:path`, as SSH has it.
    fn from_scp(text: &str, host: &str, path: &str) -> Result<Self, AddressError> {
        let (username, host) = match host.rsplit_once('@') {
            Some((username, host)) => (Some(username), host),
            None => (None, host),
        };
        if host.is_empty() || host.starts_with('-') || path.is_empty() {
            return Err(AddressError("it names no host, or no path"));
        }
        if path.split_once('@').is_some_and(|(_, rest)| rest.contains(':')) {
            return Err(AddressError("`user@host:path` takes no password: name a key"));
        }
        let host = host.to_ascii_lowercase();
        let username = username.map(Secret::new);
        Ok(Self { host, username, ..Self::plain(text.to_owned(), Transport::Ssh) })
    }

    /// The address without secrets, as Git understands it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How the repository is reached.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The host, in lower case; empty where there is none.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, where it is not the usual one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The user in the address.
    pub fn username(&self) -> Option<&Secret> {
        self.username.as_ref()
    }

    /// The password in the address.
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// Whether the host is this machine itself.
    pub fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        self.host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    }

    /// The whole URL, secrets included.
    pub(super) fn exposed(&self) -> String {
        let (Some(username), Ok(mut url)) = (&self.username, Url::parse(&self.text)) else {
            return self.text.clone();
        };
        let _ = url.set_username(username.expose());
        let _ = url.set_password(self.password.as_ref().map(Secret::expose));
        url.into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let code = digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low);
                code.and_then(|code| u8::try_from(code).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        Address::parse(text, Path::new("/srv"))
    }

    #[test]
    fn secrets_are_taken_out() {
        let address = parse("https://me:p%40ss@Git.example.org:8443/a/b.git").unwrap();
        assert_eq!(address.to_string(), "https://git.example.org:8443/a/b.git");
        assert!(!format!("{address:?}").contains("ss@"), "{address:?}");
        assert_eq!(address.username(), Some(&Secret::new("me")));
        assert_eq!(address.password(), Some(&Secret::new("p@ss")));
        assert_eq!(address.exposed(), "https://me:p%40ss@git.example.org:8443/a/b.git");
        // A token alone stands where the user does.
        let address = parse("https://ghp_token@example.org/a").unwrap();
        assert_eq!(address.to_string(), "https://example.org/a");
        assert!(!format!("{address:?}").contains("ghp"), "{address:?}");
        for bad in ["https://me:hunter2@", "ssh://me:hunter2@example.org/a", "x://me:hunter2@h/"] {
            let error = parse(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn each_form_names_transport_host_and_port() {
        for (text, transport, host, port) in [
            ("git@Example.org:a/b.git", Transport::Ssh, "example.org", None),
            ("ssh://git@example.org:2222/a", Transport::Ssh, "example.org", Some(2222)),
            ("ssh://git@[::1]:22/a", Transport::Ssh, "::1", Some(22)),
            ("git://127.0.0.1:9418/a", Transport::Git, "127.0.0.1", Some(9418)),
            ("http://localhost/a", Transport::Http, "localhost", None),
            ("file:///srv/a.git", Transport::Local, "", None),
            ("/srv/a.git", Transport::Local, "", None),
        ] {
            let address = parse(text).unwrap();
            let found = (address.transport(), address.host(), address.port());
            assert_eq!(found, (transport, host, port), "{text}");
        }
        assert_eq!(parse("a.git").unwrap().as_str(), "/srv/a.git");
        assert_eq!(parse("ssh://git@example.org/a").unwrap().as_str(), "ssh://git@example.org/a");
        assert!(parse("http://127.0.0.1:80/a").unwrap().is_loopback());
        assert!(!parse("http://127.0.0.1.example.org/a").unwrap().is_loopback());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "https://",
            "ext::sh -c true",
            "ftp://example.org/a",
            "-oProxyCommand=x:a",
            "ssh://-oProxyCommand=x/a",
            "https://example.org/a?token=x",
            "https://example.org/a\n",
            "host:",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
