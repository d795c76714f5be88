//! How a server is chosen: a word, or a mapping where the word is not enough.

use serde_json::json;

use super::{
    document::{Balance, HashType},
    object::Object,
    slot::Slot,
    text::HEADER_NAME,
    yaml::Value,
};

/// The algorithms that stand for themselves. A hash is consistent where nothing else is said, so
/// that servers can come and go at runtime.
const WORDS: [(&str, Balance); 7] = [
    ("roundrobin", Balance::RoundRobin),
    ("leastconn", Balance::LeastConnections),
    ("first", Balance::First),
    ("random", Balance::Random),
    ("source", Balance::Source(HashType::Consistent)),
    ("uri", Balance::Uri(HashType::Consistent)),
    ("static-rr", Balance::StaticRoundRobin),
];

/// The algorithms that depend on a hash.
#[derive(Clone, Copy)]
enum Hashed {
    Source,
    Uri,
    Header,
}

pub(super) fn balance(slot: &mut Slot<'_>) -> Option<Balance> {
    slot.either(
        |value| matches!(value, Value::Map(_)),
        |slot| slot.object(hashed),
        |slot| slot.choice(&WORDS, &[]),
    )
}

fn hashed(object: &mut Object<'_>) -> Option<Balance> {
    let words = [("source", Hashed::Source), ("uri", Hashed::Uri), ("header", Hashed::Header)];
    let algorithm = object
        .required("algorithm", "What the hash is made from.", |slot| slot.choice(&words, &[]));
    let about = "The header, for the algorithm `header`.";
    let header = object.optional("header", about, |slot| slot.text(&HEADER_NAME));
    let hash = object.default(
        "hashType",
        "A ring (consistent: few clients move when servers come and go), or a table (map-based).",
        (HashType::Consistent, json!("consistent")),
        |slot| {
            let words = [("consistent", HashType::Consistent), ("map-based", HashType::MapBased)];
            slot.choice(&words, &[])
        },
    );
    let algorithm = algorithm?;
    match algorithm {
        Hashed::Source | Hashed::Uri => {
            object.refuse("header", "only the algorithm `header` has a header");
        }
        Hashed::Header if !object.has("header") => {
            let span = object.span();
            let message = "the algorithm `header` needs the name of a header";
            object.context()?.error_hint(span, message, "add `header: NAME`");
        }
        Hashed::Header => {}
    }
    Some(match algorithm {
        Hashed::Source => Balance::Source(hash),
        Hashed::Uri => Balance::Uri(hash),
        Hashed::Header => Balance::Header(header?, hash),
    })
}
