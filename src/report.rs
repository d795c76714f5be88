//! What a person reads. Pure: views of data as text.

pub mod snippet;
