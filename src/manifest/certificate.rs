//! The kind `Certificate`: names of files. Their content is read elsewhere.

use super::{
    document::Certificate,
    object::Object,
    slot::{Slot, located},
    text::FILE_PATH,
};

use crate::model::{FilePath, Located};

pub(super) fn certificate(object: &mut Object<'_>) -> Option<Certificate> {
    let at = object.span();
    let about = "A PEM file with the certificate, its chain and the key, relative to the manifest.";
    let file = object.optional("file", about, file_path);
    let about = "A PEM file with the certificate and its chain, relative to the manifest.";
    let certificate = object.optional("certificate", about, file_path);
    let about = "A PEM file with the key, relative to the manifest.";
    let key = object.optional("key", about, file_path);
    if object.has("file") {
        for other in ["certificate", "key"] {
            object.refuse(other, format!("`{other}` and `file` exclude each other"));
        }
        return file.map(Certificate::Bundle);
    }
    if !(object.has("certificate") && object.has("key")) {
        let message = "the certificate needs `file`, or both `certificate` and `key`";
        object.context()?.error(at, message);
    }
    Some(Certificate::Pair { certificate: certificate?, key: key? })
}

/// A path of a file.
pub(super) fn file_path(slot: &mut Slot<'_>) -> Option<Located<FilePath>> {
    located(|slot| slot.text(&FILE_PATH))(slot)
}
