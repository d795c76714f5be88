//! The kinds of objects, as headings and as words of JSON.

use crate::plan::Object;

/// What sort of object a step is about, in the order in which plans show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Settings,
    Frontend,
    Certificate,
    Backend,
    Server,
    Route,
    Files,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Settings,
        Self::Frontend,
        Self::Certificate,
        Self::Backend,
        Self::Server,
        Self::Route,
        Self::Files,
    ];

    pub(super) fn of(object: &Object) -> Self {
        match object {
            Object::Settings => Self::Settings,
            Object::Frontend(_) => Self::Frontend,
            Object::Certificate(_) => Self::Certificate,
            Object::Backend(_) => Self::Backend,
            Object::Server(..) => Self::Server,
            Object::Route(..) => Self::Route,
            Object::Files => Self::Files,
        }
    }

    /// The word for it, in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Frontend => "frontend",
            Self::Certificate => "certificate",
            Self::Backend => "backend",
            Self::Server => "server",
            Self::Route => "route",
            Self::Files => "files",
        }
    }

    /// The heading of its part of a plan.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::Frontend => "Frontends",
            Self::Certificate => "Certificates",
            Self::Backend => "Backends",
            Self::Server => "Servers",
            Self::Route => "Routes",
            Self::Files => "Files",
        }
    }
}
