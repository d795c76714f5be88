//! How strict the guards are.

/// What a guard does where it finds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// The plan is not carried out.
    Refuse,
    /// It is, with a remark.
    Warn,
    /// Nothing.
    Allow,
}

/// From where on a guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A number, or a share in percent.
    At(usize),
    /// Never.
    Allow,
}

/// How strict the guards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The share of the objects of a kind, in percent, that one plan may delete.
    pub mass_delete: Limit,
    /// So many objects of a kind may be deleted, whatever their share: what somebody said of one
    /// plan.
    pub deletes: usize,
    /// Whether a backend may lose its last server.
    pub empty_backend: Stance,
    /// The share of its objects, in percent, by which the source must not shrink.
    pub shrunk_source: Limit,
    /// Whether HAProxy may be reloaded.
    pub reload: Stance,
    /// So many old workers may live when HAProxy is reloaded.
    pub old_workers: Limit,
}

impl Default for Policy {
    /// For an HAProxy that serves somebody.
    fn default() -> Self {
        Self {
            mass_delete: Limit::At(30),
            deletes: 0,
            empty_backend: Stance::Refuse,
            shrunk_source: Limit::At(50),
            reload: Stance::Allow,
            old_workers: Limit::At(8),
        }
    }
}

impl Policy {
    /// For one that somebody develops with: only a source that turned empty is more likely an
    /// accident than an edit.
    pub fn lenient() -> Self {
        Self {
            mass_delete: Limit::Allow,
            deletes: 0,
            empty_backend: Stance::Allow,
            shrunk_source: Limit::At(100),
            reload: Stance::Allow,
            old_workers: Limit::Allow,
        }
    }
}
