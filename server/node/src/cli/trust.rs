//! Whom a command believes to be the server, over TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::Connector;

use super::failure::Failure;

/// With a file, those whom one of its certificates vouches for; else those whom browsers believe.
pub fn connector(ca: Option<&Path>) -> Result<Connector, Failure> {
    let roots = match ca {
        Some(path) => of_file(path).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|why| Failure::Failed(format!("cannot speak TLS: {why}")))?;
    Ok(Connector::Rustls(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

fn of_file(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|why| format!("cannot be read as PEM: {why}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|why| format!("cannot be read as PEM: {why}"))?;
        roots.add(certificate).map_err(|why| format!("holds what is no certificate: {why}"))?;
    }
    if roots.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(roots) }
}
