//! Backends that are born and buried at runtime (3.4+).

use super::{Command, CommandError, argument::Line, verdict::Expect};

impl Command {
    /// Adds a backend from a named `defaults` section. It takes no traffic until published. The
    /// reply of a profile whose balance algorithm knows no dynamic servers adds a remark, which
    /// makes it a refusal here: such a backend is useless.
    pub fn add_backend(name: &str, profile: &str) -> Result<Self, CommandError> {
        let line = Line::new("add backend").backend(name).word("from").backend(profile);
        Self::new(line, Expect::last("New backend registered."))
    }

    /// Lets traffic reach a backend.
    pub fn publish_backend(name: &str) -> Result<Self, CommandError> {
        let line = Line::new("publish backend").backend(name);
        Self::new(line, Expect::last("Backend published."))
    }

    /// Keeps traffic from a backend: rules that select it are skipped.
    pub fn unpublish_backend(name: &str) -> Result<Self, CommandError> {
        let line = Line::new("unpublish backend").backend(name);
        Self::new(line, Expect::last("Backend unpublished."))
    }

    /// Deletes a backend, which must be unpublished, without servers and without streams.
    pub fn del_backend(name: &str) -> Result<Self, CommandError> {
        let line = Line::new("del backend").backend(name);
        let unchanged = Some("No such backend.");
        Self::new(line, Expect::Last { starts: "Backend deleted.", ends: "", unchanged })
    }
}
