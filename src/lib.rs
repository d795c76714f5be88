//! GitOps for HAProxy, without Kubernetes.

pub mod compile;
pub mod config;
pub mod diff;
pub mod haproxy;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod render;
pub mod report;
pub mod source;
