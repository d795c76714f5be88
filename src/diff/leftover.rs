//! Notes in the process that are no longer so.

use crate::model::{Desired, Live, LiveServer, Note, Server, ServerNote};

/// All of them.
pub(super) fn leftovers<'a>(desired: &Desired, live: &'a Live) -> Vec<&'a Note> {
    let notes = live.notes.iter().filter(|(note, value)| is_leftover(note, value, desired, live));
    notes.map(|(note, _)| note).collect()
}

/// Whether what a note says is neither so nor wanted.
fn is_leftover(note: &Note, value: &str, desired: &Desired, live: &Live) -> bool {
    let (backend, server) = match note {
        Note::Backend(name) => {
            return !live.backends.contains_key(name)
                && !desired.backends.contains_key(name.as_str());
        }
        Note::Server(backend, server) | Note::Weight(backend, server) => (backend, server),
        Note::Revision | Note::Profile(_) | Note::Certificate(_) => return false,
    };
    let running = live.backends.get(backend).and_then(|servers| servers.get(server));
    let wanted = desired.backends.get(backend.as_str());
    let wanted = wanted.and_then(|backend| backend.servers.get(server.as_str()));
    match (wanted, running) {
        (None, None) => true,
        // One that is to be made notes its state anew, and has no weight of its own yet.
        (Some(_), None) => matches!(note, Note::Weight(..)),
        // One that is to be removed takes its notes along.
        (None, Some(_)) => false,
        (Some(wanted), Some(running)) => is_outdated(note, value, wanted, running),
    }
}

/// Whether a note about a server that is as wanted says something else of it. What a hand does later
/// must not be taken for what gw noted.
fn is_outdated(note: &Note, value: &str, wanted: &Server, running: &LiveServer) -> bool {
    match note {
        Note::Weight(..) => {
            let weight = wanted.effective_weight();
            running.weight == weight && value != weight.to_string()
        }
        Note::Server(..) => {
            let is_in_service = !running.maintenance && !running.draining;
            let says_out =
                matches!(value.parse(), Ok(ServerNote::Removing | ServerNote::Maintenance));
            says_out && is_in_service && !wanted.in_maintenance()
        }
        Note::Revision | Note::Profile(_) | Note::Backend(_) | Note::Certificate(_) => false,
    }
}
