//! Where some objects are wrong, the rest goes on: each of the wrong ones stays what it was when it
//! was last good, or is left out where it never was.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use crate::{
    compile::Compiled,
    manifest::Document,
    model::{Kept, Location, ObjectName, Problems, Severity},
    source::{LoadError, Look},
};

use super::{
    Builder, ParsedFile,
    good::{self, ByFile, Good, documents},
};

/// How often what turns out to be wrong only beside the others is replaced, too.
const ROUNDS: usize = 3;

/// What was good, and what of it stands in for something at present.
#[derive(Default)]
pub(super) struct Memory {
    /// What was compiled without errors the last time.
    good: ByFile,
    /// What is compiled in place of what the manifests say.
    stand_ins: ByFile,
    /// What of it is on disk.
    on_disk: ByFile,
}

/// What is wrong in a file.
enum Wrong {
    /// All of it.
    File,
    /// The documents at these places.
    Documents(BTreeSet<usize>),
}

impl Builder {
    /// Compiles what is good now together with what was good the last time. `None` where nothing is
    /// known that could stand in.
    pub(super) fn salvage(
        &mut self,
        problems: &Problems,
    ) -> Result<Option<(Compiled, Vec<Kept>)>, LoadError> {
        if self.memory.good.is_empty() {
            return Ok(None);
        }
        let mut wrong = BTreeMap::new();
        let mut errors = places(problems);
        for _ in 0..ROUNDS {
            self.note(&mut wrong, &errors);
            let kept = self.substitute(&wrong);
            let referenced = self.reader.referenced(self.compiler.requests())?;
            let compiled = self.compiler.compile(&referenced);
            errors = places(&compiled.problems);
            if errors.is_empty() {
                return Ok(Some((compiled, kept)));
            }
        }
        self.restore();
        Ok(None)
    }

    /// Remembers what is compiled now as good; on disk as well while something is wrong.
    pub(super) fn remember_good(&mut self) {
        let mut good = self.memory.stand_ins.clone();
        for parsed in &self.parsed {
            good.entry(Arc::clone(&parsed.file.path))
                .or_insert_with(|| Good::all(&parsed.documents, &parsed.file));
        }
        self.memory.good = good;
        let Memory { good, stand_ins, on_disk } = &self.memory;
        let is_needed = !stand_ins.is_empty();
        let done = if is_needed {
            if good::is_same(good, on_disk) {
                return;
            }
            good::keep(&self.store, &self.label, good)
        } else {
            good::forget(&self.store)
        };
        match done {
            Ok(()) if is_needed => self.memory.on_disk = self.memory.good.clone(),
            Ok(()) => self.memory.on_disk.clear(),
            Err(error) => tracing::warn!(%error, "can't keep what was good over a restart"),
        }
    }

    /// Recalls what was good before gw was started anew: what is on disk, else what the source held
    /// there. For builders that have built nothing yet.
    pub(super) fn recall_good(&mut self, look: Option<Look<'_>>) {
        let kept = good::kept(&self.store, &self.label);
        self.memory.good = kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was good before is not known");
            ByFile::new()
        });
        self.memory.on_disk = self.memory.good.clone();
        if let Some(look) = look.filter(|_| self.memory.good.is_empty()) {
            // Only what it held when it was good matters here.
            let _ = self.build(look);
        }
    }

    /// Lets the compiler have what the manifests say again.
    pub(super) fn restore(&mut self) {
        for (file, good) in mem::take(&mut self.memory.stand_ins) {
            let written = self.written(&file);
            self.compiler.replace(&documents(&good), &written);
        }
    }

    /// What a file says now.
    fn written(&self, file: &str) -> Vec<Arc<Document>> {
        self.parsed(file).map_or_else(Vec::new, |parsed| parsed.documents.clone())
    }

    fn parsed(&self, file: &str) -> Option<&ParsedFile> {
        let at = self.parsed.binary_search_by(|parsed| (*parsed.file.path).cmp(file)).ok()?;
        self.parsed.get(at)
    }

    /// Notes the documents that errors are in; the whole file where that can't be told.
    fn note(&self, wrong: &mut BTreeMap<Arc<str>, Wrong>, errors: &[Location]) {
        let mut lines: BTreeMap<&Arc<str>, Vec<u32>> = BTreeMap::new();
        for at in errors {
            lines.entry(&at.file).or_default().push(at.span.line);
        }
        for (file, lines) in lines {
            let found = self.parsed(file).and_then(|parsed| parsed.places(&lines));
            let known = wrong.entry(Arc::clone(file));
            let known = known.or_insert_with(|| Wrong::Documents(BTreeSet::new()));
            match (found, known) {
                (Some(found), Wrong::Documents(places)) => places.extend(found),
                (None, known) => *known = Wrong::File,
                (Some(_), Wrong::File) => {}
            }
        }
    }

    /// Gives the compiler what was good in place of what is wrong. Returns what stands in.
    fn substitute(&mut self, wrong: &BTreeMap<Arc<str>, Wrong>) -> Vec<Kept> {
        let right = |parsed: &ParsedFile| -> Vec<Arc<Document>> {
            let documents = parsed.documents.iter();
            let is_right = |document: &&Arc<Document>| match wrong.get(&parsed.file.path) {
                None => true,
                Some(Wrong::File) => false,
                Some(Wrong::Documents(places)) => !places.contains(&document.index),
            };
            documents.filter(is_right).cloned().collect()
        };
        let mut taken: BTreeSet<(&'static str, ObjectName)> =
            self.parsed.iter().flat_map(right).map(|document| key(&document)).collect();
        let mut good: BTreeMap<_, &Good> = BTreeMap::new();
        let mut homes: BTreeMap<&Arc<str>, Vec<&Good>> = BTreeMap::new();
        // They may be anywhere now.
        let mut homeless = Vec::new();
        for old in self.memory.good.values().flatten() {
            good.insert(key(&old.document), old);
            let file = &old.document.file;
            let is_there = wrong.contains_key(file) || self.parsed(file).is_some();
            if is_there { homes.entry(file).or_default() } else { &mut homeless }.push(old);
        }
        let mut kept = Vec::new();
        let mut stand_ins = ByFile::new();
        for (file, what) in wrong {
            let parsed = self.parsed(file);
            let mut stands =
                parsed.map_or_else(Vec::new, |parsed| Good::all(&right(parsed), &parsed.file));
            // Where all that is wrong could be read, its names are known. Else any object that is
            // missing may be what is wrong.
            let named = parsed.and_then(|parsed| parsed.keys_at(what));
            let candidates: Vec<&Good> = match named {
                Some(named) => named.iter().filter_map(|key| good.get(key).copied()).collect(),
                None => {
                    let here = homes.remove(file).unwrap_or_default();
                    here.into_iter().chain(mem::take(&mut homeless)).collect()
                }
            };
            for old in candidates {
                let document = &old.document;
                if taken.insert(key(document)) {
                    let (kind, name) = (document.written().0, document.name.clone());
                    kept.push(Kept { kind, name, file: Arc::clone(file) });
                    stands.push(old.clone());
                }
            }
            stand_ins.insert(Arc::clone(file), stands);
        }
        self.restore();
        for (file, good) in &stand_ins {
            let written = self.written(file);
            self.compiler.replace(&written, &documents(good));
        }
        self.memory.stand_ins = stand_ins;
        kept
    }
}

impl ParsedFile {
    /// The places of the documents that lines belong to, counted from the places that are known.
    fn places(&self, lines: &[u32]) -> Option<BTreeSet<usize>> {
        let known = self.documents.first()?;
        let is_separator = |line: &str| line == "---" || line.starts_with("--- ");
        let numbered = (1..).zip(self.file.text.lines());
        let separators: Vec<u32> =
            numbered.filter(|(_, line)| is_separator(line)).map(|(number, _)| number).collect();
        let count = |line: u32| separators.partition_point(|separator| *separator <= line);
        let before = count(known.at.line);
        // What stands before the first separator may be nothing at all, and is no document then.
        lines.iter().map(|line| (count(*line) + known.index).checked_sub(before)).collect()
    }

    /// What the documents at these places are; `None` where one of them could not be read.
    fn keys_at(&self, wrong: &Wrong) -> Option<BTreeSet<(&'static str, ObjectName)>> {
        let Wrong::Documents(places) = wrong else { return None };
        let find = |place: &usize| {
            let at = self.documents.binary_search_by_key(place, |document| document.index);
            at.ok().map(|at| key(&self.documents[at]))
        };
        places.iter().map(find).collect()
    }
}

/// What tells objects apart.
fn key(document: &Document) -> (&'static str, ObjectName) {
    (document.kind(), document.name.clone())
}

fn places(problems: &Problems) -> Vec<Location> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| problem.at.clone()).collect()
}
