//! GitOps for HAProxy, without Kubernetes.

pub mod compile;
pub mod config;
pub mod manifest;
pub mod model;
pub mod render;
