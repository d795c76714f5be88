//! Codecs of HAProxy's replies.
pub mod map;
