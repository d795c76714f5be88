//! GitOps for HAProxy, without Kubernetes.

pub mod apply;
pub mod cli;
pub mod compile;
pub mod config;
pub mod diff;
pub mod haproxy;
pub mod init;
pub mod intent;
pub mod manifest;
pub mod model;
pub mod observe;
pub mod plan;
pub mod provider;
pub mod reconcile;
pub mod render;
pub mod report;
pub mod settings;
pub mod source;
pub mod store;
pub mod up;
