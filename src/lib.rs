//! GitOps for HAProxy, without Kubernetes.

pub mod cli;
pub mod compile;
pub mod config;
pub mod diff;
pub mod haproxy;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod reconcile;
pub mod render;
pub mod report;
pub mod settings;
pub mod source;

// The stub holds these two until their own files exist.
pub use reconcile::{store, up};
