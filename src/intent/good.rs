//! What was good: documents with the text that they were read from, kept in `<state>/good.json` while
//! some of them stand in for what is wrong now, so that a gw that is started anew knows them.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    manifest::{self, Document},
    model::SourceFile,
    store::{Store, StoreError},
};

/// The file below the state directory.
const FILE: &str = "good.json";

/// A document that was good.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub(super) document: Arc<Document>,
    /// The file as it was then.
    source: Arc<SourceFile>,
}

/// The documents that were good, by the file that they belong to.
pub(super) type ByFile = BTreeMap<Arc<str>, Vec<Good>>;

impl Good {
    /// All documents of a file.
    pub(super) fn all(documents: &[Arc<Document>], source: &Arc<SourceFile>) -> Vec<Self> {
        let good = |document| Self { document: Arc::clone(document), source: Arc::clone(source) };
        documents.iter().map(good).collect()
    }
}

/// The documents alone.
pub(super) fn documents(good: &[Good]) -> Vec<Arc<Document>> {
    good.iter().map(|good| Arc::clone(&good.document)).collect()
}

/// Whether these are the very same documents.
pub(super) fn is_same(one: &ByFile, other: &ByFile) -> bool {
    let documents = |good: &ByFile| -> Vec<*const Document> {
        good.values().flatten().map(|good| Arc::as_ptr(&good.document)).collect()
    };
    one.keys().eq(other.keys()) && documents(one) == documents(other)
}

/// The file of [`FILE`].
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Which source it is about.
    source: String,
    files: Vec<KeptFile>,
}

/// One state of a manifest file.
#[derive(Serialize, Deserialize)]
struct KeptFile {
    /// The file to which the documents belong.
    of: String,
    path: String,
    text: String,
    /// The places of the documents that were good, from 0.
    documents: Vec<usize>,
}

/// Keeps what was good of a source.
pub(super) fn keep(store: &Store, source: &str, good: &ByFile) -> Result<(), StoreError> {
    let mut files: Vec<(Arc<SourceFile>, KeptFile)> = Vec::new();
    for (of, documents) in good {
        let first = files.len();
        for Good { document, source } in documents {
            let known = files[first..].iter_mut().find(|(known, _)| Arc::ptr_eq(known, source));
            match known {
                Some((_, kept)) => kept.documents.push(document.index),
                None => files.push((
                    Arc::clone(source),
                    KeptFile {
                        of: of.to_string(),
                        path: source.path.to_string(),
                        text: source.text.to_string(),
                        documents: vec![document.index],
                    },
                )),
            }
        }
    }
    let files = files.into_iter().map(|(_, kept)| kept).collect();
    store.write_json(FILE, &Kept { source: source.to_owned(), files }).map(drop)
}

/// What was kept of a source; empty where nothing was.
pub(super) fn kept(store: &Store, source: &str) -> Result<ByFile, StoreError> {
    let mut good = ByFile::new();
    let kept: Option<Kept> = store.read_json(FILE)?;
    for file in kept.filter(|kept| kept.source == source).into_iter().flat_map(|kept| kept.files) {
        let KeptFile { of, path, text, documents } = file;
        let source = Arc::new(SourceFile { path: path.into(), text: text.into() });
        let mut parsed = manifest::parse(&source).documents;
        parsed.retain(|document| documents.contains(&document.index));
        let parsed: Vec<Arc<Document>> = parsed.into_iter().map(Arc::new).collect();
        good.entry(of.into()).or_default().extend(Good::all(&parsed, &source));
    }
    Ok(good)
}

/// Forgets what was kept: nothing is wrong any more.
pub(super) fn forget(store: &Store) -> Result<(), StoreError> {
    store.remove_file(FILE).map(drop)
}
