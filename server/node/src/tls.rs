//! The server's certificate: its chain and its key, read again when their files change. A pair that is no good leaves the one before it in force.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{InconsistentKeys, ServerConfig};

/// What others may not do with a key: read or write it, nor may the group write it.
const KEY_MODE_REFUSED: u32 = 0o027;

/// Where the pair lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// PEM: the server's own certificate first, then those between it and the root.
    pub certificate: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// One per server.
pub struct Tls {
    files: Files,
    pair: Arc<Pair>,
    /// What the files were when they were read last, good or not.
    seen: Mutex<Seen>,
    config: Arc<ServerConfig>,
}

/// The pair in force, for each handshake.
#[derive(Debug)]
struct Pair(RwLock<Arc<CertifiedKey>>);

/// Inode, size and time of change tell one state of a file from another.
type Seen = [Option<(u64, u64, i64, i64)>; 2];

impl Files {
    /// A good pair, or why it is none.
    pub fn read(&self) -> Result<CertifiedKey, String> {
        let Files { certificate, key } = self;
        check_mode(key)?;
        let refused = |path: &Path, why: String| format!("{}: {why}", path.display());
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(certificate).and_then(|certificates| certificates.collect());
        let chain = chain.map_err(|why| refused(certificate, format!("cannot be read as PEM: {why}")))?;
        if chain.is_empty() {
            return Err(refused(certificate, "holds no certificate".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|why| refused(key, format!("cannot be read as a key in PEM: {why}")))?;
        let signer = ring::sign::any_supported_type(&private)
            .map_err(|why| refused(key, format!("is no key that can be used: {why}")))?;
        let pair = CertifiedKey::new(chain, signer);
        match pair.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
            Err(_) => Err(refused(key, format!("is not the key of {}", certificate.display()))),
        }
    }

    fn seen(&self) -> Seen {
        [&self.certificate, &self.key].map(|path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
        })
    }
}

impl Tls {
    pub fn new(files: Files) -> io::Result<Tls> {
        let seen = Mutex::new(files.seen());
        let pair = Arc::new(Pair(RwLock::new(Arc::new(files.read().map_err(io::Error::other)?))));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]).map_err(io::Error::other)?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(pair.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { files, pair, seen, config: Arc::new(config) })
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Reads the files again if they have changed, or because someone says so. Connections that live are not touched.
    pub fn refresh(&self, is_asked: bool) {
        let now = self.files.seen();
        let before = std::mem::replace(&mut *self.seen.lock().expect("nothing panics while it is held"), now);
        if before == now && !is_asked {
            return;
        }
        match self.files.read() {
            Ok(pair) => {
                *self.pair.0.write().expect("nothing panics while it is held") = Arc::new(pair);
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was read again");
            }
            Err(why) => tracing::warn!(%why, "the new certificate is not taken; the one before it stays"),
        }
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().ok().map(|pair| pair.clone())
    }
}

fn check_mode(key: &Path) -> Result<(), String> {
    let metadata =
        std::fs::metadata(key).map_err(|why| format!("{}: cannot be read: {why}", key.display()))?;
    match metadata.permissions().mode() & KEY_MODE_REFUSED {
        0 => Ok(()),
        _ => Err(format!("{}: others may read it, or change it; chmod 600 it", key.display())),
    }
}
