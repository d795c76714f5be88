//! `show ssl cert` and `show ssl crt-list`.

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

/// A line of a crt-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrtListLine {
    /// The certificate.
    pub cert: String,
    /// Its number, for [`del_ssl_crt_list`](crate::haproxy::Command::del_ssl_crt_list).
    pub line: u32,
    /// Options in brackets and SNI filters, as HAProxy writes them, stray NUL bytes left out.
    pub rest: String,
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

/// Reads `show ssl crt-list -n`: `name:line [options] filters`.
pub fn parse_crt_list(text: &str) -> Result<Vec<CrtListLine>, ReplyError> {
    let text = text.replace('\0', "");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (cert, number) = head.rsplit_once(':')?;
        let line = number.parse().ok()?;
        Some(CrtListLine { cert: cert.to_owned(), line, rest: rest.trim().to_owned() })
    };
    let error = |line| ReplyError::new("show ssl crt-list", "no line number", line);
    lines.map(|line| parse(line).ok_or_else(|| error(line))).collect()
}
