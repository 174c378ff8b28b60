//! Certificates made for a test, and clients that believe them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::folder::TempFolder;

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Nothing that is waited for here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a certificate for localhost, and its key.
pub struct Certificates {
    folder: TempFolder,
    /// Of the pair that is in the folder now.
    pub der: CertificateDer<'static>,
}

impl Certificates {
    #[expect(clippy::new_without_default, reason = "it makes files")]
    pub fn new() -> Certificates {
        let folder = TempFolder::new("tls");
        let CertifiedKey { cert, signing_key } = made();
        let certificates = Certificates { folder, der: cert.der().clone() };
        certificates.put_key(&signing_key);
        certificates.put_chain(&cert.pem());
        certificates
    }

    /// Puts another pair in place of the one before, the key first.
    pub fn renew(&mut self) {
        let CertifiedKey { cert, signing_key } = made();
        self.der = cert.der().clone();
        self.put_key(&signing_key);
        self.put_chain(&cert.pem());
    }

    pub fn chain(&self) -> PathBuf {
        self.folder.join("chain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// For a server's configuration.
    pub fn config(&self) -> String {
        format!("[tls]\ncertificate = {:?}\nkey = {:?}\n", self.chain(), self.key())
    }

    /// For the server, whatever it may be.
    pub fn put_chain(&self, pem: &str) {
        std::fs::write(self.chain(), pem).expect("the temporary folder has room");
    }

    fn put_key(&self, key: &KeyPair) {
        std::fs::write(self.key(), key.serialize_pem()).expect("the temporary folder has room");
        self.set_key_mode(0o600);
    }

    pub fn set_key_mode(&self, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.key(), permissions).expect("the file is ours");
    }

    /// A client that trusts the pair of now alone; the handshake is done.
    pub fn connect(&self, address: SocketAddr) -> std::io::Result<Stream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a good certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("ring has them");
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a good configuration");
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
        let mut stream = StreamOwned::new(client, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// A request that closes the connection, and its whole answer.
    pub fn request(&self, address: SocketAddr, request: &str) -> String {
        let mut stream = self.connect(address).expect("the server has the certificate");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in text, and says good-bye");
        answer
    }
}

fn made() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
        .expect("ring makes keys")
}
