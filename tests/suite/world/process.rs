//! A HAProxy process as far as the planner can see one: what it reports, and what commands change
//! of that.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use gw::{
    apply::carry_over,
    haproxy::{
        Command, Version,
        reply::servers::{self, OpState},
    },
    model::{
        Live, LiveEntry, LiveServer, MapName, NOTEBOOK, Note, REVISION, Server, ServerNote, notes,
    },
    plan::{Instruction, Plan},
};
use sha1::{Digest as _, Sha1};

use super::Wanted;

/// A worker process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// What it would report.
    pub(crate) live: Live,
    version: Version,
    /// Certificates that were set and not committed yet, by file name.
    transactions: BTreeMap<String, String>,
    /// The last reference that a map's entry was given.
    reference: u64,
}

impl Process {
    /// A process that has loaded nothing of gw's.
    pub(crate) fn foreign(version: Version) -> Self {
        let mut live = Live::default();
        live.process.version = version.to_string();
        Self { live, version, transactions: BTreeMap::new(), reference: 0xa0 }
    }

    /// A process that was just started on the files of `wanted`.
    pub(crate) fn started(wanted: &Wanted, version: Version) -> Self {
        let mut process = Self::foreign(version);
        let (live, desired) = (&mut process.live, &wanted.desired);
        live.structure = Some(wanted.rendered.structure.clone());
        live.notes = notes(desired);
        live.notes.insert(Note::Revision, wanted.revision.to_owned());
        live.maps = MapName::ALL
            .map(|map| {
                let entry = |value: &String| LiveEntry { value: value.clone(), duplicates: vec![] };
                let table = desired.routing.table(map).iter();
                (map, table.map(|(key, value)| (key.clone(), entry(&value.value))).collect())
            })
            .into();
        for (name, backend) in &*desired.backends {
            let servers = backend.servers.iter();
            let servers = servers
                .map(|(name, server)| (name.to_string(), loaded(server, backend.profile.checked)));
            live.backends.insert(name.to_string(), servers.collect());
        }
        live.certificates = desired
            .certificates
            .iter()
            .map(|(file, certificate)| (file.clone(), certificate.fingerprint.clone()))
            .collect();
        process
    }

    /// Carries a plan out, as `apply` does when nothing goes wrong.
    pub(crate) fn carry_out(&mut self, plan: &Plan, wanted: &Wanted) {
        if plan.reload {
            *self = self.reloaded(plan, wanted);
            return;
        }
        let made = plan.steps.iter().map(|step| &step.make);
        let switched = plan.switch_order.iter().map(|&index| &plan.steps[index].switch);
        let finished = plan.steps.iter().map(|step| &step.finish);
        for instruction in made.chain(switched).chain(finished).flatten() {
            if let Instruction::AwaitUp { backend, servers } = instruction {
                for awaited in servers {
                    let server = self.server(&format!("{backend}/{}", awaited.server));
                    (server.up, server.check_passed) = (true, true);
                }
            }
            instruction.commands().into_iter().for_each(|command| self.send(command));
        }
        plan.closing.iter().for_each(|command| self.send(command));
    }

    /// The worker after a reload, with the server states that gw carries over.
    fn reloaded(&self, plan: &Plan, wanted: &Wanted) -> Self {
        let adding: BTreeSet<String> = self
            .live
            .notes
            .iter()
            .filter(|(_, value)| *value == ServerNote::Adding.as_str())
            .map(|(note, _)| note.to_string().trim_start_matches("server/").to_owned())
            .collect();
        let states = carry_over(&self.states(), &wanted.desired, &plan.held, &adding);
        let mut next = Self::started(wanted, self.version);
        let file = format!("1\n{states}");
        for row in servers::parse(&file).expect("the file is a good reply") {
            let servers = next.live.backends.get_mut(row.backend);
            let Some(server) = servers.and_then(|b| b.get_mut(row.name)) else { continue };
            server.maintenance |= row.admin.forced_maint();
            server.draining = row.admin.forced_drain();
            server.up = row.op_state != OpState::Stopped;
            if row.initial_weight == server.initial_weight {
                server.weight = row.weight;
            }
        }
        next
    }

    /// The reply to `show servers state`.
    fn states(&self) -> String {
        let mut text = String::from(
            "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
             srv_iweight srv_time_since_last_change srv_check_status srv_check_result \
             srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id \
             srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr \
             srv_agent_port\n",
        );
        for (backend, servers) in &self.live.backends {
            for (name, server) in servers {
                let address = server.address.map_or("-".to_owned(), |ip| ip.to_string());
                let admin = u32::from(server.maintenance)
                    | u32::from(server.disabled_in_file) << 2
                    | u32::from(server.draining) << 3;
                let (weight, initial, port) = (server.weight, server.initial_weight, server.port);
                let up = u8::from(server.up) * 2;
                let _ = writeln!(
                    text,
                    "3 {backend} 1 {name} {address} {up} {admin} {weight} {initial} 1 15 3 4 6 0 0 \
                     0 - {port} - 0 0 - - 0"
                );
            }
        }
        text
    }

    fn server(&mut self, name: &str) -> &mut LiveServer {
        let (backend, server) = name.split_once('/').expect("backend/server");
        let servers = self.live.backends.get_mut(backend);
        servers.and_then(|servers| servers.get_mut(server)).unwrap_or_else(|| panic!("no {name}"))
    }

    fn send(&mut self, command: &Command) {
        let mut bytes = Vec::new();
        command.encode("", &mut bytes);
        self.obey(&String::from_utf8(bytes).expect("commands are UTF-8"));
    }

    /// Does what a command says. Panics where HAProxy would refuse it.
    pub(crate) fn obey(&mut self, command: &str) {
        let (line, payload) = command.split_once('\n').unwrap_or((command, ""));
        let line = line.replace("\\;", ";").replace("\\<", "<").replace("\\\\", "\\");
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            [verb @ ("add" | "set" | "del"), "map", map, key, value @ ..] => {
                self.change_map(verb, map, key, value);
            }
            ["set", "maxconn", "server", name, limit] => {
                self.server(name).maxconn = Some(number(limit)).filter(|limit| *limit > 0);
            }
            ["set", "server", name, "weight", weight] => self.server(name).weight = number(weight),
            ["set", "server", name, "addr", address, "port", port] => {
                let server = self.server(name);
                server.address = Some(address.parse().expect("an address"));
                server.port = number(port);
            }
            ["set", "server", name, "state", state] => {
                let server = self.server(name);
                server.maintenance = *state == "maint" || *state == "drain" && server.maintenance;
                server.draining = *state == "drain" || *state == "maint" && server.draining;
            }
            ["enable", "server", name] => self.server(name).maintenance = false,
            ["enable", "health", name] => {
                let server = self.server(name);
                // A second time starts the checks of 3.4 twice.
                assert!(server.checked && !server.check_enabled, "{line}");
                server.check_enabled = true;
            }
            ["add", "server", name, address, words @ ..] => self.add_server(name, address, words),
            ["del", "server", name] => {
                assert!(self.server(name).maintenance, "{line}: it is in service");
                let (backend, server) = name.split_once('/').expect("backend/server");
                self.live.backends.get_mut(backend).map(|servers| servers.remove(server));
            }
            ["add", "backend", name, "from", _] => {
                let old = self.live.backends.insert((*name).to_owned(), BTreeMap::new());
                assert!(old.is_none() && self.version >= Version::V3_4, "{line}");
            }
            ["publish" | "unpublish", "backend", name] => {
                assert!(self.live.backends.contains_key(*name), "{line}");
            }
            ["del", "backend", name] => {
                let old = self.live.backends.remove(*name);
                assert!(old.is_some_and(|servers| servers.is_empty()), "{line}: it has servers");
            }
            ["set", "ssl", "cert", file, "<<"] => {
                let blocks = pem::parse_many(payload).expect("a PEM text");
                let leaf = Sha1::digest(blocks[0].contents());
                let bytes: Vec<String> = leaf.iter().map(|byte| format!("{byte:02X}")).collect();
                self.transactions.insert((*file).to_owned(), bytes.concat());
            }
            ["commit", "ssl", "cert", file] => {
                let fingerprint = self.transactions.remove(*file).expect("a transaction");
                self.live.certificates.insert((*file).to_owned(), fingerprint);
            }
            _ => panic!("no HAProxy knows `{line}`"),
        }
    }

    fn add_server(&mut self, name: &str, address: &str, words: &[&str]) {
        let (backend, server) = name.split_once('/').expect("backend/server");
        let after = |word| words.iter().skip_while(|other| **other != word).nth(1);
        let refused = words.contains(&"init-state") && self.version < Version::V3_2
            || words.contains(&"cookie") && self.version < Version::V2_8;
        assert!(!refused, "{name}: {words:?}");
        let address: std::net::SocketAddr = address.parse().expect("an address");
        let weight = after("weight").map_or(1, |weight| number(weight));
        let made = LiveServer {
            address: Some(address.ip()),
            port: address.port(),
            weight,
            initial_weight: weight,
            maxconn: after("maxconn").map(|limit| number(limit)),
            backup: words.contains(&"backup"),
            maintenance: true,
            disabled_in_file: false,
            draining: false,
            up: false,
            check_passed: false,
            checked: words.contains(&"check"),
            check_enabled: false,
        };
        let servers = self.live.backends.get_mut(backend).expect("the backend is there");
        assert!(servers.insert(server.to_owned(), made).is_none(), "{name} is there already");
    }

    fn change_map(&mut self, verb: &str, map: &str, key: &str, value: &[&str]) {
        if map == NOTEBOOK || map == REVISION {
            let note: Note = key.parse().unwrap_or_else(|()| panic!("{key} is no note"));
            assert_eq!(note.map(), map, "{key} is in the wrong map");
            let was = match value {
                [value] => self.live.notes.insert(note, (*value).to_owned()),
                _ => self.live.notes.remove(&note),
            };
            assert_eq!(was.is_none(), verb == "add", "{verb} {map} {key}");
            return;
        }
        let map = MapName::ALL.into_iter().find(|name| name.file() == map).expect("a map");
        let table = self.live.maps.entry(map).or_default();
        let reference = key.strip_prefix("#0x").map(|hex| u64::from_str_radix(hex, 16));
        match (verb, table.get_mut(key), value) {
            ("add", Some(first), [_]) => {
                self.reference += 1;
                first.duplicates.push(self.reference);
            }
            ("add", None, [value]) => {
                let entry = LiveEntry { value: (*value).to_owned(), duplicates: Vec::new() };
                table.insert(key.to_owned(), entry);
            }
            ("set", Some(first), [value]) => (*value).clone_into(&mut first.value),
            ("del", None, []) if reference.is_some() => {
                let reference = reference.and_then(Result::ok).expect("a number");
                for entry in table.values_mut() {
                    entry.duplicates.retain(|other| *other != reference);
                }
            }
            ("del", Some(first), []) => {
                // 3.4 removes one entry, the others all of the key.
                if self.version < Version::V3_4 || first.duplicates.pop().is_none() {
                    table.remove(key);
                }
            }
            // `Key not found.`: another command was enough.
            ("del", None, []) => {}
            _ => panic!("{verb} {map:?} {key} {value:?}"),
        }
    }
}

/// A server as a start from files makes it.
fn loaded(server: &Server, checked: bool) -> LiveServer {
    LiveServer {
        address: Some(server.address),
        port: server.port,
        weight: server.effective_weight(),
        initial_weight: server.effective_weight(),
        maxconn: server.maxconn,
        backup: server.backup,
        maintenance: server.in_maintenance(),
        disabled_in_file: server.in_maintenance(),
        draining: false,
        up: true,
        check_passed: checked,
        checked,
        check_enabled: checked,
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}
