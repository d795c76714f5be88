//! GitOps for HAProxy, without Kubernetes.

pub mod model;
