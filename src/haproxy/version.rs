//! Versions of HAProxy, as far as they decide anything: major and minor.

use std::fmt;

/// A version of HAProxy, `3.2`. The patch level decides nothing in gw and is kept as text only
/// where it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `3` in 3.2.
    pub major: u16,
    /// `2` in 3.2.
    pub minor: u16,
}

impl Version {
    /// The oldest that gw works with: the one of Debian 12.
    pub const MINIMUM: Self = Self::new(2, 6);
    /// First long-term release with a synchronous `reload` on the master socket, and with `cookie`
    /// on `add server`.
    pub const V2_8: Self = Self::new(2, 8);
    /// First long-term release with `wait`, virtual maps and asynchronous address changes.
    pub const V3_0: Self = Self::new(3, 0);
    /// First long-term release with `init-state`, `echo` and one prompt per line.
    pub const V3_2: Self = Self::new(3, 2);
    /// First long-term release with `add backend` and payloads over 16 KB.
    pub const V3_4: Self = Self::new(3, 4);

    /// A version by its numbers.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Finds the version at the start of a text such as `2.6.12-1+deb12u4` (`show version`, the
    /// `Version:` line of `show info`) or anywhere after `version ` (`haproxy -v`). Development
    /// versions (`3.5-dev3`) count as what they become.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let text = text.find("version ").map_or(text, |at| &text[at + "version ".len()..]);
        let (major, rest) = number(text)?;
        let (minor, _) = number(rest.strip_prefix('.')?)?;
        Some(Self { major, minor })
    }
}

/// The decimal number at the start of `text`, and what follows it.
fn number(text: &str) -> Option<(u16, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_where_haproxy_says_them() {
        for (text, major, minor) in [
            ("2.6.12-1+deb12u4\n", 2, 6),
            ("2.8.25-5cf5d0683", 2, 8),
            ("HAProxy version 3.0.11-1+deb13u5 2026/11/18 - https://haproxy.org/", 3, 0),
            ("3.5-dev3", 3, 5),
        ] {
            assert_eq!(Version::parse(text), Some(Version::new(major, minor)), "{text}");
        }
        for text in ["", "x", "3", "3.", ".2", "99999999.1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        assert!(Version::V2_8 < Version::V3_0 && Version::new(2, 10) > Version::V2_8);
    }
}
