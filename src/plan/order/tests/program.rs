//! The fixed program of `render/program.rs` and its maps, in memory.

use std::collections::BTreeMap;

use crate::model::{Desired, MapName};

/// The routing maps of a process.
pub(super) type Maps = BTreeMap<MapName, BTreeMap<String, String>>;

pub(super) fn maps(desired: &Desired) -> Maps {
    let table = |map| {
        let entries = desired.routing.table(map).iter();
        entries.map(|(key, entry)| (key.clone(), entry.value.clone())).collect()
    };
    MapName::ALL.map(|map| (map, table(map))).into()
}

/// Host, path, method, number drawn.
pub(super) type Request = (&'static str, &'static str, &'static str, &'static str);

/// The longest key that `text` begins with.
fn longest<'m>(table: &'m BTreeMap<String, String>, text: &str) -> Option<&'m String> {
    let matching = table.iter().filter(|(key, _)| text.starts_with(key.as_str()));
    matching.max_by_key(|(key, _)| key.len()).map(|(_, value)| value)
}

/// What the fixed program does for one host of the tables (see `render/program.rs`).
fn in_table(maps: &Maps, host: &str, path: &str, method: &str) -> Option<String> {
    let key = format!("http:80/{host}{path}");
    let exact = maps[&MapName::Exact].get(&key);
    let found = exact.or_else(|| longest(&maps[&MapName::Prefix], &format!("{key}/")))?;
    if !found.starts_with("method:") {
        return Some(found.clone());
    }
    let methods = &maps[&MapName::Methods];
    let by = |method: &str| methods.get(&format!("{found}/{method}"));
    by(method).or_else(|| by("*")).cloned()
}

/// What the fixed program does for one request; `depth` is how many wildcard tables it tries.
pub(super) fn target(maps: &Maps, depth: usize, (host, path, method, number): Request) -> String {
    let labels: Vec<&str> = host.rsplit('.').collect();
    let reversed = format!("http:80/{}/", labels.join("."));
    let chain = longest(&maps[&MapName::Hosts], &reversed).map_or("", String::as_str);
    let found = std::iter::once(host)
        .chain(
            chain
                .split(crate::model::TABLE_SEPARATOR)
                .filter(|table| !table.is_empty())
                .take(depth),
        )
        .find_map(|table| in_table(maps, table, path, method));
    match found {
        None => "404".to_owned(),
        Some(split) if split.starts_with("split:") => {
            let share = longest(&maps[&MapName::Splits], &format!("{split}/{number}"));
            share.map_or_else(|| format!("nothing below {split}"), Clone::clone)
        }
        Some(target) => target,
    }
}

/// What HAProxy does for a command on a map.
pub(super) fn obey(maps: &mut Maps, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let [verb, "map", file, key, value @ ..] = words.as_slice() else { panic!("{line}") };
    let map = MapName::ALL.into_iter().find(|map| map.file() == *file);
    let table = map.and_then(|map| maps.get_mut(&map)).expect("a plan changes routing maps");
    let was = match (*verb, value) {
        ("add", [value]) => table.insert((*key).to_owned(), (*value).to_owned()).is_none(),
        ("set", [value]) => table.insert((*key).to_owned(), (*value).to_owned()).is_some(),
        ("del", []) => table.remove(*key).is_some(),
        _ => panic!("{line}"),
    };
    assert!(was, "`{line}` meets another state than it was planned for");
}
