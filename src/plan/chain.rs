//! On the way from one chain of wildcard tables to another.
//!
//! The map of hosts leads a host to the wildcard tables that it looks into. Tables change entry by
//! entry, from the most specific to the least, so a chain that turned at once would lead requests
//! past a table that still decides, or into one that does not decide yet. So it turns in moves:
//! new tables come in before they are filled, tables that go stay until they are empty, and a table
//! that remains but is another listener's leaves or comes in while it is not changing.

use crate::model::{Desired, Live, MapName, NO_TABLES, Rank, TABLE_SEPARATOR};

use super::step::Turn;

/// One move of the entry of a host pattern.
pub(super) struct Move {
    /// The value after it; `None` where the entry goes.
    pub(super) value: Option<String>,
    /// When it comes.
    pub(super) turn: Turn,
    /// Where it comes among those of the same turn.
    pub(super) rank: Rank,
}

/// The moves of one entry, whose values are `from` and `to`; `None` where it is not there.
pub(super) fn moves(
    key: &str,
    from: Option<&str>,
    to: Option<&str>,
    desired: &Desired,
    live: &Live,
) -> Vec<Move> {
    let frontend = key.split_once('/').map_or(key, |(frontend, _)| frontend);
    let running = |key: &str| live.map(MapName::Hosts).get(key).map(|entry| &*entry.value);
    let wanted =
        |key: &str| desired.routing.table(MapName::Hosts).get(key).map(|entry| &*entry.value);
    // Without an entry of its own a host looks into what the next wider pattern says.
    let old = tables(from.or_else(|| above(key, running)));
    let new = tables(to.or_else(|| above(key, wanted)));
    let is_live = |table: &&str| has_entries(frontend, table, |map| live.map(map));
    let is_wanted = |table: &&str| has_entries(frontend, table, |map| desired.routing.table(map));

    // Tables that stay but leave this chain; all that are wider leave with them.
    let stays = |table: &&str| !new.contains(table) && is_wanted(table);
    let leaving = old.iter().position(stays).map_or(&[][..], |at| &old[at..]);
    // Tables that were there but come into this chain, and with them all that are wider.
    let comes = |table: &&str| !old.contains(table) && is_live(table);
    let coming = new.iter().position(comes).map_or(&[][..], |at| &new[at..]);
    let fresh = new.iter().copied().filter(|table| !old.contains(table) && !coming.contains(table));
    let room: Vec<&str> = merged(old.iter().copied().chain(fresh));
    let kept: Vec<&str> = room.iter().copied().filter(|table| !leaving.contains(table)).collect();
    let all: Vec<&str> = merged(kept.iter().chain(&new).copied());

    let rank = Rank::of(MapName::Hosts, key);
    let mut moves = Vec::new();
    // The program looks into so many. Where old and new tables together are more, the new chain
    // comes at once.
    if room.len().max(all.len()) <= desired.routing.wildcard_depth {
        moves.push((room, Turn::Early, rank));
        if let Some(widest) = leaving.first() {
            moves.push((kept, Turn::Early, Rank::above_table(widest)));
        }
        if let Some(first) = coming.first() {
            moves.push((all, Turn::Late, Rank::above_table(first)));
        }
    } else if to.is_some() {
        moves.push((new, Turn::Early, rank));
    }
    let mut value = from.map(str::to_owned);
    let wanted = to.map(str::to_owned);
    let mut effective = text(&old);
    let mut needed = Vec::new();
    for (chain, turn, rank) in moves {
        let chain = text(&chain);
        // An entry is made where it says something new, or is to be there in the end.
        if chain != effective || (value.is_none() && wanted.is_some()) {
            effective.clone_from(&chain);
            value = Some(chain);
            needed.push(Move { value: value.clone(), turn, rank });
        }
    }
    if value != wanted {
        needed.push(Move { value: wanted, turn: Turn::Late, rank });
    }
    needed
}

/// Tables in the order in which they are looked into: longer suffixes first, `*` last.
fn merged<'t>(tables: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut tables: Vec<&str> = tables.collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.len()));
    tables.dedup();
    tables
}

fn tables(chain: Option<&str>) -> Vec<&str> {
    let tables = chain.unwrap_or(NO_TABLES).split(TABLE_SEPARATOR);
    tables.filter(|table| *table != NO_TABLES).collect()
}

fn text(tables: &[&str]) -> String {
    if tables.is_empty() { NO_TABLES.to_owned() } else { tables.join(&TABLE_SEPARATOR.to_string()) }
}

/// What hosts that `key` covers would look into without it: the value of the longest key above.
fn above<'v>(key: &str, value: impl Fn(&str) -> Option<&'v str>) -> Option<&'v str> {
    let start = key.find('/').map_or(0, |at| at + 1);
    let mut rest = key[start..].trim_end_matches(['.', '/']);
    while !rest.is_empty() {
        rest = &rest[..rest.rfind('.').map_or(0, |dot| dot + 1)];
        if let Some(found) = value(&key[..start + rest.len()]) {
            return Some(found);
        }
        rest = rest.trim_end_matches('.');
    }
    None
}

/// Whether a table of this name holds anything.
fn has_entries<'m, V: 'm>(
    frontend: &str,
    table: &str,
    map: impl Fn(MapName) -> &'m std::collections::BTreeMap<String, V>,
) -> bool {
    let start = format!("{frontend}/{table}/");
    [MapName::Exact, MapName::Prefix].into_iter().any(|name| {
        let first = map(name).range(start.clone()..).next();
        first.is_some_and(|(key, _)| key.starts_with(&start))
    })
}
