//! Steps about servers of backends that stay.

use crate::{
    diff::{Differences, Field, ServerChange, ServerDifference},
    haproxy::{AdminState, Capabilities, Command, CommandError},
    model::{
        BackendName, BalanceKind, HoldState, LiveServer, Note, Profile, Server, ServerName,
        ServerNote,
    },
    render::{address, server_arguments},
};

use super::{
    Context,
    cause::Cause,
    note,
    reason::Reason,
    step::{Action, Awaited, FieldChange, Instruction, Object, Step},
};

pub(super) fn steps(differences: &Differences<'_>, context: Context<'_>) -> Vec<Step> {
    differences.servers.iter().map(|difference| step(difference, context)).collect()
}

fn step(difference: &ServerDifference<'_>, context: Context<'_>) -> Step {
    let ServerDifference { backend, server, profile, change } = difference;
    let place = Place { backend, server, profile, context };
    let mut step = match change {
        ServerChange::Add(wanted) => place.add(wanted),
        ServerChange::FinishAdding { to, from, fields } => place.finish_adding(to, from, fields),
        ServerChange::Remove(running) => place.remove(running),
        ServerChange::Modify { to, from, fields } => place.modify(to, from, fields),
    };
    step.origin = context.desired.backends.get(backend).map(|backend| backend.origin.clone());
    step
}

/// A server's place, and what must be known there.
#[derive(Clone, Copy)]
struct Place<'a> {
    backend: &'a BackendName,
    server: &'a ServerName,
    profile: &'a Profile,
    context: Context<'a>,
}

impl Place<'_> {
    fn object(self) -> Object {
        Object::Server(self.backend.clone(), self.server.clone())
    }

    fn add(self, wanted: &Server) -> Step {
        let capabilities = self.context.capabilities;
        let because = if let Some(reason) = unfit(self.profile) {
            reason
        } else if self.profile.cookie.is_some() && !capabilities.add_server_cookie {
            Reason::CookieOnNewServer { version: self.context.live.process.version.clone() }
        } else {
            Reason::Command(if self.profile.checked && !wanted.in_maintenance() {
                "`add server` makes it; it takes requests after its first good check"
            } else {
                "`add server` makes it"
            })
        };
        let mut step = Step::new(self.object(), Action::Add, because);
        step.fields = added_fields(wanted);
        step.make =
            instructions(addition(self.backend, self.server, wanted, self.profile, self.context));
        step
    }

    fn finish_adding(self, to: &Server, from: &LiveServer, fields: &[Field]) -> Step {
        let because = self.obstacle(from, fields).unwrap_or(Reason::AwaitsCheck);
        let mut step = Step::new(self.object(), Action::Add, because);
        step.fields = added_fields(to);
        let capabilities = self.context.capabilities;
        let mut made: Vec<Made> =
            fields.iter().flat_map(|field| self.set(*field, to, from)).collect();
        made.extend(self.enable_health(from));
        made.extend(readiness(self.backend, self.server, to, self.profile, capabilities));
        step.make = instructions(made);
        step
    }

    fn remove(self, running: &LiveServer) -> Step {
        let because = Reason::Command("`del server` takes it away once no request is left on it");
        let mut step = Step::new(self.object(), Action::Remove, because);
        let address = running.socket_address().map(|address| address.to_string());
        step.fields.push(FieldChange::new("address", address, None));
        let noted = |key: Note| self.context.live.notes.contains_key(&key);
        let was_noted = noted(Note::server(self.backend, self.server));
        let Removal { mut leave, retire } = removal(self.backend, self.server, was_noted);
        leave.extend(retire);
        step.finish = instructions(leave);
        if noted(Note::weight(self.backend, self.server)) {
            let key = Note::weight(self.backend, self.server);
            step.finish
                .extend(note(self.context.live, &key, None).into_iter().map(Instruction::Send));
        }
        step
    }

    fn modify(self, to: &Server, from: &LiveServer, fields: &[Field]) -> Step {
        let changed = Reason::Command("`set server` changes it in place");
        let because = self.obstacle(from, fields).unwrap_or(changed);
        let mut step = Step::new(self.object(), Action::Change, because);
        let mut commands = Vec::new();
        for field in fields {
            step.fields.push(field_change(*field, to, from));
            commands.extend(self.set(*field, to, from));
        }
        step.make = instructions(commands.into_iter().collect());
        if fields.iter().all(|field| field.is_of_hold()) {
            step.cause = Cause::Hold;
        }
        step
    }

    /// Starts the checks of a server that a gw left without, which died right after `add server`.
    /// Never where they run: HAProxy 3.4 starts them twice, and its requests stand still.
    fn enable_health(self, from: &LiveServer) -> Option<Made> {
        let (backend, server) = (self.backend.as_str(), self.server.as_str());
        let is_left = self.profile.checked && from.checked && !from.check_enabled;
        is_left.then(|| send(Command::enable_health(backend, server)))
    }

    /// Why no command can set these fields, where none can.
    fn obstacle(self, from: &LiveServer, fields: &[Field]) -> Option<Reason> {
        let has = |field| fields.contains(&field);
        if has(Field::Backup) {
            return Some(Reason::Backup);
        }
        if has(Field::Address) && from.address.is_none() {
            return Some(Reason::FixedAddress);
        }
        match &self.profile.balance {
            BalanceKind::Static(algorithm) if has(Field::Weight) => {
                Some(Reason::StaticBalance(algorithm.clone()))
            }
            BalanceKind::Static(_)
            | BalanceKind::Ordered(_)
            | BalanceKind::Ring
            | BalanceKind::Free => None,
        }
    }

    /// The commands that set one field, and the note of what gw set.
    fn set(self, field: Field, to: &Server, from: &LiveServer) -> Vec<Made> {
        let (backend, server) = (self.backend.as_str(), self.server.as_str());
        let noted = |key: &Note, value: Option<&str>| {
            note(self.context.live, key, value).map(|command| Ok(Instruction::Send(command)))
        };
        let mut made = Vec::new();
        match field {
            Field::Address => {
                made.push(Command::set_server_addr(backend, server, to.address, to.port));
            }
            Field::Weight | Field::Released(HoldState::Weight(_)) => {
                let weight = to.effective_weight();
                let text = weight.to_string();
                let value = (weight != from.initial_weight).then_some(text.as_str());
                let key = Note::weight(self.backend, self.server);
                let noted = noted(&key, value).into_iter();
                let set = send(Command::set_server_weight(backend, server, weight));
                // If gw dies in between, neither the old weight nor, once the manifest names none,
                // the new one must be taken for a hand's.
                return if to.names_weight() {
                    noted.chain([set]).collect()
                } else {
                    [set].into_iter().chain(noted).collect()
                };
            }
            Field::Maxconn => {
                let maxconn = to.maxconn.unwrap_or(0);
                made.push(Command::set_server_maxconn(backend, server, maxconn));
            }
            Field::Backup => {}
            // Without a note, as by a hand: the hold is noted on disk.
            Field::Held(HoldState::Maintenance) => {
                made.push(Command::set_server_state(backend, server, AdminState::Maint));
            }
            Field::Held(HoldState::Drain) => {
                made.push(Command::set_server_state(backend, server, AdminState::Drain));
            }
            Field::Held(HoldState::Weight(weight)) => {
                made.push(Command::set_server_weight(backend, server, weight));
            }
            Field::State | Field::Released(HoldState::Maintenance | HoldState::Drain) => {
                let (state, says) = if to.in_maintenance() {
                    (AdminState::Maint, Some(ServerNote::Maintenance))
                } else {
                    let enabled = from.disabled_in_file.then_some(ServerNote::Enabled);
                    (AdminState::Ready, enabled)
                };
                let key = Note::server(self.backend, self.server);
                let set = send(Command::set_server_state(backend, server, state));
                let enable = self.enable_health(from);
                let noted = noted(&key, says.map(ServerNote::as_str));
                return match state {
                    AdminState::Maint => noted.into_iter().chain([set]).collect(),
                    AdminState::Ready | AdminState::Drain => {
                        enable.into_iter().chain([set]).chain(noted).collect()
                    }
                };
            }
        }
        made.into_iter().map(send).collect()
    }
}

/// Why the balance algorithm of a profile takes no servers at runtime.
pub(super) fn unfit(profile: &Profile) -> Option<Reason> {
    match &profile.balance {
        BalanceKind::Static(algorithm) => Some(Reason::StaticBalance(algorithm.clone())),
        BalanceKind::Ordered(algorithm) => Some(Reason::ServerOrder(algorithm.clone())),
        BalanceKind::Free | BalanceKind::Ring => None,
    }
}

/// An instruction, or why its command can't be made.
pub(super) type Made = Result<Instruction, CommandError>;

fn send(command: Result<Command, CommandError>) -> Made {
    command.map(Instruction::Send)
}

/// Instructions from parts that were validated with the manifests. A command that can't be made is
/// left out, and the pass after this one will find the difference still there.
pub(super) fn instructions(made: Vec<Made>) -> Vec<Instruction> {
    debug_assert!(made.iter().all(Result::is_ok), "{made:?}");
    made.into_iter().filter_map(Result::ok).collect()
}

/// What makes a server and puts it into service once it is known to be alive.
pub(super) fn addition(
    backend: &BackendName,
    name: &ServerName,
    server: &Server,
    profile: &Profile,
    context: Context<'_>,
) -> Vec<Made> {
    let capabilities = context.capabilities;
    let mut words = profile.server_keywords.clone();
    words.extend(server_arguments(name, server, profile));
    if starts_down(profile, capabilities) {
        words.extend(["init-state".to_owned(), "fully-down".to_owned()]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (b, s) = (backend.as_str(), name.as_str());
    let says = if server.in_maintenance() { ServerNote::Maintenance } else { ServerNote::Adding };
    // The note goes first: if gw dies in between, the next pass knows what it finds.
    let noted = note(context.live, &Note::server(backend, name), Some(says.as_str()));
    let mut made: Vec<Made> = noted.map(|noted| Ok(Instruction::Send(noted))).into_iter().collect();
    made.push(Command::add_server(b, s, &address(server), &words).map(Instruction::Must));
    if profile.checked {
        made.push(send(Command::enable_health(b, s)));
    }
    if !server.in_maintenance() {
        made.extend(readiness(backend, name, server, profile, capabilities));
    }
    made
}

/// Whether a new server can be put into service at once, since it counts as down until its checks
/// say otherwise (3.2+, `init-state`).
fn starts_down(profile: &Profile, capabilities: &Capabilities) -> bool {
    profile.checked && capabilities.init_state
}

/// What puts a server that was just made into service.
fn readiness(
    backend: &BackendName,
    name: &ServerName,
    server: &Server,
    profile: &Profile,
    capabilities: &Capabilities,
) -> Vec<Made> {
    if server.in_maintenance() {
        return Vec::new();
    }
    let (b, s) = (backend.as_str(), name.as_str());
    let enable = Command::enable_server(b, s);
    let forget = Command::del_map(crate::model::NOTEBOOK, &Note::server(backend, name).to_string());
    if !profile.checked {
        return vec![send(enable), send(forget)];
    }
    let awaited = |then: Vec<Command>| Instruction::AwaitUp {
        backend: backend.clone(),
        servers: vec![Awaited { server: name.clone(), then }],
    };
    if starts_down(profile, capabilities) {
        return vec![send(enable), forget.map(|forget| awaited(vec![forget]))];
    }
    // Before 3.2 `enable server` declares a server up whatever its checks said, so it stays in
    // maintenance, where it is checked as well, until one was good.
    vec![enable.and_then(|enable| forget.map(|forget| awaited(vec![enable, forget])))]
}

/// What takes a server out of service, and what then deletes it.
pub(super) struct Removal {
    pub(super) leave: Vec<Made>,
    pub(super) retire: Vec<Made>,
}

/// What removes a server. `noted` tells whether the notebook has a note about its state.
pub(super) fn removal(backend: &BackendName, name: &ServerName, noted: bool) -> Removal {
    let (b, s) = (backend.as_str(), name.as_str());
    let key = Note::server(backend, name).to_string();
    let says = ServerNote::Removing.as_str();
    let map = crate::model::NOTEBOOK;
    let leave = vec![
        send(if noted {
            Command::set_map(map, &key, says)
        } else {
            Command::add_map(map, &key, says)
        }),
        send(Command::set_server_state(b, s, AdminState::Drain)),
        send(Command::set_server_state(b, s, AdminState::Maint)),
    ];
    let retire = vec![
        Command::del_server(b, s).map(|delete| Instruction::Retire {
            server: Some((backend.clone(), name.clone())),
            delete,
        }),
        send(Command::del_map(map, &key)),
    ];
    Removal { leave, retire }
}

fn added_fields(server: &Server) -> Vec<FieldChange> {
    let mut fields = vec![FieldChange::new("address", None, Some(address(server)))];
    let mut set = |name, value: Option<String>| {
        if value.is_some() {
            fields.push(FieldChange::new(name, None, value));
        }
    };
    set("weight", server.weight.map(|weight| weight.to_string()));
    set("maxconn", server.maxconn.map(|maxconn| maxconn.to_string()));
    set("backup", server.backup.then(|| "true".to_owned()));
    set("state", server.in_maintenance().then(|| "maint".to_owned()));
    fields
}

fn field_change(field: Field, to: &Server, from: &LiveServer) -> FieldChange {
    match field {
        Field::Address => {
            let running = from.socket_address().map(|address| address.to_string());
            FieldChange::new("address", running, Some(address(to)))
        }
        Field::Held(HoldState::Weight(to)) => {
            FieldChange::new("weight", Some(from.weight.to_string()), Some(to.to_string()))
        }
        Field::Weight | Field::Released(HoldState::Weight(_)) => FieldChange::new(
            "weight",
            Some(from.weight.to_string()),
            Some(to.effective_weight().to_string()),
        ),
        Field::Maxconn => FieldChange::new(
            "maxconn",
            from.maxconn.map(|maxconn| maxconn.to_string()),
            to.maxconn.map(|maxconn| maxconn.to_string()),
        ),
        Field::Backup => {
            FieldChange::new("backup", Some(from.backup.to_string()), Some(to.backup.to_string()))
        }
        Field::State | Field::Held(_) | Field::Released(_) => {
            let running = match (from.maintenance, from.draining) {
                (true, _) => "maint",
                (false, true) => "drain",
                (false, false) => "ready",
            };
            let wanted = match field {
                Field::Held(HoldState::Maintenance) => "maint",
                Field::Held(_) => "drain",
                _ if to.in_maintenance() => "maint",
                _ => "ready",
            };
            FieldChange::new("state", Some(running.to_owned()), Some(wanted.to_owned()))
        }
    }
}
