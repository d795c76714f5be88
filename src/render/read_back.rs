//! A generation read back: what HAProxy should run according to the files alone, without the
//! manifests that they came from.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use crate::{
    config::split,
    model::{
        Backend, BackendName, Certificate, Desired, Entry, Location, MapName, Origin, Profile,
        Routing, Server, ServerName, ServerState, Span,
    },
};

use super::PROFILES_FILE;

/// Reads the files of a generation that [`render`](super::render) wrote. Frontends and the manifests'
/// names of things are not in the result; lines that gw does not write are passed over.
pub fn read_back(files: &BTreeMap<String, Arc<str>>) -> Desired {
    let profiles = files.get(PROFILES_FILE).map(|text| profiles(text)).unwrap_or_default();
    let mut backends = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| is_shard(file)) {
        read_shard(file, text, &profiles, &mut backends);
    }
    let routing = Arc::new(routing(files));
    let certificates = certificates(files);
    Desired { routing, backends: Arc::new(backends), certificates, ..Desired::default() }
}

/// The certificates that frontends serve: those that a list names.
fn certificates(files: &BTreeMap<String, Arc<str>>) -> BTreeMap<String, Certificate> {
    let lists = files.iter().filter(|(file, _)| file.ends_with(".list"));
    let read = |file: &str| {
        let pem = files.get(file)?;
        let blocks = pem::parse_many(pem.as_bytes()).ok()?;
        let leaf = blocks.iter().find(|block| block.tag() == "CERTIFICATE")?;
        let at = Location { file: file.into(), span: Span::default() };
        Some(Certificate {
            origin: Origin { object: "certificate".into(), at },
            pem: Arc::clone(pem),
            fingerprint: Certificate::fingerprint_of(leaf.contents()),
        })
    };
    lists
        .flat_map(|(_, list)| list.lines())
        .filter_map(|file| Some((file.to_owned(), read(file)?)))
        .collect()
}

fn is_shard(file: &str) -> bool {
    file.starts_with("10-") && file.ends_with(".cfg")
}

fn routing(files: &BTreeMap<String, Arc<str>>) -> Routing {
    let mut routing = Routing::default();
    for map in MapName::ALL {
        let text = files.get(map.file()).map(|text| &**text).unwrap_or_default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, value)) = line.split_once(' ') {
                let entry = Entry { value: value.to_owned(), origin: None };
                routing.insert(map, key.to_owned(), entry);
            }
        }
    }
    routing
}

fn profiles(text: &str) -> BTreeMap<String, Arc<Profile>> {
    let mut profiles = BTreeMap::new();
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("defaults ") {
            sections.push((name, Vec::new()));
        } else if let (Some(directive), Some((_, lines))) =
            (line.strip_prefix("    "), sections.last_mut())
        {
            lines.push(directive);
        }
    }
    for (name, directives) in sections {
        let (mut lines, mut keywords) = (Vec::new(), Vec::new());
        for directive in directives {
            match directive.strip_prefix("default-server ") {
                Some(words) => keywords = split(words),
                None => lines.push(directive.to_owned()),
            }
        }
        let checked = keywords.iter().any(|word| word == "check");
        let cookie = lines
            .iter()
            .find_map(|line| line.strip_prefix("cookie ")?.split(' ').next())
            .map(str::to_owned);
        let profile = Profile::new(lines, keywords, checked, cookie);
        profiles.insert(name.to_owned(), Arc::new(profile));
    }
    profiles
}

fn read_shard(
    file: &str,
    text: &str,
    profiles: &BTreeMap<String, Arc<Profile>>,
    backends: &mut BTreeMap<BackendName, Arc<Backend>>,
) {
    let mut current: Option<(BackendName, Backend)> = None;
    let mut finish = |done: Option<(BackendName, Backend)>| {
        if let Some((name, backend)) = done {
            backends.insert(name, Arc::new(backend));
        }
    };
    for (index, line) in text.lines().enumerate() {
        if let Some(head) = line.strip_prefix("backend ") {
            finish(current.take());
            let line = u32::try_from(index + 1).unwrap_or_default();
            let span = Span { line, ..Span::default() };
            let at = Location { file: file.into(), span };
            current = head.split_once(" from ").and_then(|(name, profile)| {
                let name = BackendName::from_haproxy(name)?;
                let profile = Arc::clone(profiles.get(profile)?);
                let origin = Origin { object: format!("backend {name}").into(), at };
                Some((name, Backend { origin, profile, servers: BTreeMap::new() }))
            });
        } else if let (Some(words), Some((_, backend))) =
            (line.trim_start().strip_prefix("server "), &mut current)
        {
            backend.servers.extend(read_server(&split(words)));
        }
    }
    finish(current.take());
}

fn read_server(words: &[String]) -> Option<(ServerName, Server)> {
    let [name, address, rest @ ..] = words else { return None };
    let address: SocketAddr = address.parse().ok()?;
    let after = |keyword: &str| {
        let place = rest.iter().position(|word| word == keyword)?;
        rest.get(place + 1)
    };
    let server = Server {
        address: address.ip(),
        port: address.port(),
        weight: after("weight").and_then(|weight| weight.parse().ok()),
        maxconn: after("maxconn").and_then(|maxconn| maxconn.parse().ok()),
        backup: rest.iter().any(|word| word == "backup"),
        state: match rest.last().map(String::as_str) {
            Some("disabled") => Some(ServerState::Maintenance),
            Some("enabled") => Some(ServerState::Ready),
            Some(_) | None => None,
        },
    };
    Some((ServerName::from_haproxy(name)?, server))
}
