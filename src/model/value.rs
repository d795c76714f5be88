//! Texts from manifests that reach HAProxy, each checked against a harmless alphabet at the border:
//! no white space, quote, backslash or control character passes, so that a value which exists can
//! add neither a line nor a word to a configuration, a map or a socket command.

use std::{fmt, net::IpAddr, sync::Arc};

/// Why a text is no valid value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// Over the limit, in characters.
    #[error("it is longer than {0} characters")]
    TooLong(usize),
    /// A character outside the alphabet.
    #[error("{0:?} is not allowed in it")]
    Character(char),
    /// A rule that concerns more than one character.
    #[error("{0}")]
    Rule(&'static str),
}

/// Defines a checked text: the type, its pattern for the schema, and its constructor.
macro_rules! value_type {
    ($(#[$doc:meta])* $name:ident, max $max:literal, pattern $pattern:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The greatest length in characters.
            pub const MAX: usize = $max;

            /// A regular expression for the JSON Schema. It may let pass what `new` refuses, never
            /// the reverse.
            pub const PATTERN: &'static str = $pattern;

            /// Checks a text from a manifest.
            pub fn new(text: &str) -> Result<Self, ValueError> {
                if text.is_empty() {
                    return Err(ValueError::Empty);
                }
                $check(text)?;
                if text.len() > Self::MAX {
                    return Err(ValueError::TooLong(Self::MAX));
                }
                Ok(Self(text.into()))
            }

            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

value_type! {
    /// A host name, or `*.` and a host name (Gateway API, `Hostname`): lower case, no address.
    Hostname, max 253,
    pattern r"^(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
    check_hostname
}

value_type! {
    /// A host name without wildcard, such as a TLS server name.
    DnsName, max 253,
    pattern r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
    check_dns_name
}

value_type! {
    /// The name of a listener or of a route's rule (Gateway API, `SectionName`): labels and dots.
    SectionName, max 253,
    pattern r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
    check_labels
}

value_type! {
    /// The path of a route's match (Gateway API, `HTTPPathMatch`): absolute, in normal form, with
    /// the characters of RFC 3986. Its `;`, `$`, `'` and `%` are data in a map file, but need care
    /// in a socket command.
    RoutePath, max 1024,
    pattern r"^/([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$",
    check_route_path
}

value_type! {
    /// The request target of a health check: absolute, with an optional query.
    CheckPath, max 1024,
    pattern r"^/[-A-Za-z0-9/._~!&()*+,=:@?]*$",
    check_check_path
}

value_type! {
    /// The name of a header or cookie: the harmless part of the tokens of RFC 9110 and RFC 6265.
    Token, max 128, pattern r"^[-A-Za-z0-9_.]+$", check_token
}

value_type! {
    /// The path of a file beside the manifests or an absolute one.
    FilePath, max 1024, pattern r"^[A-Za-z0-9/._+=][-A-Za-z0-9/._+=@]*$", check_file_path
}

impl RoutePath {
    /// The path `/`.
    pub fn root() -> Self {
        Self("/".into())
    }
}

impl Hostname {
    /// The name behind `*.`, or `None` where this is a precise name.
    pub fn wildcard_suffix(&self) -> Option<&str> {
        self.0.strip_prefix("*.")
    }
}

/// The first character that is not `allowed`, as an error.
fn only(text: &str, allowed: fn(char) -> bool) -> Result<(), ValueError> {
    match text.chars().find(|c| !allowed(*c)) {
        Some(bad) => Err(ValueError::Character(bad)),
        None => Ok(()),
    }
}

fn check_labels(text: &str) -> Result<(), ValueError> {
    only(text, |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.'))?;
    for label in text.split('.') {
        if label.is_empty() {
            return Err(ValueError::Rule("a part between dots is empty"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(ValueError::Rule("a part between dots begins or ends with '-'"));
        }
        if label.len() > 63 {
            return Err(ValueError::Rule("a part between dots is longer than 63 characters"));
        }
    }
    Ok(())
}

fn check_dns_name(text: &str) -> Result<(), ValueError> {
    if text.parse::<IpAddr>().is_ok() {
        return Err(ValueError::Rule("it is an IP address"));
    }
    check_labels(text)
}

fn check_hostname(text: &str) -> Result<(), ValueError> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        return Err(ValueError::Rule("'*' is allowed only as the whole first part, as in *.a.org"));
    }
    check_dns_name(name)
}

fn check_route_path(text: &str) -> Result<(), ValueError> {
    if !text.starts_with('/') {
        return Err(ValueError::Rule("it does not begin with '/'"));
    }
    only(text, |c| {
        matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9') || "-/._~!$&'()*+,;=:@%".contains(c)
    })?;
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(ValueError::Rule("'%' is not followed by two hexadecimal digits"));
        }
    }
    if text.contains("//") {
        return Err(ValueError::Rule("it contains '//'"));
    }
    if text.split('/').any(|element| matches!(element, "." | "..")) {
        return Err(ValueError::Rule("it contains a '.' or '..' element"));
    }
    if text.contains("%2f") || text.contains("%2F") {
        return Err(ValueError::Rule("it contains an encoded '/'"));
    }
    Ok(())
}

fn check_check_path(text: &str) -> Result<(), ValueError> {
    if !text.starts_with('/') {
        return Err(ValueError::Rule("it does not begin with '/'"));
    }
    only(text, |c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9') || "-/._~!&()*+,=:@?".contains(c))
}

fn check_token(text: &str) -> Result<(), ValueError> {
    only(text, |c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.'))
}

fn check_file_path(text: &str) -> Result<(), ValueError> {
    only(text, |c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9') || "-/._+=@".contains(c))?;
    // HAProxy takes `@…` as the name of a store, never of a file.
    if text.starts_with(['@', '-']) {
        return Err(ValueError::Rule("it begins with '@' or '-'"));
    }
    if text.ends_with('/') {
        return Err(ValueError::Rule("it names a directory"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that no value may ever be.
    const HOSTILE: [&str; 14] = [
        "", " ", "a b", "a\nb", "a\rb", "a\0b", "a\tb", "a\"b", "a\\b", "a#b", "a\u{7f}b", "ü",
        "a%[b]", "${a}",
    ];

    #[test]
    fn no_hostile_text_passes() {
        for text in HOSTILE {
            for text in [text.to_owned(), format!("/{text}")] {
                assert!(Hostname::new(&text).is_err(), "{text:?} is a Hostname");
                assert!(DnsName::new(&text).is_err(), "{text:?} is a DnsName");
                assert!(SectionName::new(&text).is_err(), "{text:?} is a SectionName");
                assert!(Token::new(&text).is_err(), "{text:?} is a Token");
                let root = text == "/";
                assert!(root || RoutePath::new(&text).is_err(), "{text:?} is a RoutePath");
                assert!(root || CheckPath::new(&text).is_err(), "{text:?} is a CheckPath");
                assert!(FilePath::new(&text).is_err(), "{text:?} is a FilePath");
            }
        }
    }

    #[test]
    fn host_names_follow_the_gateway_api() {
        for good in ["a", "a.example.org", "*.example.org", "1.example.org", "*.org"] {
            assert!(Hostname::new(good).is_ok(), "{good}");
        }
        let long = "a.".repeat(127) + "a";
        for bad in [
            "*", "*.", "a.*.org", "*a.org", "A.org", "a..org", "a.org.", "-a.org", "10.0.0.1",
            "::1", &long,
        ] {
            assert!(Hostname::new(bad).is_err(), "{bad}");
        }
        assert!(DnsName::new("*.example.org").is_err());
        assert_eq!(Hostname::new("*.a.org").unwrap().wildcard_suffix(), Some("a.org"));
    }

    #[test]
    fn paths_are_absolute_and_in_normal_form() {
        for good in ["/", "/a", "/a/", "/a%20b", "/a;b=$c", "/..a/.b"] {
            assert!(RoutePath::new(good).is_ok(), "{good}");
        }
        let long = format!("/{}", "a".repeat(1024));
        for bad in [
            "a", "//", "/a//b", "/./a", "/a/..", "/.", "/a%2fb", "/a%2Fb", "/a%2", "/a?b", "/a#b",
            &long,
        ] {
            assert!(RoutePath::new(bad).is_err(), "{bad}");
        }
        assert!(CheckPath::new("/health?full=1").is_ok());
        for bad in ["health", "/a%20b", "/a;b", "/$a", "/a'b"] {
            assert!(CheckPath::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn file_paths_name_files() {
        for good in ["a.pem", "certs/a-b_c.pem", "/etc/ssl/ca.pem", "../ca.pem"] {
            assert!(FilePath::new(good).is_ok(), "{good}");
        }
        for bad in ["@store/a", "-a", "certs/", "a b.pem", "a'b"] {
            assert!(FilePath::new(bad).is_err(), "{bad}");
        }
    }
}
