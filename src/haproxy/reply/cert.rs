//! `show ssl cert`.

use super::ReplyError;

/// A certificate as HAProxy has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The name by which commands know it.
    pub name: String,
    /// `Used`, `Unused`, `Uncommitted` (3.2+, for a transaction) or `Empty`.
    pub status: String,
    /// SHA-1 of the leaf certificate, hexadecimal in capitals. None for an empty store.
    pub fingerprint: Option<String>,
    /// Serial number, hexadecimal in capitals.
    pub serial: Option<String>,
    /// End of validity, as OpenSSL writes it.
    pub not_after: Option<String>,
    /// The names it is good for, as OpenSSL writes them (`DNS:a.example, …`).
    pub alt_names: Option<String>,
}

/// Reads the names of all certificates; open transactions (`*name`, under a header of their own)
/// are left out.
pub fn parse_list(text: &str) -> Vec<String> {
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    names.filter(|name| !name.starts_with(['#', '*'])).map(str::to_owned).collect()
}

/// Reads one certificate: `Name: value` lines, the first of each name.
pub fn parse(text: &str) -> Result<Certificate, ReplyError> {
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim());
        found.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let missing = |what| ReplyError::new("show ssl cert", what, text);
    let name = value("Filename").ok_or_else(|| missing("no file name"))?;
    Ok(Certificate {
        name: name.trim_start_matches('*').to_owned(),
        status: value("Status").ok_or_else(|| missing("no status"))?,
        fingerprint: value("SHA1 FingerPrint"),
        serial: value("Serial"),
        not_after: value("notAfter"),
        alt_names: value("Subject Alternative Name"),
    })
}
