//! What operators hold: `<state>/holds.json`.

use serde::{Deserialize, Serialize};

use crate::{
    model::{BackendName, Hold, HoldState, Holds, ServerName},
    store::{Lock, Store, StoreError},
};

/// The file below the state directory.
pub(super) const FILE: &str = "holds.json";

/// The file as written.
#[derive(Default, Serialize, Deserialize)]
struct Document {
    holds: Vec<Record>,
}

/// A hold as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    backend: String,
    server: String,
    #[serde(flatten)]
    state: State,
    owner: String,
    reason: String,
    since: u64,
    until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    Maintenance,
    Drain,
    Weight { weight: u16 },
}

/// Reads all holds, with those that are over at `now` (seconds since the epoch) and not given back.
pub fn read(store: &Store, now: u64) -> Result<Holds, StoreError> {
    let document: Document = store.read_json(FILE)?.unwrap_or_default();
    let mut holds = Holds::default();
    for record in document.holds {
        // A name that no server can have is of no server.
        if let (Some(backend), Some(server)) =
            (BackendName::from_haproxy(&record.backend), ServerName::from_haproxy(&record.server))
        {
            holds.insert(backend, server, record.hold(now));
        }
    }
    Ok(holds)
}

/// When each hold ends, in seconds since the epoch.
pub(super) fn ends(store: &Store) -> Result<Vec<u64>, StoreError> {
    let document: Document = store.read_json(FILE)?.unwrap_or_default();
    Ok(document.holds.into_iter().map(|record| record.until).collect())
}

/// Writes a hold, in place of any other of the same server. Returns the bytes written.
pub fn put(
    store: &Store,
    _lock: &Lock,
    (backend, server): (&BackendName, &ServerName),
    hold: &Hold,
) -> Result<u64, StoreError> {
    let mut document: Document = store.read_json(FILE)?.unwrap_or_default();
    document.holds.retain(|record| !record.is_of(backend, server));
    document.holds.push(Record::of(backend, server, hold));
    document.holds.sort_by(|a, b| (&a.backend, &a.server).cmp(&(&b.backend, &b.server)));
    store.write_json(FILE, &document)
}

/// Removes the holds of these servers. Returns the bytes written.
pub fn remove(
    store: &Store,
    _lock: &Lock,
    servers: &[(BackendName, ServerName)],
) -> Result<u64, StoreError> {
    let mut document: Document = store.read_json(FILE)?.unwrap_or_default();
    let before = document.holds.len();
    document
        .holds
        .retain(|record| !servers.iter().any(|(backend, server)| record.is_of(backend, server)));
    match document.holds.len() {
        left if left == before => Ok(0),
        0 => store.remove_file(FILE).map(|_| 0),
        _ => store.write_json(FILE, &document),
    }
}

impl Record {
    fn of(backend: &BackendName, server: &ServerName, hold: &Hold) -> Self {
        Self {
            backend: backend.to_string(),
            server: server.to_string(),
            state: match hold.state {
                HoldState::Maintenance => State::Maintenance,
                HoldState::Drain => State::Drain,
                HoldState::Weight(weight) => State::Weight { weight },
            },
            owner: hold.owner.clone(),
            reason: hold.reason.clone(),
            since: hold.since,
            until: hold.until,
        }
    }

    fn hold(self, now: u64) -> Hold {
        Hold {
            state: match self.state {
                State::Maintenance => HoldState::Maintenance,
                State::Drain => HoldState::Drain,
                State::Weight { weight } => HoldState::Weight(weight),
            },
            owner: self.owner,
            reason: self.reason,
            since: self.since,
            until: self.until,
            is_over: self.until <= now,
        }
    }

    fn is_of(&self, backend: &BackendName, server: &ServerName) -> bool {
        self.backend == backend.as_str() && self.server == server.as_str()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::ObjectName;

    use super::*;

    #[test]
    fn holds_are_read_as_written_until_they_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        let lock = store.lock().unwrap();
        let backend = ObjectName::new("shop", "web").unwrap().backend();
        let name = |name| ServerName::new(name).unwrap();
        let hold = |state| Hold {
            state,
            owner: "alice@web-1".into(),
            reason: "INC-42".into(),
            since: 100,
            until: 200,
            is_over: false,
        };
        let states = [HoldState::Maintenance, HoldState::Drain, HoldState::Weight(7)];
        assert_eq!(read(&store, 0).unwrap(), Holds::default());
        let mut expected = Holds::default();
        for (state, server) in states.into_iter().zip(["c", "b", "a"].map(name)) {
            put(&store, &lock, (&backend, &server), &hold(HoldState::Weight(0))).unwrap();
            put(&store, &lock, (&backend, &server), &hold(state)).unwrap();
            expected.insert(backend.clone(), server, hold(state));
        }
        assert_eq!(read(&store, 199).unwrap(), expected);
        assert_eq!(expected.next_end(), Some(200));
        let over = read(&store, 200).unwrap();
        assert!(over.iter().all(|(_, _, hold)| hold.is_over));
        assert_eq!(over.next_end(), None);
        let some = [(backend.clone(), name("a")), (backend.clone(), name("x"))];
        assert!(remove(&store, &lock, &some).unwrap() > 0);
        assert_eq!(remove(&store, &lock, &some).unwrap(), 0);
        assert_eq!(read(&store, 0).unwrap().iter().count(), 2);
        remove(&store, &lock, &[(backend.clone(), name("b")), (backend, name("c"))]).unwrap();
        assert!(!root.path().join(FILE).exists());
    }
}
