//! The notebook: a map that no request is looked up in. It holds, inside the process itself, what
//! the runtime socket can't read back, and dies with the process.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{
    desired::Desired,
    name::{BackendName, ServerName},
    routing::{NOTEBOOK, REVISION},
};

/// What a note says whose key says it all.
pub const KNOWN: &str = "-";

/// The key of a note.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// The revision of the manifests at the last change.
    Revision,
    /// Profile name: the process knows this `defaults` section.
    Profile(String),
    /// Backend → the name of its profile.
    Backend(String),
    /// File name of a certificate → digest of chain and key.
    Certificate(String),
    /// Backend and server → what gw did to its administrative state at runtime.
    Server(String, String),
    /// Backend and server → the weight that gw gave it at runtime. Any other weight that is not the
    /// initial one was set by hand.
    Weight(String, String),
}

impl Note {
    /// The map that holds it.
    pub fn map(&self) -> &'static str {
        match self {
            Self::Revision => REVISION,
            Self::Profile(_)
            | Self::Backend(_)
            | Self::Certificate(_)
            | Self::Server(..)
            | Self::Weight(..) => NOTEBOOK,
        }
    }

    /// The note about a backend.
    pub fn backend(name: &BackendName) -> Self {
        Self::Backend(name.to_string())
    }

    /// The note about a server's administrative state.
    pub fn server(backend: &BackendName, server: &ServerName) -> Self {
        Self::Server(backend.to_string(), server.to_string())
    }

    /// The note about a server's weight.
    pub fn weight(backend: &BackendName, server: &ServerName) -> Self {
        Self::Weight(backend.to_string(), server.to_string())
    }
}

/// What gw did to the administrative state of a server at runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerNote {
    /// It is in maintenance until its first good check.
    Adding,
    /// It is in maintenance until it can be deleted.
    Removing,
    /// It is in maintenance because the manifest says so.
    Maintenance,
    /// It was put into service although the file that the process loaded says `disabled`.
    Enabled,
}

impl ServerNote {
    /// The note as the value of a map entry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adding => "adding",
            Self::Removing => "removing",
            Self::Maintenance => "maintenance",
            Self::Enabled => "enabled",
        }
    }
}

impl FromStr for ServerNote {
    type Err = ();

    fn from_str(value: &str) -> Result<Self, ()> {
        [Self::Adding, Self::Removing, Self::Maintenance, Self::Enabled]
            .into_iter()
            .find(|note| note.as_str() == value)
            .ok_or(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revision => f.write_str("revision"),
            Self::Profile(name) => f.write_str(name),
            Self::Backend(name) => write!(f, "backend/{name}"),
            Self::Certificate(file) => write!(f, "certificate/{file}"),
            Self::Server(backend, server) => write!(f, "server/{backend}/{server}"),
            Self::Weight(backend, server) => write!(f, "weight/{backend}/{server}"),
        }
    }
}

impl FromStr for Note {
    type Err = ();

    fn from_str(key: &str) -> Result<Self, ()> {
        if key == "revision" {
            return Ok(Self::Revision);
        }
        if key.starts_with("profile:") {
            return Ok(Self::Profile(key.to_owned()));
        }
        let (kind, name) = key.split_once('/').ok_or(())?;
        match kind {
            "backend" => Ok(Self::Backend(name.to_owned())),
            "certificate" => Ok(Self::Certificate(name.to_owned())),
            "server" | "weight" => {
                let (backend, server) = name.split_once('/').ok_or(())?;
                let (backend, server) = (backend.to_owned(), server.to_owned());
                Ok(if kind == "server" {
                    Self::Server(backend, server)
                } else {
                    Self::Weight(backend, server)
                })
            }
            _ => Err(()),
        }
    }
}

/// All notes of a process that has just been started on `desired`, but the revision.
pub fn notes(desired: &Desired) -> BTreeMap<Note, String> {
    let mut notes = BTreeMap::new();
    for (name, backend) in &*desired.backends {
        let profile = backend.profile.name().to_owned();
        notes.insert(Note::backend(name), profile);
    }
    for profile in desired.profiles().into_keys() {
        notes.insert(Note::Profile(profile.to_owned()), KNOWN.to_owned());
    }
    for (file, certificate) in &desired.certificates {
        notes.insert(Note::Certificate(file.clone()), certificate.digest().short());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_written() {
        let notes = [
            Note::Revision,
            Note::Profile("profile:0123456789ab".into()),
            Note::Backend("shop.api".into()),
            Note::Certificate("certs/shop.pem".into()),
            Note::Server("shop.api".into(), "api1".into()),
        ];
        for note in notes {
            assert_eq!(note.to_string().parse(), Ok(note));
        }
        assert_eq!("anything".parse::<Note>(), Err(()));
    }
}
