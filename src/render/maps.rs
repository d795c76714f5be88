//! The routing maps as files.

use std::{collections::BTreeMap, sync::Arc};

use crate::model::{MapName, Routing};

/// The map files of the last time, and the routing that they show.
#[derive(Debug, Default)]
pub(super) struct Maps {
    shown: Option<Arc<Routing>>,
    texts: BTreeMap<MapName, Arc<str>>,
}

impl Maps {
    pub(super) fn render(&mut self, routing: &Arc<Routing>, map: MapName) -> Arc<str> {
        if !self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, routing)) {
            self.texts = MapName::ALL.map(|map| (map, text(routing, map))).into();
            self.shown = Some(Arc::clone(routing));
        }
        self.texts.get(&map).cloned().unwrap_or_default()
    }
}

/// One map file: `key value` lines, each group below a comment that names where it came from.
fn text(routing: &Routing, map: MapName) -> Arc<str> {
    let mut text = String::new();
    let mut last = None;
    for (key, entry) in routing.table(map) {
        if entry.origin.is_some() && entry.origin != last {
            last.clone_from(&entry.origin);
            if let Some(origin) = &entry.origin {
                text.push_str(&crate::config::comment(&origin.to_string()));
                text.push('\n');
            }
        }
        text.push_str(key);
        text.push(' ');
        text.push_str(&entry.value);
        text.push('\n');
    }
    text.into()
}
