//! GitOps for HAProxy, without Kubernetes.

pub mod manifest;
pub mod model;
pub mod report;
pub mod source;
