//! One server: what differs, and what of it an operator set by hand.
//!
//! What the manifest names is Git's. What it leaves open, the administrative state and the weight,
//! is the operator's: a hand that changed it is left alone until the manifest names the field. gw
//! tells its own changes from an operator's by its notes in the process.

use crate::model::{
    BackendName, BalanceKind, Hold, HoldState, Live, LiveServer, Note, Profile, Server, ServerName,
    ServerNote, ServerState,
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

impl ServerChange<'_> {
    /// Leaves only the fields that have to do with holds. Returns whether there are any.
    pub fn keep_holds(&mut self) -> bool {
        match self {
            Self::Modify { fields, .. } => {
                fields.retain(|field| field.is_of_hold());
                !fields.is_empty()
            }
            Self::Add(_) | Self::FinishAdding { .. } | Self::Remove(_) => false,
        }
    }
}

impl Field {
    /// Whether it differs because of a hold, in force or over.
    pub fn is_of_hold(self) -> bool {
        matches!(self, Self::Held(_) | Self::Released(_))
    }
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
    /// What an operator holds, and that is not so.
    Held(HoldState),
    /// What an operator held, and that is still so.
    Released(HoldState),
}

/// A field that an operator set: by hand, where the manifest leaves it open, or by a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The backend.
    pub backend: BackendName,
    /// The server.
    pub server: ServerName,
    /// What was set.
    pub state: HeldState,
    /// The hold that says so; `None` for what was set by hand.
    pub hold: Option<Hold>,
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
    pub(super) state: Option<ServerNote>,
    pub(super) weight: Option<u16>,
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
    pub(super) held: Vec<(HeldState, Option<Hold>)>,
}

/// Compares one server of both sides. What is held goes before what is wanted, as far as the balance
/// algorithm allows for it.
pub(super) fn compare<'a>(
    wanted: &'a Server,
    running: &'a LiveServer,
    notes: Notes,
    hold: Option<&Hold>,
    balance: &BalanceKind,
) -> Comparison<'a> {
    let mut fields = Vec::new();
    let mut held = Vec::new();
    let in_force = hold.filter(|hold| !hold.is_over);
    let ended = hold.filter(|hold| hold.is_over).map(|hold| hold.state);
    if running.address != Some(wanted.address) || running.port != wanted.port {
        fields.push(Field::Address);
    }
    let weight = wanted.effective_weight();
    if let Some(hold) = in_force
        && let HoldState::Weight(to) = hold.state
        && balance.takes_weight(to, weight)
    {
        held.push((HeldState::Weight { to, from: weight }, Some(hold.clone())));
        if running.weight != to {
            fields.push(Field::Held(hold.state));
        }
    } else if running.weight != weight {
        let by_hand = running.weight != notes.weight.unwrap_or(running.initial_weight);
        let is_now = HoldState::Weight(running.weight);
        if ended == Some(is_now) {
            fields.push(Field::Released(is_now));
        } else if by_hand && !wanted.names_weight() && balance.takes_weight(running.weight, weight)
        {
            held.push((HeldState::Weight { to: running.weight, from: weight }, None));
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
    let admin = match (running.maintenance, running.draining) {
        (true, _) => Some(HoldState::Maintenance),
        (false, true) => Some(HoldState::Drain),
        (false, false) => None,
    };
    let held_state = in_force.and_then(|hold| match hold.state {
        HoldState::Maintenance => Some((hold, HeldState::Maintenance)),
        HoldState::Drain => Some((hold, HeldState::Drain)),
        HoldState::Weight(_) => None,
    });
    if let Some((hold, state)) = held_state {
        held.push((state, Some(hold.clone())));
        // One that waits for its check is put into service first.
        if admin != Some(hold.state) && !adding {
            fields.push(Field::Held(hold.state));
        }
    } else {
        match state(wanted, running, notes) {
            StateVerdict::Same => {}
            StateVerdict::Held(_) | StateVerdict::Differs if admin.is_some() && admin == ended => {
                fields.extend(admin.map(Field::Released));
            }
            StateVerdict::Differs => fields.push(Field::State),
            StateVerdict::Held(state) => held.push((state, None)),
        }
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
            check_enabled: false,
        }
    }

    /// The fields that differ, and what is held.
    fn check(wanted: &Server, running: &LiveServer, notes: Notes) -> (Vec<Field>, Vec<HeldState>) {
        check_held(wanted, running, notes, None)
    }

    fn check_held(
        wanted: &Server,
        running: &LiveServer,
        notes: Notes,
        hold: Option<&Hold>,
    ) -> (Vec<Field>, Vec<HeldState>) {
        let comparison = compare(wanted, running, notes, hold, &BalanceKind::Free);
        let fields = match comparison.change {
            Some(ServerChange::Modify { fields, .. }) => fields,
            _ => Vec::new(),
        };
        (fields, comparison.held.into_iter().map(|(state, _)| state).collect())
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

    fn hold(state: HoldState, is_over: bool) -> Hold {
        Hold {
            state,
            owner: "alice@web-1".into(),
            reason: "INC-42".into(),
            since: 0,
            until: 1,
            is_over,
        }
    }

    #[test]
    fn a_hold_goes_before_the_manifest() {
        let named = Server { state: Some(ServerState::Ready), weight: Some(3), ..wanted() };
        let running = LiveServer { weight: 3, initial_weight: 3, ..running() };
        for (state, set, held) in [
            (
                HoldState::Maintenance,
                LiveServer { maintenance: true, ..running.clone() },
                HeldState::Maintenance,
            ),
            (HoldState::Drain, LiveServer { draining: true, ..running.clone() }, HeldState::Drain),
            (
                HoldState::Weight(9),
                LiveServer { weight: 9, ..running.clone() },
                HeldState::Weight { to: 9, from: 3 },
            ),
        ] {
            let check = |running: &LiveServer, is_over| {
                check_held(&named, running, Notes::default(), Some(&hold(state, is_over)))
            };
            // Not so yet, or not any more: HAProxy was started anew.
            assert_eq!(check(&running, false), (vec![Field::Held(state)], vec![held]));
            assert_eq!(check(&set, false), (vec![], vec![held]));
            // Over: what it set ends, and nothing else.
            assert_eq!(check(&set, true), (vec![Field::Released(state)], vec![]));
            assert_eq!(check(&running, true), (vec![], vec![]));
        }
    }

    #[test]
    fn a_static_balance_has_no_weights_but_its_own_and_none() {
        let balance = BalanceKind::Static("static-rr".to_owned());
        for (to, is_held) in [(9, false), (0, true)] {
            let running = LiveServer { weight: to, ..running() };
            let wanted = wanted();
            let by_hand = compare(&wanted, &running, Notes::default(), None, &balance);
            let hold = hold(HoldState::Weight(to), false);
            let by_hold = compare(&wanted, &running, Notes::default(), Some(&hold), &balance);
            for comparison in [by_hand, by_hold] {
                assert_eq!(comparison.held.len(), usize::from(is_held), "{to}");
                assert_eq!(comparison.change.is_none(), is_held, "{to}");
            }
        }
    }

    #[test]
    fn what_a_hand_set_after_a_hold_is_the_hands() {
        let over = hold(HoldState::Drain, true);
        let out = LiveServer { maintenance: true, ..running() };
        let told = check_held(&wanted(), &out, Notes::default(), Some(&over));
        assert_eq!(told, (vec![], vec![HeldState::Maintenance]));
    }
}
