//! The fixed program: the global part, the frontends, and the rules by which every frontend looks
//! its routes up. Routes are data in maps, so this text changes only with the sockets.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    config::{argument, comment},
    model::{
        Desired, Digest, Frontend, FrontendName, ListenerProtocol, MapName, NOTEBOOK, REVISION,
        Routing, TABLE_SEPARATOR,
    },
};

use super::{Settings, meaning};

/// Stands for the digest while it is computed.
const DIGEST_PLACE: &str = "@structure@";

/// The `defaults` section of all frontends, to which the rules of the program are added.
const FRONTEND_PROFILE: &str = "\
defaults profile:frontend
    mode http
    log global
    option httplog
    option dontlognull
    option forwardfor
    timeout client 60s
    timeout http-request 10s
    timeout http-keep-alive 60s
";

pub(super) struct Program {
    pub(super) text: Arc<str>,
    pub(super) structure: String,
    pub(super) certificate_lists: Vec<(String, Arc<str>)>,
}

pub(super) fn render(desired: &Desired, settings: &Settings) -> Program {
    let mut text = format!(
        "# Written by gw; the next apply replaces it. HAProxy loads it by `-f <state>/current`.\n\
         global\n\
         \x20   default-path config\n\
         \x20   set-var proc.gw_structure str({DIGEST_PLACE})\n\
         \x20   server-state-file {}\n\n\
         {FRONTEND_PROFILE}{}",
        argument(&settings.server_state_file),
        rules(&desired.routing),
    );
    let mut certificate_lists: Vec<(String, Arc<str>)> = Vec::new();
    for (name, frontend) in &desired.frontends {
        render_frontend(&mut text, *name, frontend);
        if name.protocol == ListenerProtocol::Https {
            let lines: String =
                frontend.certificates.iter().map(|file| format!("{file}\n")).collect();
            certificate_lists.push((certificate_list(*name), lines.into()));
        }
    }
    render_keeper(&mut text);
    let lists = certificate_lists.iter().map(|(_, lines)| &**lines);
    let says = std::iter::once(text.as_str()).chain(lists).flat_map(meaning);
    let structure = Digest::of_parts(says).short();
    let text = text.replacen(DIGEST_PLACE, &structure, 1);
    Program { text: text.into(), structure, certificate_lists }
}

/// The file that lists the certificates of a frontend (HAProxy manual, `crt-list`).
fn certificate_list(name: FrontendName) -> String {
    format!("certs/{}.list", name.to_string().replace(':', "-"))
}

fn render_frontend(text: &mut String, name: FrontendName, frontend: &Frontend) {
    text.push('\n');
    for origin in &frontend.origins {
        text.push_str(&comment(&origin.to_string()));
        text.push('\n');
    }
    let mut bind = match name.address {
        None => format!("*:{}", name.port),
        Some(address) => std::net::SocketAddr::new(address, name.port).to_string(),
    };
    let proto = match name.protocol {
        ListenerProtocol::Http => "http",
        ListenerProtocol::Https => {
            let _ = write!(bind, " ssl crt-list {} alpn h2,http/1.1", certificate_list(name));
            "https"
        }
    };
    let _ = write!(
        text,
        "frontend {name} from profile:frontend\n\
         \x20   bind {bind}\n\
         \x20   http-request set-header X-Forwarded-Proto {proto}\n\
         \x20   use_backend %[var(txn.gw_to)]\n"
    );
}

/// The rules of all frontends, in their `defaults` section. Each step looks into one table and is skipped once a target is found.
///
/// `txn.gw_to` is the target: a backend, `split:…`, `method:…` or `status:500`. `set-var` leaves a
/// variable alone where the lookup finds nothing.
fn rules(routing: &Routing) -> String {
    let mut rules = Rules::default();
    rules.add("set-var(txn.gw_host) req.hdr(host),host_only,lower,rtrim(.)", "");
    // A slash in the host would let one host's key pass for another's path.
    rules.add("deny deny_status 400", "if { var(txn.gw_host) -m sub / }");
    rules.comment("The exact host, then the wildcards that cover it, most specific first.");
    rules.table("%[var(txn.gw_host)]", "");
    rules.add(&reversed_host(routing.host_labels), "unless { var(txn.gw_to) -m found }");
    rules.add(
        &format!(
            "set-var(txn.gw_tables) var(txn.gw_key),rtrim(.),concat(/),map_beg({})",
            MapName::Hosts.file()
        ),
        "unless { var(txn.gw_to) -m found }",
    );
    for depth in 1..=routing.wildcard_depth {
        rules.add(
            &format!("set-var(txn.gw_table) var(txn.gw_tables),field({depth},{TABLE_SEPARATOR})"),
            "unless { var(txn.gw_to) -m found }",
        );
        rules.table("%[var(txn.gw_table)]", "{ var(txn.gw_table) -m len gt 0 }");
    }
    rules.comment("A weighted split draws one of 10000 numbers; each share is a few prefixes.");
    rules.add(
        "set-var-fmt(txn.gw_key) %[var(txn.gw_to)]/%[rand(10000),add(10000)]",
        "if { var(txn.gw_to) -m beg split: }",
    );
    rules.add(
        &format!("set-var(txn.gw_to) var(txn.gw_key),map_beg({})", MapName::Splits.file()),
        "if { var(txn.gw_to) -m beg split: }",
    );
    let page = |status: u16, says: &str| {
        format!("return status {status} content-type text/plain string \"{says}\\n\"")
    };
    rules.add(&page(404, "404: no route matches"), "unless { var(txn.gw_to) -m found }");
    rules.add(
        &page(500, "500: the route names no backend that exists"),
        "if { var(txn.gw_to) -m str status:500 }",
    );
    rules.text
}

/// The action that reverses the last `labels` labels of the host, each with a dot behind.
fn reversed_host(labels: usize) -> String {
    let parts: String = (1..=labels)
        .map(|label| {
            let dot = if label == 1 { "" } else { "." };
            format!("{dot}%[var(txn.gw_host),field(-{label},.)]")
        })
        .collect();
    format!("set-var-fmt(txn.gw_key) %[fe_name]/{parts}")
}

/// Rules in the making.
#[derive(Default)]
struct Rules {
    text: String,
}

impl Rules {
    fn add(&mut self, action: &str, condition: &str) {
        let _ = write!(self.text, "    http-request {action}");
        if !condition.is_empty() {
            let _ = write!(self.text, " {condition}");
        }
        self.text.push('\n');
    }

    fn comment(&mut self, says: &str) {
        let _ = writeln!(self.text, "    # {says}");
    }

    /// Looks a path up in one table: exact, then by prefix, then by method where the path
    /// distinguishes methods.
    fn table(&mut self, host: &str, guard: &str) {
        let open = "!{ var(txn.gw_to) -m found }";
        let unless_found =
            if guard.is_empty() { format!("if {open}") } else { format!("if {open} {guard}") };
        let by_method = "if { var(txn.gw_to) -m beg method: }";
        let lookup = |matching: &str, map: MapName| {
            format!("set-var(txn.gw_to) var(txn.gw_key),{matching}({})", map.file())
        };
        let key = format!("set-var-fmt(txn.gw_key) %[fe_name]/{host}%[path]");
        self.add(&key, &unless_found);
        self.add(&lookup("map_str", MapName::Exact), &unless_found);
        self.add(&format!("{key}/"), &unless_found);
        self.add(&lookup("map_beg", MapName::Prefix), &unless_found);
        self.add("set-var-fmt(txn.gw_key) %[var(txn.gw_to)]/%[method]", by_method);
        self.add(&lookup("map_str", MapName::Methods), by_method);
        self.add("set-var-fmt(txn.gw_key) %[var(txn.gw_to)]/*", by_method);
        self.add(&lookup("map_str", MapName::Methods), by_method);
        self.add("unset-var(txn.gw_to)", by_method);
    }
}

/// The section that holds the notebook, and every map where no frontend does, so that each exists
/// in the process. Nothing is ever sent to it.
fn render_keeper(text: &mut String) {
    text.push_str(
        "\n# Keeps gw's maps in the process; no request comes here.\n\
         defaults profile:keeper\n\
         \x20   mode http\n\
         \x20   timeout connect 1s\n\
         \x20   timeout server 1s\n\
         \n\
         backend gw:keeper from profile:keeper\n",
    );
    let maps = MapName::ALL.map(|map| match map {
        MapName::Splits | MapName::Prefix | MapName::Hosts => ("map_beg", map.file()),
        MapName::Methods | MapName::Exact => ("map_str", map.file()),
    });
    for (matching, file) in maps.into_iter().chain([("map_str", NOTEBOOK), ("map_str", REVISION)]) {
        let _ =
            writeln!(text, "    http-request set-var(txn.gw_to) str(),{matching}({file}) if FALSE");
    }
}
