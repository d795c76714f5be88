//! One POST.

use std::sync::Arc;

use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use url::{Host, Url};

use crate::settings::Target;

/// Why something was not delivered. None of them shows more of the URL than its host.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// No connection, or no TLS.
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    /// The request can't be written.
    #[error("no request can be made of its URL")]
    Request,
    /// The answer is no success.
    #[error("the answer is {0}")]
    Answer(StatusCode),
}

/// What sends.
pub(super) struct Poster {
    tls: Option<TlsConnector>,
}

impl Poster {
    /// Reads the authorities that the system trusts, where a target needs them.
    pub(super) fn new(targets: &[Target]) -> Self {
        let needs_tls = targets.iter().any(|target| target.url.scheme() == "https");
        Self { tls: needs_tls.then(connector) }
    }

    /// Posts a JSON document. Redirects are not followed.
    pub(super) async fn post(&self, url: &Url, body: &Bytes) -> Result<(), PostError> {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(PostError::Request),
        };
        let port = url.port_or_known_default().ok_or(PostError::Request)?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        let authority = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = Request::post(target)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("gw/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body.clone()))
            .map_err(|_| PostError::Request)?;
        match &self.tls {
            Some(tls) if url.scheme() == "https" => {
                let name = ServerName::try_from(host).map_err(|_| PostError::Request)?;
                exchange(tls.connect(name, stream).await?, request).await
            }
            _ => exchange(stream, request).await,
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(), PostError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = sender.send_request(request);
    tokio::pin!(answer, connection);
    // The connection moves what is sent and received, for as long as somebody drives it.
    let answer = tokio::select! {
        answer = &mut answer => answer?,
        ended = &mut connection => {
            ended?;
            answer.await?
        }
    };
    if answer.status().is_success() { Ok(()) } else { Err(PostError::Answer(answer.status())) }
}

/// Trusts whom the system trusts.
fn connector() -> TlsConnector {
    let found = rustls_native_certs::load_native_certs();
    for why in &found.errors {
        tracing::warn!(%why, "an authority of this system can't be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").finish_non_exhaustive()
    }
}
