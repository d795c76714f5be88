//! The socket layer against real HAProxy processes of every version in `GW_HAPROXY_DIR`, and
//! against a scripted peer for what a real one does not do on demand.

mod master;
mod peer;
mod real;
mod spawn;
