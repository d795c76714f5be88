//! Where a gw that follows answers HTTP.

use std::{io, net::SocketAddr, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::{report::doctor::Check, settings::Settings};

const ID: &str = "http";
/// How long whoever is there may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Where gw says who it is.
const STATUS: &str = "/v1/status";

/// Who has the address.
enum Listener {
    Nobody,
    /// A gw, by what its status is like.
    Gw,
    Other,
}

/// Whether the address is free, or ours. Nothing is bound: a gw that starts meanwhile finds it free.
pub(super) async fn checks(settings: &Settings) -> Vec<Check> {
    vec![match settings.http {
        None => Check::not_checked(ID, "off"),
        Some(address) => judge(address, &look(address).await),
    }]
}

async fn look(address: SocketAddr) -> Listener {
    // Who listens at all addresses is reached at that of this machine.
    let reached = match address {
        SocketAddr::V4(all) if all.ip().is_unspecified() => ([127, 0, 0, 1], all.port()).into(),
        SocketAddr::V6(all) if all.ip().is_unspecified() => {
            (std::net::Ipv6Addr::LOCALHOST, all.port()).into()
        }
        one => one,
    };
    match timeout(PATIENCE, TcpStream::connect(reached)).await {
        Ok(Ok(stream)) => match timeout(PATIENCE, ask(stream, reached)).await {
            Ok(Ok(true)) => Listener::Gw,
            Ok(Ok(false) | Err(_)) | Err(_) => Listener::Other,
        },
        Ok(Err(_)) | Err(_) => Listener::Nobody,
    }
}

/// Whether what answers is a gw.
async fn ask(stream: TcpStream, address: SocketAddr) -> io::Result<bool> {
    let failed = io::Error::other::<hyper::Error>;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = Request::get(STATUS)
        .header(HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    // It moves what is sent and received, and ends with its connection.
    let driver = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let body = answer.into_body().collect().await.map_err(failed)?.to_bytes();
        let document: serde_json::Value = serde_json::from_slice(&body)?;
        Ok(document.get("conditions").is_some() && document.get("haproxy").is_some())
    }
    .await;
    driver.abort();
    answer
}

fn judge(address: SocketAddr, listener: &Listener) -> Check {
    match listener {
        Listener::Nobody => Check::ok(ID, format!("{address} is free")),
        Listener::Gw => Check::ok(ID, format!("a gw that follows answers at {address}")),
        Listener::Other => Check::failed(
            ID,
            format!("another program has {address}"),
            format!(
                "see who: ss -ltnp 'sport = :{}'; or name another address by --http or `http`, or `off`",
                address.port()
            ),
        ),
    }
}
