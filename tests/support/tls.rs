//! A throw-away certificate authority, certificates from it, and the TLS settings on top.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What a peer that prefers HTTP/2 offers.
pub(crate) const H2_FIRST: &[&str] = &["h2", "http/1.1"];

/// Nothing but HTTP/1.1.
pub(crate) const HTTP1_ONLY: &[&str] = &["http/1.1"];

/// A certificate authority that lives as long as the test, with its files in a folder.
pub(crate) struct Authority {
    /// Its certificate as PEM, for `ca-file`.
    pub(crate) file: PathBuf,
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority and writes `ca.pem` into `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "gw tests");
        let key = KeyPair::generate().expect("ring makes keys");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        let file = folder.join("ca.pem");
        fs::write(&file, issuer.pem()).expect("the test's folder is writable");
        Self { file, folder: folder.to_owned(), issuer }
    }

    /// Issues a certificate for `hosts` and writes it as `<name>.crt`, `<name>.key`, and both
    /// together as `<name>.pem`.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let common_name = hosts.first().expect("a certificate is for some host").clone();
        let mut params = CertificateParams::new(hosts).expect("the host names are valid");
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are valid");

        let write = |ending: &str, text: String| {
            let path = self.folder.join(format!("{name}.{ending}"));
            fs::write(&path, text).expect("the test's folder is writable");
            path
        };
        Identity {
            bundle: write("pem", certificate.pem() + &key.serialize_pem()),
            certificate: write("crt", certificate.pem()),
            key: write("key", key.serialize_pem()),
            chain: vec![certificate.der().clone()],
            secret: PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8 as written"),
        }
    }

    /// The settings of a client that trusts this authority and offers `alpn`.
    pub(crate) fn client(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a certificate of our own");
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols(alpn);
        Arc::new(config)
    }
}

/// A certificate with its key.
pub(crate) struct Identity {
    /// Certificate and key in one file, as HAProxy's `crt` reads it.
    pub(crate) bundle: PathBuf,
    /// The certificate alone.
    pub(crate) certificate: PathBuf,
    /// The key alone.
    pub(crate) key: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    secret: PrivateKeyDer<'static>,
}

impl Identity {
    /// The settings of a server that shows this certificate and accepts `alpn`.
    pub(crate) fn server(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.secret.clone_key())
            .expect("the key belongs to the certificate");
        config.alpn_protocols = protocols(alpn);
        Arc::new(config)
    }
}

fn protocols(alpn: &[&str]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
}
