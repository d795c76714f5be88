//! The state of servers over a reload.
//!
//! HAProxy loads a file of `show servers state` lines at its start and lets it win over the
//! configuration, addresses included. So gw writes the file itself, right before it reloads: what a
//! check or an operator's hand set comes from the live state, what Git owns from the manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    diff::{Held, HeldState},
    model::{Backend, Desired, Profile, Server, ServerName},
};

/// `srv_admin_state` of a server in maintenance by hand (management guide, `show servers state`).
const FORCED_MAINTENANCE: u32 = 0x01;
/// `srv_admin_state` of a server that drains by hand.
const FORCED_DRAIN: u32 = 0x08;
/// `srv_check_status` of a server that has not been checked yet. Never 0: at the first check of a
/// server that was loaded with 0, the worker dies of a segmentation fault (seen on 2.8 to 3.4).
const CHECK_INITIALIZING: &str = "1";
/// `srv_op_state` of a server that takes requests.
const RUNNING: &str = "2";
/// `srv_op_state` of a server that is down.
const STOPPED: &str = "0";
/// Format 1 has so many columns on all versions.
const COLUMNS: usize = 25;

/// Turns the reply of `show servers state` into the file for the next worker, without its first
/// line. `adding` are the servers, as `backend/server`, that wait for their first good check.
pub fn carry_over(
    reply: &str,
    desired: &Desired,
    held: &[Held],
    adding: &BTreeSet<String>,
) -> String {
    let mut file = String::new();
    let mut lines = reply.lines().filter(|line| !line.is_empty());
    // The format's version, which stands in the file already.
    let Some(_) = lines.next() else { return file };
    let Some(header) = lines.next() else { return file };
    let _ = writeln!(file, "{header}");
    let columns: Vec<&str> = header.trim_start_matches('#').split_whitespace().collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let Some(places) = Places::find(column) else { return file };
    let mut holds: BTreeMap<(&str, &str), Vec<HeldState>> = BTreeMap::new();
    for held in held {
        holds.entry((held.backend.as_str(), held.server.as_str())).or_default().push(held.state);
    }
    let rows = lines.map(|line| (line, line.split(' ').map(str::to_owned).collect::<Vec<_>>()));
    let rows: Vec<_> = rows.filter(|(_, fields)| fields.len() >= columns.len()).collect();
    let takes_none = |hold: &HeldState| matches!(hold, HeldState::Maintenance | HeldState::Drain);
    let is_off = |backend: &str, server: &str| {
        holds.get(&(backend, server)).is_some_and(|holds| holds.iter().any(takes_none))
    };
    let served: BTreeSet<&str> = rows
        .iter()
        .map(|(_, fields)| (&*fields[places.backend], &*fields[places.server], fields))
        .filter(|(backend, server, fields)| {
            let settings = desired.backends.get(*backend);
            settings.is_some_and(|settings| settings.servers.contains_key(*server))
                && fields[places.operation] != STOPPED
                && !adding.contains(&format!("{backend}/{server}"))
                && !is_off(backend, server)
        })
        .map(|(backend, _, _)| backend)
        .collect();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (line, fields) in &rows {
        let mut fields = fields.clone();
        let (backend, server) = (fields[places.backend].clone(), fields[places.server].clone());
        let Some(settings) = desired.backends.get(backend.as_str()) else {
            // A section written by hand: its owner decides whether it loads this.
            let _ = writeln!(file, "{line}");
            continue;
        };
        let Some(wanted) = settings.servers.get(server.as_str()) else { continue };
        let full = format!("{backend}/{server}");
        let is_unseen = settings.profile.checked && adding.contains(&full);
        if is_unseen && !served.contains(&*backend) && !is_off(&backend, &server) {
            // It begins as any server of a new backend does.
            continue;
        }
        let holds = holds.get(&(backend.as_str(), server.as_str()));
        let holds = holds.map_or(&[][..], Vec::as_slice);
        places.rewrite(&mut fields, wanted, &settings.profile, holds);
        if is_unseen {
            places.mark_unseen(&mut fields);
        }
        seen.insert(full);
        let _ = writeln!(file, "{}", fields.join(" "));
    }
    let others = desired.backends.iter().filter(|(name, _)| served.contains(name.as_str()));
    for (name, backend) in others {
        add_newcomers(&mut file, name.as_str(), backend, &places, &seen, columns.len());
    }
    file
}

/// Lines for servers that the live process does not have yet: they count as down until their first
/// good check. Only where another server of the backend takes requests: better one that may be dead
/// than none.
fn add_newcomers(
    file: &mut String,
    name: &str,
    backend: &Backend,
    places: &Places,
    seen: &BTreeSet<String>,
    columns: usize,
) {
    let is_new = |server: &ServerName| !seen.contains(&format!("{name}/{server}"));
    if !backend.profile.checked || columns != COLUMNS {
        return;
    }
    for (server, wanted) in backend.servers.iter().filter(|(server, _)| is_new(server)) {
        let mut fields = vec!["0".to_owned(); columns];
        for place in places.texts {
            "-".clone_into(&mut fields[place]);
        }
        name.clone_into(&mut fields[places.backend]);
        fields[places.server] = server.to_string();
        places.rewrite(&mut fields, wanted, &backend.profile, &[]);
        places.mark_unseen(&mut fields);
        let _ = writeln!(file, "{}", fields.join(" "));
    }
}

/// Where the columns are that gw writes.
struct Places {
    backend: usize,
    server: usize,
    address: usize,
    port: usize,
    operation: usize,
    admin: usize,
    weight: usize,
    initial_weight: usize,
    check_status: usize,
    check_result: usize,
    check_health: usize,
    check_state: usize,
    check_port: usize,
    use_ssl: usize,
    /// Columns that hold a text, `-` where there is none.
    texts: [usize; 4],
}

impl Places {
    fn find(column: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        Some(Self {
            backend: column("be_name")?,
            server: column("srv_name")?,
            address: column("srv_addr")?,
            port: column("srv_port")?,
            operation: column("srv_op_state")?,
            admin: column("srv_admin_state")?,
            weight: column("srv_uweight")?,
            initial_weight: column("srv_iweight")?,
            check_status: column("srv_check_status")?,
            check_result: column("srv_check_result")?,
            check_health: column("srv_check_health")?,
            check_state: column("srv_check_state")?,
            check_port: column("srv_check_port")?,
            use_ssl: column("srv_use_ssl")?,
            texts: [
                column("srv_fqdn")?,
                column("srvrecord")?,
                column("srv_check_addr")?,
                column("srv_agent_addr")?,
            ],
        })
    }

    /// Puts in what Git owns, and what is held.
    fn rewrite(
        &self,
        fields: &mut [String],
        wanted: &Server,
        profile: &Profile,
        holds: &[HeldState],
    ) {
        let weight = wanted.effective_weight();
        let (mut admin, mut current) = (0, weight);
        for hold in holds {
            match hold {
                HeldState::Maintenance => admin |= FORCED_MAINTENANCE,
                HeldState::Drain => admin |= FORCED_DRAIN,
                HeldState::Weight { to, .. } if profile.balance.takes_weight(*to, weight) => {
                    current = *to;
                }
                HeldState::Weight { .. } => {}
            }
        }
        fields[self.address] = wanted.address.to_string();
        fields[self.port] = wanted.port.to_string();
        fields[self.admin] = admin.to_string();
        fields[self.weight] = current.to_string();
        // HAProxy takes the weight of the file only where the initial one is the configuration's.
        fields[self.initial_weight] = weight.to_string();
        self.rewrite_shared(fields, profile);
    }

    /// Puts in what the settings of the backend decide: HAProxy would take the old ones over.
    fn rewrite_shared(&self, fields: &mut [String], profile: &Profile) {
        let words = &profile.server_keywords;
        let has = |keyword: &str| words.iter().any(|word| word == keyword);
        let after = |keyword: &str| {
            let place = words.iter().position(|word| word == keyword)?;
            words.get(place + 1).cloned()
        };
        fields[self.use_ssl] = u8::from(has("ssl")).to_string();
        fields[self.check_port] = after("port").unwrap_or_else(|| "0".to_owned());
        if profile.checked {
            if fields[self.check_status] == "0" {
                CHECK_INITIALIZING.clone_into(&mut fields[self.check_status]);
            }
        } else {
            // Nothing would ever find out that it is up again.
            RUNNING.clone_into(&mut fields[self.operation]);
        }
    }

    /// Makes a server count as down until its next good check.
    fn mark_unseen(&self, fields: &mut [String]) {
        for place in [self.operation, self.check_result, self.check_health] {
            "0".clone_into(&mut fields[place]);
        }
        CHECK_INITIALIZING.clone_into(&mut fields[self.check_status]);
        // Configured and enabled (include/haproxy/check-t.h, CHK_ST_*).
        "6".clone_into(&mut fields[self.check_state]);
    }
}

#[cfg(test)]
mod tests;
