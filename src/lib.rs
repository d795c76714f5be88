//! GitOps for HAProxy, without Kubernetes.

pub mod haproxy;
pub mod model;
