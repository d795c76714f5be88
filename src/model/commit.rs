//! A Git commit, as far as people ask for it.

/// The commit that manifests were read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// All 40 hexadecimal digits of its id.
    pub id: String,
    /// The full name of the branch or tag that led to it, such as `refs/heads/main`; `None` where it
    /// was asked for by its id.
    pub reference: Option<String>,
    /// Who wrote it.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// When it was written, in seconds since 1970.
    pub time: i64,
    /// When it was made as it is, in seconds since 1970: later than it was written, where it was
    /// rebased or merged by a forge.
    pub committed: i64,
    /// The first line of its message.
    pub subject: String,
}

impl Commit {
    /// The first 12 digits of the id, by which gw names revisions.
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}
