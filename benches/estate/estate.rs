//! The manifests of an estate: one file per service, each a Backend of ten servers and a Route of
//! its own host, in folders of a hundred.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// How many servers a backend has.
pub(crate) const SERVERS: usize = 10;

/// How many services share a folder.
const FOLDER: usize = 100;

/// The manifests, and which service has its servers where.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) root: PathBuf,
    pub(crate) size: usize,
    /// The ports of the origins among which services move.
    ports: [u16; 2],
    /// The place of each service: an index into `ports`.
    places: Vec<usize>,
}

impl Estate {
    /// Writes the manifests of `size` services, all in the first of two places.
    pub(crate) fn new(root: &Path, size: usize, listen: u16, ports: [u16; 2]) -> Self {
        let estate = Self { root: root.to_owned(), size, ports, places: vec![0; size] };
        fs::create_dir_all(root).expect("the bench's folder is writable");
        let gateway = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{ name: web }}\n\
             spec:\n  listeners:\n    - {{ name: http, protocol: HTTP, port: {listen} }}\n"
        );
        fs::write(root.join("gateway.yaml"), gateway).expect("the bench's folder is writable");
        for service in 0..size {
            estate.write(service);
        }
        estate
    }

    /// Moves all servers of some services to the other place.
    pub(crate) fn turn(&mut self, services: impl IntoIterator<Item = usize>) {
        for service in services {
            self.places[service] ^= 1;
            self.write(service);
        }
    }

    /// Where a service is: 0 or 1.
    pub(crate) fn place(&self, service: usize) -> usize {
        self.places[service]
    }

    /// The host name of a service.
    pub(crate) fn host(service: usize) -> String {
        format!("{}.example", Self::name(service))
    }

    /// The name of a service's backend.
    pub(crate) fn name(service: usize) -> String {
        format!("service-{service:05}")
    }

    /// The address of one server in a place. Every server has one of its own in 127.0.0.0/8, where
    /// the origin of the place listens on all.
    pub(crate) fn address(&self, service: usize, server: usize, place: usize) -> SocketAddr {
        let number = u32::try_from(service * SERVERS + server).expect("an estate is finite");
        // From 127.1.0.0 on.
        let ip = Ipv4Addr::from_bits(0x7f01_0000 + number);
        SocketAddr::from((ip, self.ports[place]))
    }

    fn write(&self, service: usize) {
        let name = Self::name(service);
        let mut text = format!(
            "apiVersion: gw/v1\nkind: Backend\nmetadata:\n  name: {name}\nspec:\n  \
             timeouts:\n    server: 30s\n  servers:\n"
        );
        for server in 0..SERVERS {
            let address = self.address(service, server, self.places[service]);
            let (ip, port) = (address.ip(), address.port());
            let _ = writeln!(text, "    - {{ name: s{server}, address: {ip}, port: {port} }}");
        }
        let host = Self::host(service);
        let _ = write!(
            text,
            "---\napiVersion: gw/v1\nkind: Route\nmetadata:\n  name: {name}\nspec:\n  \
             hosts: [{host}]\n  backend: {name}\n"
        );
        let folder = self.root.join(format!("{:03}", service / FOLDER));
        fs::create_dir_all(&folder).expect("the bench's folder is writable");
        fs::write(folder.join(format!("{name}.yaml")), text).expect("the folder is writable");
    }

    /// Reads all manifests, as any tool must, and returns how many bytes they have.
    pub(crate) fn read(&self) -> usize {
        let mut open = vec![self.root.clone()];
        let mut bytes = 0;
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).expect("the manifests are there") {
                let entry = entry.expect("the manifests are there");
                if entry.file_type().expect("the manifests are there").is_dir() {
                    open.push(entry.path());
                } else {
                    bytes += fs::read(entry.path()).expect("the manifests are there").len();
                }
            }
        }
        bytes
    }
}
