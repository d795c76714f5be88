//! What tests, benches and the demo stand on: real HAProxy processes, origins, clients and load.
//!
//! Nothing here imitates HAProxy, but for [`scripted`], whose purpose is to misbehave. Everything
//! is blocking: the asynchronous parts live on a runtime of their own ([`runtime`]), so that a
//! plain `#[test]`, a bench and an asynchronous test use them alike.

// Three kinds of crates include this folder, and each uses another part of it.
#![allow(dead_code)]

pub(crate) mod clock;
pub(crate) mod runtime;

pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod tls;

pub(crate) mod git;
pub(crate) mod haproxy;
pub(crate) mod versions;

pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod load;
pub(crate) mod origin;

pub(crate) mod golden;
pub(crate) mod random;
pub(crate) mod run;
pub(crate) mod scripted;
pub(crate) mod webhook;
