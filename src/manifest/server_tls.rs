//! TLS to servers: either their certificates are verified, or it says in so many words that not.

use super::{
    certificate::file_path,
    document::{Alpn, ServerTls, Trust},
    object::Object,
    slot::{Slot, located},
    text::DNS_NAME,
};

pub(super) fn server_tls(object: &mut Object<'_>) -> Option<ServerTls> {
    let at = object.span();
    let about = "The server name to send, which the certificate must bear; the host that the client \
                 asked for if left out.";
    let sni = object.optional("sni", about, located(|slot| slot.text(&DNS_NAME)));
    let about = "A PEM file with the authorities to believe, absolute or relative to the manifest.";
    let ca_file = object.optional("caFile", about, file_path);
    let about = "Believe any certificate: encrypted, but not authenticated.";
    let insecure = object.flag("insecure", about);
    let alpn = object.optional("alpn", "The protocols to offer.", alpn);
    let about = "The name that the certificate must bear: sent as well, so the same as `sni`, which \
                 may be left out.";
    let verify_host = object.optional("verifyHost", about, located(|slot| slot.text(&DNS_NAME)));
    if insecure {
        object.refuse("caFile", "`caFile` and `insecure` exclude each other");
        object.refuse("verifyHost", "nothing is verified with `insecure`");
    } else if !object.has("caFile") {
        let hint = "add `caFile: FILE`, or `insecure: true` to believe any certificate";
        object.context()?.error_hint(at, "tls needs a `caFile` to verify servers with", hint);
    }
    if let (Some(sent), Some(verified)) = (&sni, &verify_host)
        && sent.value != verified.value
    {
        // HAProxy looks at `verifyhost` only where no name is sent.
        let message = format!("HAProxy verifies the name that it sends, which is {}", sent.value);
        let hint = "leave one of `sni` and `verifyHost` out";
        object.context()?.error_hint(verified.span, message, hint);
    }
    let trust = if insecure { Trust::Insecure } else { Trust::CaFile(ca_file?) };
    Some(ServerTls { sni, trust, alpn, verify_host })
}

/// Protocols to offer, distinct and at least one.
pub(super) fn alpn(slot: &mut Slot<'_>) -> Option<Vec<Alpn>> {
    let words = [("h2", Alpn::H2), ("http/1.1", Alpn::Http11)];
    let offered = slot.list(1, |slot| slot.choice(&words, &[]))?;
    let is_distinct = offered.iter().enumerate().all(|(at, one)| !offered[..at].contains(one));
    if !is_distinct {
        slot.error("a protocol is offered twice");
    }
    Some(offered)
}
