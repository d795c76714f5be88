//! Manifests that several tests begin from.

/// A Gateway at `port`. Without one all HAProxies would have port 80.
pub(crate) fn gateway(port: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public}}\n\
         spec: {{listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}\n"
    )
}

/// A Gateway at `port`, and `web.test` led to one server. `settings` are lines of its backend's `spec`,
/// indented by two.
pub(crate) fn web(port: u16, server: u16, settings: &str) -> String {
    let gateway = gateway(port);
    format!(
        "{gateway}---\n\
         apiVersion: gw/v1\nkind: Route\nmetadata: {{name: web}}\n\
         spec: {{hosts: [web.test], backend: web}}\n---\n\
         apiVersion: gw/v1\nkind: Backend\nmetadata: {{name: web}}\n\
         spec:\n{settings}  servers: [{{name: s, address: 127.0.0.1, port: {server}}}]\n"
    )
}
