//! One server: what differs, and what of it an operator set by hand.
//!
//! What the manifest names is Git's. What it leaves open, the administrative state and the weight,
//! is the operator's: a hand that changed it is left alone until the manifest names the field. gw
//! tells its own changes from an operator's by its notes in the process.

use crate::model::{
    BackendName, Live, LiveServer, Note, Profile, Server, ServerName, ServerNote, ServerState,
};

/// How a server differs.
#[derive(Debug)]
pub struct ServerDifference<'a> {
    /// Its backend.
    pub backend: BackendName,
    /// Its name.
    pub server: ServerName,
    /// The settings of its backend.
    pub profile: &'a Profile,
    /// What differs.
    pub change: ServerChange<'a>,
}

/// What differs about a server.
#[derive(Debug)]
pub enum ServerChange<'a> {
    /// It is missing in the process.
    Add(&'a Server),
    /// An earlier pass added it, but it has not come up yet.
    FinishAdding {
        /// What is wanted.
        to: &'a Server,
        /// What is there.
        from: &'a LiveServer,
        /// The fields that are wanted differently by now.
        fields: Vec<Field>,
    },
    /// It is in the process, but not wanted.
    Remove(&'a LiveServer),
    /// Some fields differ.
    Modify {
        /// What is wanted.
        to: &'a Server,
        /// What is there.
        from: &'a LiveServer,
        /// The fields that differ, at least one.
        fields: Vec<Field>,
    },
}

/// A field of a server that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Address or port.
    Address,
    /// The weight.
    Weight,
    /// The maximum of concurrent requests.
    Maxconn,
    /// Whether it is a backup.
    Backup,
    /// The administrative state.
    State,
}

/// A field that an operator set by hand and that the manifest leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The backend.
    pub backend: BackendName,
    /// The server.
    pub server: ServerName,
    /// What was set.
    pub state: HeldState,
}

/// What an operator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldState {
    /// Out of service.
    Maintenance,
    /// No new clients.
    Drain,
    /// Another weight.
    Weight {
        /// The weight set by hand.
        to: u16,
        /// The weight that it would have.
        from: u16,
    },
}

/// What the notebook says about a server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notes {
    state: Option<ServerNote>,
    weight: Option<u16>,
}

impl Notes {
    pub(super) fn of(live: &Live, backend: &BackendName, server: &ServerName) -> Self {
        let note = |key: Note| live.notes.get(&key);
        Self {
            state: note(Note::server(backend, server)).and_then(|value| value.parse().ok()),
            weight: note(Note::weight(backend, server)).and_then(|value| value.parse().ok()),
        }
    }
}

/// What a comparison yields.
#[derive(Default)]
pub(super) struct Comparison<'a> {
    pub(super) change: Option<ServerChange<'a>>,
    pub(super) held: Vec<Held>,
}

/// Compares one server of both sides.
pub(super) fn compare<'a>(
    wanted: &'a Server,
    running: &'a LiveServer,
    notes: Notes,
    backend: &BackendName,
    name: &ServerName,
) -> Comparison<'a> {
    let mut fields = Vec::new();
    let mut held = Vec::new();
    let mut hold =
        |state| held.push(Held { backend: backend.clone(), server: name.clone(), state });
    if running.address != Some(wanted.address) || running.port != wanted.port {
        fields.push(Field::Address);
    }
    let weight = wanted.effective_weight();
    if running.weight != weight {
        let by_hand = running.weight != notes.weight.unwrap_or(running.initial_weight);
        if by_hand && !wanted.names_weight() {
            hold(HeldState::Weight { to: running.weight, from: weight });
        } else {
            fields.push(Field::Weight);
        }
    }
    if running.maxconn != wanted.maxconn {
        fields.push(Field::Maxconn);
    }
    if running.backup != wanted.backup {
        fields.push(Field::Backup);
    }
    let adding = notes.state == Some(ServerNote::Adding);
    match state(wanted, running, notes) {
        StateVerdict::Same => {}
        StateVerdict::Differs => fields.push(Field::State),
        StateVerdict::Held(state) => hold(state),
    }
    let change = if adding {
        Some(ServerChange::FinishAdding { to: wanted, from: running, fields })
    } else if !fields.is_empty() {
        Some(ServerChange::Modify { to: wanted, from: running, fields })
    } else {
        None
    };
    Comparison { change, held }
}

enum StateVerdict {
    Same,
    Differs,
    Held(HeldState),
}

fn state(wanted: &Server, running: &LiveServer, notes: Notes) -> StateVerdict {
    let out_of_service = running.maintenance || running.draining;
    match wanted.state {
        // One that waits for its check is in maintenance for another reason, which ends.
        Some(ServerState::Maintenance)
            if running.maintenance && notes.state != Some(ServerNote::Adding) =>
        {
            StateVerdict::Same
        }
        Some(ServerState::Maintenance) => StateVerdict::Differs,
        // Being added: in maintenance for a reason, and about to leave it.
        _ if notes.state == Some(ServerNote::Adding) => StateVerdict::Same,
        Some(ServerState::Ready | ServerState::Drain) if out_of_service => StateVerdict::Differs,
        Some(ServerState::Ready | ServerState::Drain) => StateVerdict::Same,
        None if !out_of_service => StateVerdict::Same,
        None => {
            // What gw or the file did is undone; what a hand did stays.
            let by_gw = matches!(notes.state, Some(ServerNote::Removing | ServerNote::Maintenance));
            let by_file = running.disabled_in_file && notes.state != Some(ServerNote::Enabled);
            match (running.maintenance, by_gw || by_file) {
                (true, true) => StateVerdict::Differs,
                (true, false) => StateVerdict::Held(HeldState::Maintenance),
                (false, true) if notes.state == Some(ServerNote::Removing) => StateVerdict::Differs,
                (false, _) => StateVerdict::Held(HeldState::Drain),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Server {
        Server {
            address: [127, 0, 0, 1].into(),
            port: 80,
            weight: None,
            maxconn: None,
            backup: false,
            state: None,
        }
    }

    fn running() -> LiveServer {
        LiveServer {
            address: Some([127, 0, 0, 1].into()),
            port: 80,
            weight: 1,
            initial_weight: 1,
            maxconn: None,
            backup: false,
            maintenance: false,
            disabled_in_file: false,
            draining: false,
            up: true,
            check_passed: false,
            checked: false,
        }
    }

    /// The fields that differ, and what is held.
    fn check(wanted: &Server, running: &LiveServer, notes: Notes) -> (Vec<Field>, Vec<HeldState>) {
        let backend = crate::model::ObjectName::new("default", "b").unwrap().backend();
        let server = ServerName::new("s").unwrap();
        let comparison = compare(wanted, running, notes, &backend, &server);
        let fields = match comparison.change {
            Some(ServerChange::Modify { fields, .. }) => fields,
            _ => Vec::new(),
        };
        (fields, comparison.held.into_iter().map(|held| held.state).collect())
    }

    #[test]
    fn a_weight_set_by_hand_is_held_until_the_manifest_names_one() {
        let by_hand = LiveServer { weight: 50, ..running() };
        let held = vec![HeldState::Weight { to: 50, from: 1 }];
        assert_eq!(check(&wanted(), &by_hand, Notes::default()), (vec![], held));
        let named = Server { weight: Some(1), ..wanted() };
        assert_eq!(check(&named, &by_hand, Notes::default()), (vec![Field::Weight], vec![]));
    }

    #[test]
    fn a_weight_that_gw_set_is_no_operators() {
        let by_gw = LiveServer { weight: 50, ..running() };
        let notes = Notes { weight: Some(50), ..Notes::default() };
        assert_eq!(check(&wanted(), &by_gw, notes), (vec![Field::Weight], vec![]));
    }

    #[test]
    fn maintenance_by_hand_is_held_and_by_gw_or_file_is_ended() {
        let out = LiveServer { maintenance: true, ..running() };
        let notes = |state| Notes { state, ..Notes::default() };
        let held = (vec![], vec![HeldState::Maintenance]);
        let ended = (vec![Field::State], vec![]);
        assert_eq!(check(&wanted(), &out, Notes::default()), held);
        assert_eq!(check(&wanted(), &out, notes(Some(ServerNote::Removing))), ended);
        assert_eq!(check(&wanted(), &out, notes(Some(ServerNote::Maintenance))), ended);
        assert_eq!(check(&wanted(), &out, notes(Some(ServerNote::Adding))), (vec![], vec![]));
        let in_file = LiveServer { disabled_in_file: true, ..out };
        assert_eq!(check(&wanted(), &in_file, Notes::default()), ended);
        assert_eq!(check(&wanted(), &in_file, notes(Some(ServerNote::Enabled))), held);
        let named = Server { state: Some(ServerState::Ready), ..wanted() };
        assert_eq!(check(&named, &in_file, notes(Some(ServerNote::Enabled))), ended);
    }

    #[test]
    fn a_drain_by_hand_is_held() {
        let draining = LiveServer { draining: true, ..running() };
        let held = (vec![], vec![HeldState::Drain]);
        assert_eq!(check(&wanted(), &draining, Notes::default()), held);
    }
}
