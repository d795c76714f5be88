//! What clients and servers see of an HAProxy that gw manages: TLS, protocols, answers, balance,
//! and the lives of servers. Real processes throughout.

mod affinity;
mod answers;
mod balance;
mod certificates;
mod hosts;
mod https;
mod newcomers;
mod refusals;
mod removal;
mod shares;
mod upstream;
mod upstream_tls;

mod handshake;
mod manifest;
mod raw;
mod site;
