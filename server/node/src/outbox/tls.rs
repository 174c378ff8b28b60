//! A socket under TLS. What is encrypted and not yet taken by the kernel waits here, a few records at most, and counts as what waits in an outbox.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rustls::ServerConnection;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::socket::try_read;
use super::waiting::Waiting;

/// Plaintext that is encrypted before the kernel has taken what was encrypted before it.
const SEALED_BYTES_MAX: usize = 32 * 1024;

pub struct TlsSocket {
    tcp: TcpStream,
    tls: RefCell<ServerConnection>,
    /// Encrypted; None when all of it has gone.
    sealed: RefCell<Option<Box<Waiting>>>,
}

impl TlsSocket {
    /// After the handshake.
    pub fn new(stream: TlsStream<TcpStream>) -> Self {
        let (tcp, mut tls) = stream.into_inner();
        tls.set_buffer_limit(Some(SEALED_BYTES_MAX));
        TlsSocket { tcp, tls: RefCell::new(tls), sealed: RefCell::default() }
    }

    /// Takes some of the bytes. They may be encrypted and not gone: see [`TlsSocket::poll_flush`].
    pub fn try_write(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut taken = 0;
        while taken < wanted && self.try_flush()? {
            let mut rest = pieces.to_vec();
            let mut rest = &mut rest[..];
            IoSlice::advance_slices(&mut rest, taken);
            taken += self.tls.borrow_mut().writer().write_vectored(rest)?;
            self.seal();
        }
        self.try_flush()?;
        if taken == 0 && wanted > 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Some of what the peer has said; nothing is the peer's good-bye.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut tls = self.tls.borrow_mut();
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            tls.read_tls(&mut Tcp(&self.tcp))?;
            let processed = tls.process_new_packets();
            if tls.wants_write() {
                drop(tls);
                self.seal();
                self.try_flush()?;
                tls = self.tls.borrow_mut();
            }
            processed.map_err(|why| io::Error::new(ErrorKind::InvalidData, why))?;
        }
    }

    /// What [`TlsSocket::try_read`] left with the TLS layer is read before the socket is.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_read_ready(context)
    }

    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_write_ready(context)
    }

    /// Whether the kernel has all that was encrypted.
    pub fn is_flushed(&self) -> bool {
        self.sealed.borrow().is_none()
    }

    /// Ready when the kernel has all that was encrypted.
    pub fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.try_flush()? {
            ready!(self.tcp.poll_write_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will come. Who does not read it may not hear it.
    pub fn finish(self) -> TcpStream {
        self.tls.borrow_mut().send_close_notify();
        self.seal();
        if let Err(error) = self.try_flush() {
            tracing::trace!(%error, "a good-bye was not said");
        }
        self.tcp
    }

    /// Takes what is encrypted from the TLS layer, so that it is counted.
    fn seal(&self) {
        let mut out = Vec::new();
        let mut tls = self.tls.borrow_mut();
        while tls.wants_write() {
            tls.write_tls(&mut out).expect("a Vec takes all");
        }
        if !out.is_empty() {
            self.sealed.borrow_mut().get_or_insert_default().push_back(Bytes::from(out));
        }
    }

    /// Whether all of it is gone.
    fn try_flush(&self) -> io::Result<bool> {
        let mut sealed = self.sealed.borrow_mut();
        while let Some(waiting) = sealed.as_mut() {
            match self.tcp.try_write_vectored(&waiting.slices()) {
                Ok(written) if waiting.advance(written) => *sealed = None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Reads what is there, for the TLS layer.
struct Tcp<'a>(&'a TcpStream);

impl Read for Tcp<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        try_read(self.0, into)
    }
}
