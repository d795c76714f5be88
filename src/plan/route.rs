//! Steps about entries of the routing maps.
//!
//! Splits and tables of methods are named by what they say, so a route turns from one to another by
//! a change of one entry: the new one is made before, the old one removed after.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use crate::{
    diff::{Change, Differences},
    haproxy::Command,
    model::{BackendName, Entry, LiveEntry, MapName, Rank},
};

use super::{
    Context,
    chain::{self, Move},
    map_name,
    order::is_by_host,
    reason::Reason,
    server::{Made, instructions},
    step::{Action, FieldChange, Instruction, Needs, Object, Step, Turn},
};

/// The entries below a name: those of one split, or of one table of methods.
type Group<'a> = BTreeMap<(MapName, &'a str), Vec<&'a (MapName, &'a str, EntryChange<'a>)>>;
type EntryChange<'a> = Change<&'a Entry, &'a LiveEntry>;

/// `makers` are the steps that make backends.
pub(super) fn steps<'a>(
    differences: &'a Differences<'a>,
    context: Context<'a>,
    makers: &BTreeMap<BackendName, usize>,
) -> Vec<Step> {
    let mut groups: Group<'a> = BTreeMap::new();
    for difference in &differences.entries {
        let (map, key, _) = difference;
        if !is_by_host(*map) {
            groups.entry((*map, group_of(key))).or_default().push(difference);
        }
    }
    let tables = Tables { context };
    let mut steps: Vec<Step> = differences
        .entries
        .iter()
        .filter(|(map, _, _)| is_by_host(*map) && *map != MapName::Hosts)
        .map(|(map, key, change)| {
            let mut step = entry_step(*map, key, change, tables);
            let (from, to) = values(change);
            if let Some(to) = to {
                if to.contains(':') {
                    step.needs.push(Needs::RoutesMade);
                }
                tables.adopt(&mut step, to, &mut groups, true);
                let backends = tables.backends(to);
                let makers = backends.iter().filter_map(|name| makers.get(*name).copied());
                step.needs.push(Needs::Steps(makers.collect()));
            }
            if let Some(from) = from {
                tables.adopt(&mut step, from, &mut groups, false);
            }
            step
        })
        .collect();
    for (map, key, change) in &differences.entries {
        if *map == MapName::Hosts {
            steps.extend(host_steps(key, change, context));
        }
    }
    // What no route that changes needed or left behind was changed by hand.
    for ((map, group), entries) in groups {
        steps.push(repair(map, group, &entries));
    }
    steps
}

fn values<'a>(change: &EntryChange<'a>) -> (Option<&'a str>, Option<&'a str>) {
    match *change {
        Change::Add(to) => (None, Some(&to.value)),
        Change::Remove(from) => (Some(&from.value), None),
        Change::Modify { to, from } => (Some(&from.value), Some(&to.value)),
    }
}

/// The name of the split or table that an entry belongs to.
fn group_of(key: &str) -> &str {
    key.split_once('/').map_or(key, |(group, _)| group)
}

/// The step of one route.
fn entry_step(map: MapName, key: &str, change: &EntryChange<'_>, tables: Tables<'_>) -> Step {
    let because = Reason::Command("routes are map entries, which HAProxy looks up live");
    let action = match change {
        Change::Add(_) => Action::Add,
        Change::Remove(_) => Action::Remove,
        Change::Modify { .. } => Action::Change,
    };
    let mut step = Step::new(Object::Route(map, key.to_owned()), action, because);
    step.origin = match change {
        Change::Add(to) | Change::Modify { to, .. } => to.origin.clone(),
        Change::Remove(_) => None,
    };
    let (from, to) = values(change);
    step.fields = vec![if from == to {
        duplicates()
    } else {
        FieldChange::new(
            "to",
            from.map(|from| tables.describe(from, Side::Live)),
            to.map(|to| tables.describe(to, Side::Desired)),
        )
    }];
    step.switch = instructions(entry_commands(map, key, change));
    step
}

/// The steps that lead hosts to their wildcard tables: mostly one, more where tables come and go at
/// once.
fn host_steps(key: &str, change: &EntryChange<'_>, context: Context<'_>) -> Vec<Step> {
    let (from, to) = values(change);
    let mut moves = chain::moves(key, from, to, context.desired, context.live);
    if moves.is_empty() {
        // Only duplicates are to go.
        let rank = Rank::of(MapName::Hosts, key);
        moves.push(Move { value: to.map(str::to_owned), turn: Turn::Late, rank });
    }
    let mut value = from.map(str::to_owned);
    let mut steps: Vec<Step> = moves
        .into_iter()
        .map(|next| {
            let step = host_step(key, value.as_deref(), &next);
            value = next.value;
            step
        })
        .collect();
    let file = map_name(MapName::Hosts);
    let (origin, duplicates): (_, Vec<_>) = match change {
        Change::Add(to) => (to.origin.clone(), Vec::new()),
        Change::Remove(from) => {
            (None, from.duplicates.iter().map(|_| Command::del_map(file, key)).collect())
        }
        Change::Modify { to, from } => {
            let delete = |reference: &u64| Command::del_map_ref(file, *reference);
            (to.origin.clone(), from.duplicates.iter().map(delete).collect())
        }
    };
    for step in &mut steps {
        step.origin.clone_from(&origin);
    }
    if let Some(last) = steps.last_mut() {
        let sent = duplicates.into_iter().map(|command| command.map(Instruction::Send));
        last.switch.extend(instructions(sent.collect()));
    }
    steps
}

/// One move of a host pattern's entry.
fn host_step(key: &str, from: Option<&str>, next: &Move) -> Step {
    let file = map_name(MapName::Hosts);
    let to = next.value.as_deref();
    let (action, command) = match (from, to) {
        (None, Some(to)) => (Action::Add, Some(Command::add_map(file, key, to))),
        (Some(from), Some(to)) if from == to => (Action::Change, None),
        (Some(_), Some(to)) => (Action::Change, Some(Command::set_map(file, key, to))),
        (_, None) => (Action::Remove, Some(Command::del_map(file, key))),
    };
    let because = Reason::Command("routes are map entries, which HAProxy looks up live");
    let mut step = Step::new(Object::Route(MapName::Hosts, key.to_owned()), action, because);
    step.turn = next.turn;
    step.rank = Some(next.rank);
    step.fields = vec![if from == to {
        duplicates()
    } else {
        FieldChange::new("to", from.map(str::to_owned), to.map(str::to_owned))
    }];
    step.switch =
        instructions(command.into_iter().map(|command| command.map(Instruction::Send)).collect());
    step
}

/// What changes of an entry that stays as it is: further ones of its key are taken away.
fn duplicates() -> FieldChange {
    FieldChange::new("further entries of this key", Some("added by hand".to_owned()), None)
}

/// The commands that change one entry.
fn entry_commands(map: MapName, key: &str, change: &EntryChange<'_>) -> Vec<Made> {
    let file = map_name(map);
    let commands = match change {
        Change::Add(to) => vec![Command::add_map(file, key, &to.value)],
        // Up to 3.2 one command removes all entries of a key, on 3.4 one of them.
        Change::Remove(from) => {
            (0..=from.duplicates.len()).map(|_| Command::del_map(file, key)).collect()
        }
        Change::Modify { to, from } => {
            let set = (to.value != from.value).then(|| Command::set_map(file, key, &to.value));
            let duplicates = from.duplicates.iter();
            set.into_iter()
                .chain(duplicates.map(|reference| Command::del_map_ref(file, *reference)))
                .collect()
        }
    };
    commands.into_iter().map(|command| command.map(Instruction::Send)).collect()
}

/// A step of its own for entries that somebody changed by hand.
fn repair(map: MapName, group: &str, entries: &[&(MapName, &str, EntryChange<'_>)]) -> Step {
    let because = Reason::Command("somebody changed these map entries by hand");
    let mut step = Step::new(Object::Route(map, group.to_owned()), Action::Change, because);
    let made = entries.iter().flat_map(|(map, key, change)| entry_commands(*map, key, change));
    step.make = instructions(made.collect());
    step
}

/// Which state a name is looked up in.
#[derive(Clone, Copy)]
enum Side {
    Live,
    Desired,
}

/// The splits and tables of methods of both sides.
#[derive(Clone, Copy)]
struct Tables<'a> {
    context: Context<'a>,
}

impl<'a> Tables<'a> {
    /// Moves what differs below the split or table `target` into `step`: to its first wave where it
    /// is wanted (`make`), else to its last.
    fn adopt(self, step: &mut Step, target: &'a str, groups: &mut Group<'a>, make: bool) {
        let (below, map) = match target.split_once(':') {
            Some(("method", _)) => (self.method_targets(target), MapName::Methods),
            Some(("split", _)) => (Vec::new(), MapName::Splits),
            _ => return,
        };
        for inner in below {
            self.adopt(step, inner, groups, make);
        }
        let btree_map::Entry::Occupied(group) = groups.entry((map, target)) else { return };
        let all_leave =
            group.get().iter().all(|(_, _, change)| matches!(change, Change::Remove(_)));
        if make == all_leave {
            return;
        }
        let entries = group.remove();
        let made: Vec<Made> = entries
            .iter()
            .flat_map(|(map, key, change)| entry_commands(*map, key, change))
            .collect();
        if make {
            step.make.extend(instructions(made));
        } else {
            // Who read the old name a moment ago must still find what it stands for.
            step.finish.push(Instruction::Settle);
            step.finish.extend(instructions(made));
            step.needs.push(Needs::AllSwitched);
        }
    }

    /// What the methods of a table lead to, on either side.
    fn method_targets(self, table: &str) -> Vec<&'a str> {
        let wanted = self.group(table, MapName::Methods, Side::Desired);
        let running = self.group(table, MapName::Methods, Side::Live);
        let all: BTreeSet<&str> =
            wanted.into_iter().chain(running).map(|(_, target)| target).collect();
        all.into_iter().collect()
    }

    /// The entries below a name: rest of the key, value.
    fn group(self, name: &str, map: MapName, side: Side) -> Vec<(&'a str, &'a str)> {
        fn below<'m, V>(
            table: &'m BTreeMap<String, V>,
            name: &str,
            value: fn(&'m V) -> &'m str,
        ) -> Vec<(&'m str, &'m str)> {
            let start = format!("{name}/");
            table
                .range(start.clone()..)
                .take_while(|(key, _)| key.starts_with(&start))
                .map(|(key, entry)| (&key[start.len()..], value(entry)))
                .collect()
        }
        match side {
            Side::Desired => {
                below(self.context.desired.routing.table(map), name, |entry| &entry.value)
            }
            Side::Live => below(self.context.live.map(map), name, |entry| &entry.value),
        }
    }

    /// The backends that a wanted target leads to.
    fn backends(self, target: &'a str) -> Vec<&'a str> {
        let below = |map| self.group(target, map, Side::Desired);
        let inner: Vec<&str> = match target.split_once(':') {
            Some(("method", _)) => below(MapName::Methods),
            Some(("split", _)) => below(MapName::Splits),
            Some(_) => Vec::new(),
            None => return vec![target],
        }
        .into_iter()
        .map(|(_, target)| target)
        .collect();
        let all: BTreeSet<&str> =
            inner.into_iter().flat_map(|target| self.backends(target)).collect();
        all.into_iter().collect()
    }

    /// A target in words.
    fn describe(self, target: &str, side: Side) -> String {
        match target.split_once(':') {
            Some(("split", _)) => {
                let mut shares: BTreeMap<&str, u32> = BTreeMap::new();
                for (prefix, target) in self.group(target, MapName::Splits, side) {
                    // A prefix of n digits is 10^(5 - n) of the 10,000 numbers.
                    let numbers =
                        10_u32.pow(5_u32.saturating_sub(u32::try_from(prefix.len()).unwrap_or(5)));
                    *shares.entry(target).or_default() += numbers;
                }
                let parts: Vec<String> = shares
                    .into_iter()
                    .map(|(target, numbers)| {
                        let name = self.describe(target, side);
                        format!("{name} {}.{:02} %", numbers / 100, numbers % 100)
                            .replace(".00 %", " %")
                    })
                    .collect();
                parts.join(", ")
            }
            Some(("method", _)) => {
                let parts: Vec<String> = self
                    .group(target, MapName::Methods, side)
                    .into_iter()
                    .map(|(method, target)| format!("{method}: {}", self.describe(target, side)))
                    .collect();
                parts.join("; ")
            }
            Some(("status", status)) => format!("status {status}"),
            Some(_) | None => target.to_owned(),
        }
    }
}
