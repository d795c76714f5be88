//! The changes that the table is about.

/// What every change starts from.
pub(super) const ESTATE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public}
spec:
  listeners:
    - {name: http, protocol: HTTP, port: 80}
    - {name: https, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: site}]}}
---
apiVersion: gw/v1
kind: Certificate
metadata: {name: site}
spec: {file: site.pem}
---
apiVersion: gw/v1
kind: Certificate
metadata: {name: other}
spec: {file: other.pem}
---
apiVersion: gw/v1
kind: Backend
metadata: {name: api}
spec:
  timeouts: {server: 10s}
  healthCheck: {type: http, path: /healthz}
  servers:
    - {name: a, address: 10.0.0.1, port: 80}
    - {name: b, address: 10.0.0.2, port: 80}
---
apiVersion: gw/v1
kind: Backend
metadata: {name: shop}
spec:
  timeouts: {server: 10s}
  healthCheck: {type: http, path: /healthz}
  servers:
    - {name: a, address: 10.0.0.3, port: 80}
---
apiVersion: gw/v1
kind: Backend
metadata: {name: sticky}
spec:
  sessionAffinity: {cookie: {name: SRV}}
  servers:
    - {name: a, address: 10.0.0.4, port: 80}
---
apiVersion: gw/v1
kind: Backend
metadata: {name: static}
spec:
  balance: static-rr
  servers:
    - {name: a, address: 10.0.0.5, port: 80}
---
apiVersion: gw/v1
kind: Route
metadata: {name: api}
spec: {hosts: [api.example], backends: [{name: api, weight: 9}, {name: shop, weight: 1}]}
";

/// One row: what changes, and how the estate's text becomes the wanted one: each of the pairs is a
/// text and what replaces it, or is added at the end where the first is empty.
pub(super) type Row = (&'static str, &'static [(&'static str, &'static str)]);

const SERVER_A: &str = "{name: a, address: 10.0.0.1, port: 80}";
const SERVER_B: &str = "    - {name: b, address: 10.0.0.2, port: 80}\n";
const API_TIMEOUTS: &str = "metadata: {name: api}\nspec:\n  timeouts: {server: 10s}\n";
const API_CHECK: &str = "  timeouts: {server: 10s}\n  healthCheck: {type: http, path: /healthz}\n  \
                         servers:\n    - {name: a, address: 10.0.0.1";
const SHOP: &str = "---
apiVersion: gw/v1
kind: Backend
metadata: {name: shop}
spec:
  timeouts: {server: 10s}
  healthCheck: {type: http, path: /healthz}
  servers:
    - {name: a, address: 10.0.0.3, port: 80}
";

/// All rows, in the order of the table.
pub(super) const ROWS: [Row; 28] = [
    ("server: address", &[("10.0.0.1", "10.0.0.9")]),
    ("server: port", &[(SERVER_A, "{name: a, address: 10.0.0.1, port: 81}")]),
    ("server: weight", &[(SERVER_A, "{name: a, address: 10.0.0.1, port: 80, weight: 5}")]),
    (
        "server: weight, with a static `balance`",
        &[("10.0.0.5, port: 80", "10.0.0.5, port: 80, weight: 5")],
    ),
    ("server: maxconn", &[(SERVER_A, "{name: a, address: 10.0.0.1, port: 80, maxconn: 5}")]),
    ("server: state", &[(SERVER_A, "{name: a, address: 10.0.0.1, port: 80, state: maint}")]),
    ("server: backup", &[(SERVER_A, "{name: a, address: 10.0.0.1, port: 80, backup: true}")]),
    (
        "server added",
        &[(
            SERVER_B,
            "    - {name: b, address: 10.0.0.2, port: 80}\n    - {name: c, address: 10.0.0.3, port: 80}\n",
        )],
    ),
    (
        "server added, with an affinity cookie",
        &[(
            "10.0.0.4, port: 80}",
            "10.0.0.4, port: 80}\n    - {name: b, address: 10.0.0.6, port: 80}",
        )],
    ),
    (
        "server added, with a static `balance`",
        &[(
            "10.0.0.5, port: 80}",
            "10.0.0.5, port: 80}\n    - {name: b, address: 10.0.0.6, port: 80}",
        )],
    ),
    ("server removed", &[(SERVER_B, "")]),
    (
        "backend added, with settings that another one has",
        &[(
            "",
            "---
apiVersion: gw/v1
kind: Backend
metadata: {name: new}
spec:
  timeouts: {server: 10s}
  healthCheck: {type: http, path: /healthz}
  servers: [{name: a, address: 10.0.0.7, port: 80}]
",
        )],
    ),
    (
        "backend added, with new settings",
        &[(
            "",
            "---
apiVersion: gw/v1
kind: Backend
metadata: {name: new}
spec:
  timeouts: {server: 7s}
  servers: [{name: a, address: 10.0.0.7, port: 80}]
",
        )],
    ),
    ("backend removed", &[(SHOP, ""), (", {name: shop, weight: 1}", "")]),
    (
        "backend: balance",
        &[(
            API_TIMEOUTS,
            "metadata: {name: api}\nspec:\n  timeouts: {server: 10s}\n  balance: leastconn\n",
        )],
    ),
    (
        "backend: timeouts",
        &[(API_TIMEOUTS, "metadata: {name: api}\nspec:\n  timeouts: {server: 7s}\n")],
    ),
    (
        "backend: health check",
        &[(
            API_CHECK,
            "  timeouts: {server: 10s}\n  healthCheck: {type: http, path: /ready}\n  servers:\n    - {name: a, address: 10.0.0.1",
        )],
    ),
    (
        "backend: TLS to the servers",
        &[(
            API_TIMEOUTS,
            "metadata: {name: api}\nspec:\n  timeouts: {server: 10s}\n  tls: {insecure: true}\n",
        )],
    ),
    (
        "route added",
        &[(
            "",
            "---
apiVersion: gw/v1
kind: Route
metadata: {name: new}
spec: {hosts: ['*.example'], path: /new, backend: api}
",
        )],
    ),
    (
        "route: host, path, method or backend",
        &[
            ("[api.example]", "[www.example], path: /x, method: GET"),
            ("weight: 9}, {name: shop, weight: 1", "weight: 1"),
        ],
    ),
    (
        "route removed",
        &[(
            "---
apiVersion: gw/v1
kind: Route
metadata: {name: api}
spec: {hosts: [api.example], backends: [{name: api, weight: 9}, {name: shop, weight: 1}]}
",
            "",
        )],
    ),
    ("route: weights of its backends", &[("weight: 9}", "weight: 3}")]),
    ("certificate: content", &[("{file: site.pem}", "{file: renewed.pem}")]),
    ("certificate added to a listener", &[("{name: site}]}}", "{name: site}, {name: other}]}}")]),
    (
        "listener added, on a port of its own",
        &[(
            "    - {name: https",
            "    - {name: more, protocol: HTTP, port: 8080}\n    - {name: https",
        )],
    ),
    (
        "listener added, a host on a port in use",
        &[(
            "    - {name: https",
            "    - {name: more, protocol: HTTP, port: 80, hostname: '*.eu.example'}\n    - {name: https",
        )],
    ),
    ("listener removed", &[("    - {name: http, protocol: HTTP, port: 80}\n", "")]),
    ("listener: address or port", &[("port: 443", "port: 8443")]),
];
