//! Notes in the process that say something else than what is so.
//!
//! A gw that was ended between a change and the note of it leaves such a one, as does a hand that makes
//! a change before a commit asks for it.

use crate::model::{BackendName, Desired, Live, LiveServer, Note, Server, ServerName, ServerNote};

use super::server::Notes;

/// A note, and what it should say; `None` where it should not be there.
pub type NoteChange = (Note, Option<String>);

/// Notes about what is not there. One that is to be made notes its state anew; one that is to be removed
/// takes its notes along.
pub(super) fn of_nothing(desired: &Desired, live: &Live) -> Vec<NoteChange> {
    let notes = live.notes.keys().filter(|note| is_of_nothing(note, desired, live));
    notes.map(|note| (note.clone(), None)).collect()
}

fn is_of_nothing(note: &Note, desired: &Desired, live: &Live) -> bool {
    let (backend, server) = match note {
        Note::Backend(name) => {
            return !live.backends.contains_key(name)
                && !desired.backends.contains_key(name.as_str());
        }
        Note::Server(backend, server) | Note::Weight(backend, server) => (backend, server),
        Note::Revision | Note::Profile(_) | Note::Certificate(_) => return false,
    };
    let is_running = live.backends.get(backend).is_some_and(|servers| servers.contains_key(server));
    let wanted = desired.backends.get(backend.as_str());
    let is_wanted = wanted.is_some_and(|wanted| wanted.servers.contains_key(server.as_str()));
    !is_running && (!is_wanted || matches!(note, Note::Weight(..)))
}

/// Notes about a server that is as wanted in what they are about. By them gw later tells its own acts from
/// a hand's.
pub(super) fn of_server(
    backend: &BackendName,
    name: &ServerName,
    wanted: &Server,
    running: &LiveServer,
    notes: Notes,
) -> impl Iterator<Item = NoteChange> {
    let weight = (running.weight == wanted.effective_weight())
        .then(|| (running.weight != running.initial_weight).then_some(running.weight))
        .filter(|weight| *weight != notes.weight)
        .map(|weight| (Note::weight(backend, name), weight.map(|weight| weight.to_string())));
    let is_out = running.maintenance || running.draining || wanted.in_maintenance();
    let state = (!is_out && notes.state != Some(ServerNote::Adding))
        .then(|| running.disabled_in_file.then_some(ServerNote::Enabled))
        .filter(|state| *state != notes.state)
        .map(|state| (Note::server(backend, name), state.map(|state| state.as_str().to_owned())));
    weight.into_iter().chain(state)
}
