//! The files that manifests refer to: which ones, and what is in them.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    manifest::document::{self as manifest, Document, Spec, Trust},
    model::{Certificate, Digest, FilePath, FileRequest, Located, Problem, Problems},
};

/// What was found for each request: the text, or why there is none.
pub type ReferencedFiles = BTreeMap<FileRequest, Result<Arc<str>, String>>;

/// HAProxy would ask for the passphrase on a terminal, and a service has none.
const DECRYPT: &str = "nobody is there to give HAProxy its passphrase: write the key without one \
                       (`openssl pkey -in KEY -out NEW`), readable only to gw's user";

/// The files that a document refers to.
pub(super) fn requests_of(document: &Document) -> Vec<FileRequest> {
    let paths: Vec<&FilePath> = match &document.spec {
        Spec::Certificate(manifest::Certificate::Bundle(path)) => vec![&path.value],
        Spec::Certificate(manifest::Certificate::Pair { certificate, key }) => {
            vec![&certificate.value, &key.value]
        }
        Spec::Backend(backend) => match backend.tls.as_ref().map(|tls| &tls.trust) {
            Some(Trust::CaFile(path)) => vec![&path.value],
            Some(Trust::Insecure) | None => Vec::new(),
        },
        Spec::Gateway(_) | Spec::HttpRoute(_) => Vec::new(),
    };
    paths.into_iter().map(|path| request(document, path)).collect()
}

fn request(document: &Document, path: &FilePath) -> FileRequest {
    FileRequest { manifest: Arc::clone(&document.file), path: path.clone() }
}

/// The text of a file, or a problem at the place that names it.
fn text(
    document: &Document,
    path: &Located<FilePath>,
    files: &ReferencedFiles,
    problems: &mut Problems,
) -> Option<Arc<str>> {
    let why = match files.get(&request(document, &path.value)) {
        Some(Ok(text)) => return Some(Arc::clone(text)),
        Some(Err(why)) => why.clone(),
        None => "it was not read".to_owned(),
    };
    problems.push(
        Problem::error(
            document.location(path.span),
            format!("can't read the file {}: {why}", path.value),
        )
        .hint("the path is relative to the manifest's folder, or absolute"),
    );
    None
}

/// The authorities that a backend's TLS believes: a file name with the digest of the content, and
/// the content.
pub(super) fn authority(
    document: &Document,
    backend: &manifest::Backend,
    files: &ReferencedFiles,
    problems: &mut Problems,
) -> Option<(String, Arc<str>)> {
    let Trust::CaFile(path) = &backend.tls.as_ref()?.trust else { return None };
    let text = text(document, path, files, problems)?;
    let bad = |what: String| Problem::error(document.location(path.span), what);
    match pem::parse_many(text.as_bytes()) {
        Ok(blocks) if blocks.iter().any(|block| block.tag() == "CERTIFICATE") => {}
        Ok(_) => {
            problems.push(bad(format!("{} holds no PEM certificate", path.value)));
            return None;
        }
        Err(error) => {
            problems.push(bad(format!("{} is no PEM file: {error}", path.value)));
            return None;
        }
    }
    Some((format!("certs/ca-{}.pem", Digest::of(text.as_bytes()).short()), text))
}

/// A certificate with its key, put together as HAProxy wants it: chain first, then key.
pub(super) fn certificate(
    document: &Document,
    certificate: &manifest::Certificate,
    files: &ReferencedFiles,
    problems: &mut Problems,
) -> Option<Certificate> {
    let paths = match certificate {
        manifest::Certificate::Bundle(path) => vec![path],
        manifest::Certificate::Pair { certificate, key } => vec![certificate, key],
    };
    // Both files are read before giving up, so that both problems are seen at once.
    let texts: Vec<Option<Arc<str>>> =
        paths.iter().map(|path| text(document, path, files, problems)).collect();
    let texts: Vec<Arc<str>> = texts.into_iter().collect::<Option<_>>()?;
    let mut chain = Vec::new();
    let mut keys = Vec::new();
    for (path, text) in paths.iter().zip(&texts) {
        let blocks = match pem::parse_many(text.as_bytes()) {
            Ok(blocks) => blocks,
            Err(error) => {
                let message = format!("{} is no PEM file: {error}", path.value);
                problems.push(Problem::error(document.location(path.span), message));
                return None;
            }
        };
        for block in blocks {
            if block.tag().ends_with("PRIVATE KEY") {
                if is_encrypted(&block) {
                    let message = format!("the private key in {} is encrypted", path.value);
                    let at = document.location(path.span);
                    problems.push(Problem::error(at, message).hint(DECRYPT));
                    return None;
                }
                keys.push(block);
            } else if block.tag() == "CERTIFICATE" {
                chain.push(block);
            }
        }
    }
    let what = match (chain.first(), keys.as_slice()) {
        (None, _) => "there is no certificate in it",
        (_, []) => "there is no private key in it",
        (_, [_, _, ..]) => "there is more than one private key in it",
        (Some(leaf), [_]) => {
            let fingerprint = Certificate::fingerprint_of(leaf.contents());
            let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
            let blocks: Vec<pem::Pem> = chain.into_iter().chain(keys).collect();
            return Some(Certificate {
                origin: super::origin(document, document.at),
                pem: pem::encode_many_config(&blocks, config).into(),
                fingerprint,
            });
        }
    };
    let names: Vec<&str> = paths.iter().map(|path| path.value.as_str()).collect();
    problems.push(
        Problem::error(
            document.location(paths[0].span),
            format!("{} can't be used: {what}", names.join(" and ")),
        )
        .hint("HAProxy needs the certificate, its chain, and exactly one unencrypted key"),
    );
    None
}

/// Whether a private key needs a passphrase: by its label (RFC 7468, section 11), or by a header
/// (RFC 1421, section 4.6.1.1), as older tools write it.
fn is_encrypted(key: &pem::Pem) -> bool {
    let kind = key.headers().get("Proc-Type");
    key.tag() == "ENCRYPTED PRIVATE KEY" || kind.is_some_and(|kind| kind.contains("ENCRYPTED"))
}
