//! Free ports that stay free until they are used.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel takes the local ports of outgoing connections (32768 and
/// up): a port of ours is never lost to a client, not even while its origin is stopped.
const LOWEST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// Where the next search starts.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The locks by which other processes (suites run side by side) know that a port is taken. Held
/// until this process ends.
static LOCKS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port that nobody listens on, on any address, and that no other call hands out, in whatever
/// process.
pub(crate) fn free_port() -> u16 {
    // A start of its own for each process, so that suites side by side rarely meet.
    let start = std::process::id().wrapping_mul(2_654_435_761) % COUNT;
    for _ in 0..COUNT {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(LOWEST + offset).expect("the range ends below 65536");
        if reserve(port) {
            return port;
        }
    }
    panic!("no free port between {LOWEST} and {}", LOWEST + COUNT);
}

/// A free port at 127.0.0.1.
pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// Takes the lock of `port`; refused where somebody else has it or listens there.
fn reserve(port: u16) -> bool {
    let folder = std::env::temp_dir().join("gw-test-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let Ok(lock) = File::create(folder.join(port.to_string())) else { return false };
    if lock.try_lock().is_err() || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_err() {
        return false;
    }
    LOCKS.lock().expect("no holder panics").push(lock);
    true
}
