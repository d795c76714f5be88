//! The notebook: a map that no request is looked up in. It holds, inside the process itself, what
//! the runtime socket can't read back, and dies with the process.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::model::{BackendName, Desired, ServerName};

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
    /// Backend and server → `adding`, `removing`, or the weight that gw gave it at runtime.
    Server(String, String),
}

impl Note {
    /// The note about a backend.
    pub fn backend(name: &BackendName) -> Self {
        Self::Backend(name.to_string())
    }

    /// The note about a server.
    pub fn server(backend: &BackendName, server: &ServerName) -> Self {
        Self::Server(backend.to_string(), server.to_string())
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
            "server" => {
                let (backend, server) = name.split_once('/').ok_or(())?;
                Ok(Self::Server(backend.to_owned(), server.to_owned()))
            }
            _ => Err(()),
        }
    }
}

/// All notes of a process that has just been started on `desired`.
pub fn notes(desired: &Desired, revision: &str) -> BTreeMap<Note, String> {
    let mut notes = BTreeMap::from([(Note::Revision, revision.to_owned())]);
    for (name, backend) in &desired.backends {
        let profile = backend.profile.name();
        notes.insert(Note::backend(name), profile.clone());
        notes.insert(Note::Profile(profile), KNOWN.to_owned());
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
