//! Manifests and a HAProxy in memory: all that the pure core needs, and nothing that runs.

pub(crate) mod process;
pub(crate) mod words;

use std::{collections::BTreeMap, sync::Arc};

use gw::{
    compile::{Compiler, ReferencedFiles},
    diff::{Scope, diff},
    haproxy::{Capabilities, Version},
    manifest,
    model::{Desired, FileRequest, Live, Problems, SourceFile},
    plan::{Context, Plan, plan},
    render::{Rendered, Settings, render},
};

/// The versions that gw is tested on.
pub(crate) const VERSIONS: [Version; 5] =
    [Version::MINIMUM, Version::V2_8, Version::V3_0, Version::V3_2, Version::V3_4];

/// What a set of manifests asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) problems: Problems,
    pub(crate) desired: Desired,
    pub(crate) rendered: Rendered,
    pub(crate) revision: &'static str,
}

impl Wanted {
    /// Compiles manifests; `read` finds the files that they refer to.
    pub(crate) fn new(
        files: &[SourceFile],
        revision: &'static str,
        read: impl Fn(&FileRequest) -> Result<Arc<str>, String>,
    ) -> Self {
        let mut problems = Problems::default();
        let mut compiler = Compiler::default();
        for file in files {
            let parsed = manifest::parse(file);
            problems.extend(parsed.problems);
            let documents: Vec<_> = parsed.documents.into_iter().map(Arc::new).collect();
            compiler.replace(&[], &documents);
        }
        let referenced: ReferencedFiles = compiler
            .requests()
            .into_iter()
            .map(|request| {
                let text = read(&request);
                (request, text)
            })
            .collect();
        let compiled = compiler.compile(&referenced);
        problems.extend(compiled.problems);
        problems.sort();
        let settings = Settings {
            revision: revision.to_owned(),
            server_state_file: "/var/lib/gw/server-state".to_owned(),
        };
        let rendered = render(&compiled.desired, &settings);
        Self { problems, desired: compiled.desired, rendered, revision }
    }

    /// Plans the way here from a process that has loaded `loaded`.
    pub(crate) fn plan(
        &self,
        live: &Live,
        version: Version,
        loaded: &BTreeMap<String, Arc<str>>,
        files_differ: bool,
    ) -> Plan {
        let differences = diff(&self.desired, &self.rendered.structure, live, &Scope::WHOLE);
        plan(
            &differences,
            Context {
                desired: &self.desired,
                live,
                capabilities: &Capabilities::of(version),
                loaded,
                rendered: &self.rendered.files,
                revision: self.revision,
                files_differ,
            },
        )
    }
}
