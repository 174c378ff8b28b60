//! One large read buffer for all sockets of a thread. A socket at rest holds nothing but its cut-off last frame.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

const BUFFER_BYTES: usize = 256 * 1024;

/// What a read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// This many bytes lie at the beginning of the buffer, those kept from before among them.
    Bytes(usize),
    /// Nothing new.
    Nothing,
    /// The other end has closed, or the connection broke.
    Closed,
}

/// The shared buffer.
#[derive(Debug)]
pub struct ReceiveBuffer {
    bytes: Vec<u8>,
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self { bytes: vec![0; BUFFER_BYTES] }
    }
}

impl ReceiveBuffer {
    /// Puts `rest` first and reads once behind it.
    pub fn read(&mut self, mut stream: &TcpStream, rest: &[u8]) -> Received {
        let kept = rest.len();
        if self.bytes.len() < kept + BUFFER_BYTES / 2 {
            self.bytes.resize(kept + BUFFER_BYTES, 0);
        }
        self.bytes[..kept].copy_from_slice(rest);
        match stream.read(&mut self.bytes[kept..]) {
            Ok(0) => Received::Closed,
            Ok(read) => Received::Bytes(kept + read),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Received::Nothing
            }
            Err(_) => Received::Closed,
        }
    }

    /// The first `len` bytes.
    pub fn filled(&mut self, len: usize) -> &mut [u8] {
        &mut self.bytes[..len]
    }
}
