//! A state directory for an HAProxy that somebody else runs: an empty generation that it can be
//! started with, so that the first apply finds a process that loads gw's files.

use std::collections::BTreeMap;

use crate::{
    compile::{ReferencedFiles, compile},
    model::{Contents, Desired},
    render::{self, Settings},
    store::{self, Generation, Metadata, Store, StoreError},
};

/// Makes the directory and, where there is no generation yet, an empty one. Returns the current
/// generation, and whether it was made now.
pub fn init(store: &Store) -> Result<(Generation, bool), StoreError> {
    store.create()?;
    let _lock = store.lock()?;
    if let Some(current) = store.current()? {
        return Ok((current, false));
    }
    let settings = Settings {
        revision: store::NO_REVISION.to_owned(),
        server_state_file: store.server_state_file().display().to_string(),
    };
    let nothing = compile(&[], &ReferencedFiles::default()).desired;
    let nothing = Desired { frontends: BTreeMap::new(), ..nothing };
    let rendered = render::render(&nothing, &settings);
    let metadata = Metadata {
        revision: settings.revision,
        structure: rendered.structure,
        created: store::now(),
        cause: "gw init".to_owned(),
        contents: Some(Contents::default()),
    };
    let (generation, _) = store.stage(&rendered.files, &metadata, None)?;
    store.switch(&generation)?;
    Ok((generation, true))
}
