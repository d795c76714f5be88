//! The rules of all texts in manifests: one table, for the decoder and for the schema.

use std::{fmt::Display, net::IpAddr, time::Duration};

use serde_json::{Map, Value as Json, json};

use crate::model::{
    CheckPath, DnsName, FilePath, Hostname, NameError, RoutePath, SectionName, ServerName, Token,
};

use super::document::StatusRange;

/// What a text must be.
pub(super) struct TextRule<T> {
    /// With article, for messages: "a host name".
    pub(super) what: &'static str,
    /// A regular expression that all good texts match.
    pub(super) pattern: &'static str,
    /// The greatest length in characters.
    pub(super) max: usize,
    /// Reads the text, or says why it can't be.
    pub(super) parse: fn(&str) -> Result<T, String>,
    /// What to do about a bad one.
    pub(super) hint: Option<&'static str>,
}

impl<T> TextRule<T> {
    /// The rule as JSON Schema.
    pub(super) fn schema(&self) -> Map<String, Json> {
        let schema = json!({"type": "string", "maxLength": self.max, "pattern": self.pattern});
        let Json::Object(schema) = schema else { return Map::new() };
        schema
    }
}

/// A DNS label: names of objects, namespaces and servers.
const LABEL: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

/// Makes a rule from a checked type of the model.
macro_rules! rule {
    ($type:ident, $what:literal) => {
        TextRule {
            what: $what,
            pattern: $type::PATTERN,
            max: $type::MAX,
            parse: |text| $type::new(text).map_err(say),
            hint: None,
        }
    };
}

pub(super) const HOSTNAME: TextRule<Hostname> = rule!(Hostname, "a host name");
pub(super) const DNS_NAME: TextRule<DnsName> = rule!(DnsName, "a host name without wildcard");
pub(super) const SECTION_NAME: TextRule<SectionName> = rule!(SectionName, "a section name");
pub(super) const ROUTE_PATH: TextRule<RoutePath> = rule!(RoutePath, "a path");
pub(super) const CHECK_PATH: TextRule<CheckPath> = rule!(CheckPath, "a path to check");
pub(super) const HEADER_NAME: TextRule<Token> = rule!(Token, "a header name");
pub(super) const COOKIE_NAME: TextRule<Token> = rule!(Token, "a cookie name");
pub(super) const FILE_PATH: TextRule<FilePath> = rule!(FilePath, "a file path");

/// The name or namespace of an object. `ObjectName` checks the two together.
pub(super) const OBJECT_NAME: TextRule<String> = TextRule {
    what: "a name",
    pattern: LABEL,
    max: 63,
    parse: |text| check_label(text).map(|()| text.to_owned()).map_err(say),
    hint: None,
};

pub(super) const SERVER_NAME: TextRule<ServerName> = TextRule {
    what: "a server name",
    pattern: LABEL,
    max: 63,
    parse: |text| ServerName::new(text).map_err(say),
    hint: None,
};

/// An address to bind.
pub(super) const BIND_ADDRESS: TextRule<IpAddr> = TextRule {
    what: "an IP address",
    pattern: "^[0-9A-Fa-f.:]+$",
    max: 45,
    parse: address,
    hint: None,
};

/// The address of a server.
pub(super) const SERVER_ADDRESS: TextRule<IpAddr> = TextRule {
    what: "the address of a server",
    parse: server_address,
    hint: Some(
        "a server needs its IPv4 or IPv6 address: HAProxy doesn't resolve names of servers that \
         come at runtime",
    ),
    ..BIND_ADDRESS
};

/// A span of time, as in the Gateway API (GEP-2257).
pub(super) const DURATION: TextRule<Duration> = TextRule {
    what: "a duration",
    pattern: "^([0-9]{1,5}(h|m|s|ms)){1,4}$",
    max: 24,
    parse: duration,
    hint: Some("write it like 500ms, 10s, 1m30s or 2h, up to 576h"),
};

/// Status codes as text: `204` or `200-399`.
pub(super) const STATUS_RANGE: TextRule<StatusRange> = TextRule {
    what: "a status code or a range of them",
    pattern: "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
    max: 7,
    parse: status_range,
    hint: Some("write it like 204 or 200-399"),
};

/// The key of a label or annotation (Kubernetes: an optional DNS prefix and `/`, then a name).
pub(super) const LABEL_KEY: TextRule<String> = TextRule {
    what: "a label key",
    pattern: r"^([-a-z0-9.]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    max: 317,
    parse: label_key,
    hint: None,
};

/// The value of a label.
pub(super) const LABEL_VALUE: TextRule<String> = TextRule {
    what: "a label value",
    pattern: "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$",
    max: 63,
    parse: |text| if text.is_empty() { Ok(String::new()) } else { label_word(text) },
    hint: None,
};

/// The value of an annotation: any text, since it goes nowhere.
pub(super) const ANY: TextRule<String> = TextRule {
    what: "a text",
    pattern: "",
    max: 262_144,
    parse: |text| Ok(text.to_owned()),
    hint: None,
};

fn say(error: impl Display) -> String {
    error.to_string()
}

/// Object names and server names have one alphabet.
fn check_label(text: &str) -> Result<(), NameError> {
    ServerName::new(text).map(|_| ())
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "it is neither an IPv4 nor an IPv6 address".to_owned())
}

fn server_address(text: &str) -> Result<IpAddr, String> {
    let address = address(text)?;
    if address.is_unspecified() {
        // As a server's address it means "where the client wanted to go".
        return Err("it stands for any address".to_owned());
    }
    Ok(address)
}

fn duration(text: &str) -> Result<Duration, String> {
    /// HAProxy keeps times in milliseconds below 2^31, which is 24.8 days.
    const MAX: Duration = Duration::from_secs(24 * 24 * 3600);
    let mut rest = text;
    let mut total = Duration::ZERO;
    for _ in 0..4 {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 || digits > 5 {
            return Err("each part has one to five digits and a unit".to_owned());
        }
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(say)?;
        let (unit, tail) = if let Some(tail) = tail.strip_prefix("ms") {
            (1, tail)
        } else if let Some(tail) = tail.strip_prefix('s') {
            (1_000, tail)
        } else if let Some(tail) = tail.strip_prefix('m') {
            (60_000, tail)
        } else if let Some(tail) = tail.strip_prefix('h') {
            (3_600_000, tail)
        } else {
            return Err("the units are h, m, s and ms".to_owned());
        };
        total += Duration::from_millis(number * unit);
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        return Err("it has more than four parts".to_owned());
    }
    if total.is_zero() {
        return Err("it is shorter than 1ms".to_owned());
    }
    if total > MAX { Err("it is longer than 576h".to_owned()) } else { Ok(total) }
}

fn status_range(text: &str) -> Result<StatusRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let code = |text: &str| {
        // `parse` alone would take a sign.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let code = text.parse::<u16>().ok().filter(|_| is_plain && text.len() == 3);
        code.filter(|code| (100..=599).contains(code)).ok_or("codes go from 100 to 599")
    };
    let range = StatusRange { first: code(first)?, last: code(last)? };
    if range.first > range.last {
        return Err("it ends before it begins".to_owned());
    }
    Ok(range)
}

fn label_key(text: &str) -> Result<String, String> {
    let name = match text.split_once('/') {
        Some((prefix, name)) => {
            SectionName::new(prefix).map_err(say)?;
            name
        }
        None => text,
    };
    label_word(name).map(|_| text.to_owned())
}

fn label_word(text: &str) -> Result<String, String> {
    if let Some(bad) =
        text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
    {
        return Err(format!("{bad:?} is not allowed in it"));
    }
    if text.len() > 63 {
        return Err("it is longer than 63 characters".to_owned());
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !edge(text.chars().next()) || !edge(text.chars().last()) {
        return Err("it does not begin and end with a letter or digit".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_gateway_api() {
        for (text, millis) in
            [("1ms", 1), ("10s", 10_000), ("1m30s", 90_000), ("1h", 3_600_000), ("0h5s", 5_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in
            ["", "0s", "10", "s", "1.5s", "-1s", "1d", "577h", "100000s", "1s1s1s1s1s", "1s "]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn status_codes_are_single_or_a_range() {
        assert_eq!(status_range("204"), Ok(StatusRange { first: 204, last: 204 }));
        assert_eq!(status_range("200-399"), Ok(StatusRange { first: 200, last: 399 }));
        for bad in ["", "20", "99", "600", "2xx", "300-200", "200-", "+20", "200-300-400"] {
            assert!(status_range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn any_address_is_no_servers_address() {
        for bad in ["0.0.0.0", "::", "example.org", "10.0.0.1:80", "[::1]", "fe80::1%eth0", " ::1"]
        {
            assert!(server_address(bad).is_err(), "{bad}");
        }
    }
}
