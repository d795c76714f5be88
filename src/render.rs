//! From intent to files: the configuration that HAProxy loads, its maps and certificates. Pure and
//! deterministic: the same intent is the same bytes.

mod backends;
mod maps;
mod notebook;
mod program;
mod read_back;

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::model::{Desired, Digest, MapName, NOTEBOOK, REVISION};

pub use self::{
    backends::{address, server_arguments},
    read_back::read_back,
};

/// The file with the global part, the frontends and the fixed program.
pub const PROGRAM_FILE: &str = "00-gw.cfg";
/// The file with the profiles.
pub const PROFILES_FILE: &str = "05-profiles.cfg";

/// What does not come from the manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The revision of the manifests.
    pub revision: String,
    /// The absolute path of the file through which the state of servers survives a reload.
    pub server_state_file: String,
}

/// All files of a generation, by path inside it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Path → content. Those below `certs/` are secret.
    pub files: BTreeMap<String, Arc<str>>,
    /// The digest of all that a running process can change only by a reload, backends left out.
    pub structure: String,
}

/// Names the files without their contents, some of which are secret.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, structure } = self;
        let names: Vec<&String> = files.keys().collect();
        f.debug_struct("Rendered").field("files", &names).field("structure", structure).finish()
    }
}

/// Renders everything anew.
pub fn render(desired: &Desired, settings: &Settings) -> Rendered {
    Renderer::default().render(desired, settings)
}

/// A renderer that remembers: what did not change since the last time is not rendered again.
#[derive(Default)]
pub struct Renderer {
    backends: backends::Shards,
    maps: maps::Maps,
    notebook: notebook::Notebook,
}

impl Renderer {
    /// Renders all files of a generation.
    pub fn render(&mut self, desired: &Desired, settings: &Settings) -> Rendered {
        let program = program::render(desired, settings);
        let structure = program.structure;
        let mut files = BTreeMap::new();
        files.insert(PROGRAM_FILE.to_owned(), program.text);
        files.extend(program.certificate_lists);
        files.insert(PROFILES_FILE.to_owned(), backends::profiles(desired));
        files.extend(self.backends.render(desired));
        for map in MapName::ALL {
            files.insert(map.file().to_owned(), self.maps.render(&desired.routing, map));
        }
        files.insert(NOTEBOOK.to_owned(), self.notebook.render(desired));
        files.insert(REVISION.to_owned(), notebook::revision(&settings.revision));
        for (file, certificate) in &desired.certificates {
            files.insert(file.clone(), Arc::clone(&certificate.pem));
        }
        for (file, text) in &desired.authorities {
            files.insert(file.clone(), Arc::clone(text));
        }
        Rendered { files, structure }
    }
}

/// What a file says to HAProxy, line by line: comments and blank lines say nothing.
pub fn meaning(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The digest of what all files of a generation say to HAProxy: the same where only the revision or a
/// comment is another one.
pub fn digest_of_files(files: &BTreeMap<String, Arc<str>>) -> Digest {
    let files = files.iter().filter(|(name, _)| *name != REVISION);
    let digests = files.map(|(name, text)| (name, Digest::of_parts(meaning(text))));
    Digest::of_parts(
        digests.flat_map(|(name, digest)| [name.as_bytes().to_vec(), digest.as_bytes().to_vec()]),
    )
}

#[cfg(test)]
mod tests;
