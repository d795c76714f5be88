//! An HTTP proxy for `CONNECT`, which takes every host for the same server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{ports, runtime};

/// A running proxy. Stopped when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    listener: JoinHandle<()>,
}

impl Proxy {
    /// Leads all connections to a server.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let address = ports::free_address();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let socket = runtime::wait(TcpListener::bind(address)).expect("the port is free");
        let shared = Arc::clone(&asked);
        let listener = runtime::spawn(async move {
            // Dropped with this task, which ends the connections too.
            let mut connections = JoinSet::new();
            loop {
                let Ok((client, _)) = socket.accept().await else { continue };
                connections.spawn(relay(client, server, Arc::clone(&shared)));
            }
        });
        Self { address, asked, listener }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first line of each request so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn relay(client: TcpStream, server: SocketAddr, asked: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match client.read_line(&mut line).await {
            Ok(length) if length > 2 => lines.push(line.trim_end().to_owned()),
            Ok(2) => break,
            _ => return,
        }
    }
    asked.lock().unwrap().push(lines.swap_remove(0));
    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
    // A peer that leaves in the middle is no concern of the proxy's.
    let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
    let _ = copy_bidirectional(&mut client, &mut upstream).await;
}
