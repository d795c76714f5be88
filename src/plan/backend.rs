//! Steps about whole backends.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diff::{BackendChange, Differences},
    haproxy::Command,
    model::{Backend, BackendName, LiveServer, Note, ServerName},
    render::PROFILES_FILE,
};

use super::{
    Context, note,
    reason::Reason,
    server::{Made, addition, instructions, removal, unfit},
    step::{Action, FieldChange, Instruction, Needs, Object, Step},
    structure::sections,
};

pub(super) fn steps(differences: &Differences<'_>, context: Context<'_>) -> Vec<Step> {
    differences
        .backends
        .iter()
        .map(|(name, change)| match change {
            BackendChange::Add(backend) => add(name, backend, context),
            BackendChange::Remove(servers) => remove(name, servers, context),
            BackendChange::Publish(backend) => publish(name, backend),
            BackendChange::Profile { to, from } => change_profile(name, to, from, context),
        })
        .collect()
}

fn add(name: &BackendName, backend: &Backend, context: Context<'_>) -> Step {
    let profile = backend.profile.name();
    let known = context.live.notes.contains_key(&Note::Profile(profile.to_owned()));
    let because = if context.live.foreign.contains(name.as_str()) {
        Reason::NameTaken
    } else if !context.capabilities.dynamic_backends {
        static_backends(context)
    } else if let Some(reason) = unfit(&backend.profile) {
        reason
    } else if !known {
        Reason::NewProfile
    } else {
        Reason::Command("`add backend` makes it from settings that the process knows")
    };
    let mut step = Step::new(Object::Backend(name.clone()), Action::Add, because);
    step.origin = Some(backend.origin.clone());
    step.fields = backend
        .servers
        .iter()
        .map(|(server, settings)| {
            let address = crate::render::address(settings);
            FieldChange::new(&format!("server {server}"), None, Some(address))
        })
        .collect();
    // The note goes first: if gw dies in between, the next pass knows whose backend it finds.
    let noted = note(context.live, &Note::backend(name), Some(profile));
    let mut made: Vec<Made> = noted.map(|noted| Ok(Instruction::Send(noted))).into_iter().collect();
    made.push(Command::add_backend(name.as_str(), profile).map(Instruction::Must));
    let mut waits = Vec::new();
    for (server, settings) in &backend.servers {
        let parts = addition(name, server, settings, &backend.profile, context);
        // All servers are made before any is waited for, so that they are checked at the same time.
        let (wait, make): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|made| matches!(made, Ok(Instruction::AwaitUp { .. })));
        made.extend(make);
        waits.extend(wait);
    }
    step.make = instructions(made);
    step.make.extend(merge_waits(name, waits));
    step.switch =
        instructions(vec![Command::publish_backend(name.as_str()).map(Instruction::Send)]);
    step
}

/// One wait for all servers of a backend.
fn merge_waits(name: &BackendName, waits: Vec<Made>) -> Option<Instruction> {
    let servers: Vec<_> = waits
        .into_iter()
        .flatten()
        .flat_map(|wait| match wait {
            Instruction::AwaitUp { servers, .. } => servers,
            Instruction::Send(_)
            | Instruction::Must(_)
            | Instruction::Retire { .. }
            | Instruction::Settle => Vec::new(),
        })
        .collect();
    (!servers.is_empty()).then(|| Instruction::AwaitUp { backend: name.clone(), servers })
}

fn remove(
    name: &BackendName,
    servers: &BTreeMap<String, LiveServer>,
    context: Context<'_>,
) -> Step {
    let because = if context.capabilities.dynamic_backends {
        Reason::Command("`del backend` takes it away once no request is left in it")
    } else {
        static_backends(context)
    };
    let mut step = Step::new(Object::Backend(name.clone()), Action::Remove, because);
    step.needs.push(Needs::AllSwitched);
    let mut made: Vec<Made> =
        vec![Command::unpublish_backend(name.as_str()).map(Instruction::Send)];
    let mut retire: Vec<Made> = Vec::new();
    for (server, state) in servers {
        let address = state.socket_address().map(|address| address.to_string());
        step.fields.push(FieldChange::new(&format!("server {server}"), address, None));
        let Some(server) = ServerName::from_haproxy(server) else { continue };
        let noted = context.live.notes.contains_key(&Note::server(name, &server));
        // All servers are sent off before any is waited for.
        let removal = removal(name, &server, noted);
        made.extend(removal.leave);
        retire.extend(removal.retire);
        let weight = note(context.live, &Note::weight(name, &server), None);
        made.extend(weight.map(|command| Ok(Instruction::Send(command))));
    }
    made.append(&mut retire);
    made.push(
        Command::del_backend(name.as_str())
            .map(|delete| Instruction::Retire { server: None, delete }),
    );
    let forget = note(context.live, &Note::backend(name), None);
    made.extend(forget.map(|command| Ok(Instruction::Send(command))));
    step.finish = instructions(made);
    step
}

fn change_profile(name: &BackendName, to: &Backend, from: &str, context: Context<'_>) -> Step {
    let old = profile_lines(context.loaded.get(PROFILES_FILE), from);
    let new = profile_lines(context.rendered.get(PROFILES_FILE), to.profile.name());
    let fields = changed_settings(&old, &new);
    let names = fields.iter().map(|field| field.name.clone()).collect::<BTreeSet<_>>();
    let because = Reason::Settings(names.into_iter().collect());
    let mut step = Step::new(Object::Backend(name.clone()), Action::Change, because);
    step.origin = Some(to.origin.clone());
    step.fields = fields;
    step
}

/// What is left of adding a backend where an earlier pass could not finish it.
fn publish(name: &BackendName, backend: &Backend) -> Step {
    let because = Reason::Command("`publish backend` lets requests reach it");
    let mut step = Step::new(Object::Backend(name.clone()), Action::Add, because);
    step.origin = Some(backend.origin.clone());
    step.switch =
        instructions(vec![Command::publish_backend(name.as_str()).map(Instruction::Send)]);
    step
}

fn static_backends(context: Context<'_>) -> Reason {
    Reason::BackendsAreStatic { version: context.capabilities.version.to_string() }
}

/// The directives of a profile in a file.
fn profile_lines(file: Option<&std::sync::Arc<str>>, profile: &str) -> Vec<String> {
    let Some(file) = file else { return Vec::new() };
    sections(file)
        .remove(&format!("defaults {profile}"))
        .map(|section| section.lines.iter().map(|line| (*line).to_owned()).collect())
        .unwrap_or_default()
}

/// The directives that differ, each by its name: `timeout server`, `balance`, `default-server`.
fn changed_settings(old: &[String], new: &[String]) -> Vec<FieldChange> {
    let split = |lines: &[String]| -> BTreeMap<String, String> {
        lines
            .iter()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let two = ["timeout", "option", "http-check"].contains(&words[0]);
                let cut = if two { 2 } else { 1 }.min(words.len());
                (words[..cut].join(" "), words[cut..].join(" "))
            })
            .collect()
    };
    let (old, new) = (split(old), split(new));
    crate::diff::merge_join(&old, &new)
        .filter(|(_, from, to)| from != to)
        .map(|(name, from, to)| FieldChange::new(name, from.cloned(), to.cloned()))
        .collect()
}
