//! Names, validated once, at the border. A name that exists is safe in a configuration line, a map
//! key and a socket command.

use std::{borrow::Borrow, cmp::Ordering, fmt, sync::Arc};

/// The longest DNS label (RFC 1035, section 2.3.4), in characters.
const LABEL_MAX: usize = 63;

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name must not be empty")]
    Empty,
    /// Over 63 characters.
    #[error("a name has at most 63 characters")]
    TooLong,
    /// A character outside the alphabet of DNS labels.
    #[error(
        "{0:?} is not allowed in a name: use a-z, 0-9 and '-', beginning and ending with a letter or digit"
    )]
    Character(char),
}

/// Checks a DNS label (RFC 1123): `a-z`, `0-9` and `-`, not at either end, at most 63 characters.
fn check_label(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(bad) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(NameError::Character(bad));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(NameError::Character('-'));
    }
    if text.len() > LABEL_MAX { Err(NameError::TooLong) } else { Ok(()) }
}

/// Implements what every name type has: order, text, hashing by text.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
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

name_type! {
    /// The name of a backend as HAProxy knows it: `name`, or `namespace.name` outside the namespace
    /// `default`. Labels hold no dot, so no two objects collide.
    BackendName
}

name_type! {
    /// The name of a server inside its backend: a DNS label.
    ServerName
}

impl BackendName {
    /// Takes a name that a running HAProxy reported. `None` for one that gw would not give, such as
    /// that of a section written by hand.
    pub fn from_haproxy(text: &str) -> Option<Self> {
        let labels: Vec<&str> = text.split('.').collect();
        let good = labels.len() <= 2 && labels.iter().all(|label| check_label(label).is_ok());
        good.then(|| Self(text.into()))
    }
}

impl ServerName {
    /// Takes a name that a running HAProxy reported, in HAProxy's own alphabet: an operator may have
    /// added a server that no manifest could name. `None` where HAProxy itself would refuse it.
    pub fn from_haproxy(text: &str) -> Option<Self> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        (!text.is_empty() && text.chars().all(good)).then(|| Self(text.into()))
    }

    /// Checks a server name from a manifest.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_label(text).map(|()| Self(text.into()))
    }
}

/// The namespace and name of a manifest object. The order is that of `namespace/name` as one text,
/// by which the Gateway API ranks routes that match equally well.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl Ord for ObjectName {
    fn cmp(&self, other: &Self) -> Ordering {
        fn text(name: &ObjectName) -> impl Iterator<Item = u8> {
            name.namespace.bytes().chain([b'/']).chain(name.name.bytes())
        }
        text(self).cmp(text(other))
    }
}

impl PartialOrd for ObjectName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ObjectName {
    /// The namespace of an object that names none.
    pub const DEFAULT_NAMESPACE: &'static str = "default";

    /// Checks both labels.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        check_label(namespace)?;
        check_label(name)?;
        Ok(Self { namespace: namespace.into(), name: name.into() })
    }

    /// The namespace, `default` where the manifest names none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name inside the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name under which HAProxy knows a backend with this object name.
    pub fn backend(&self) -> BackendName {
        BackendName(self.to_string().into())
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.namespace != Self::DEFAULT_NAMESPACE {
            write!(f, "{}.", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_default_namespace_carry_it() {
        assert_eq!(ObjectName::new("default", "api").unwrap().backend().as_str(), "api");
        assert_eq!(ObjectName::new("shop", "api").unwrap().backend().as_str(), "shop.api");
    }

    #[test]
    fn objects_are_in_order_of_namespace_and_name_as_one_text() {
        let name = |namespace, name| ObjectName::new(namespace, name).unwrap();
        // `-` comes before `/`, so the longer namespace comes first.
        assert!(name("a-b", "z") < name("a", "a"));
        assert!(name("a", "a") < name("a", "b"));
    }

    #[test]
    fn nothing_but_labels_becomes_a_name() {
        for bad in ["", "-a", "a-", "A", "a.b", "a b", "a\nb", "a;b", "ü", &"a".repeat(64)] {
            assert!(ServerName::new(bad).is_err(), "{bad:?} passed");
        }
        assert!(ServerName::new("web-1").is_ok());
    }
}
