//! One socket of the floor.

use crate::poller::{Interest, Poller};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;

/// What a connection may hold for a slow reader; frames beyond it are lost, whole.
const BACKLOG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Up to here a backlog grows as it likes.
const BACKLOG_BYTES_SMALL: usize = 256 * 1024;

/// A socket, with what came in part and what has not gone out.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: TcpStream,
    /// Whether the WebSocket is open.
    pub open: bool,
    /// Whether it came to the relay's door.
    pub relay: bool,
    /// The beginning of a frame whose end has not come.
    pub rest: Vec<u8>,
    /// The numbers of the objects it follows.
    pub objects: Vec<usize>,
    backlog: Vec<u8>,
    sent_bytes: usize,
}

impl Connection {
    /// A connection that has said nothing yet.
    pub fn new(stream: TcpStream) -> Self {
        let (rest, objects, backlog) = (Vec::new(), Vec::new(), Vec::new());
        Self { stream, open: false, relay: false, rest, objects, backlog, sent_bytes: 0 }
    }

    /// Sends whole frames with one `send`; what the socket does not take waits for room.
    /// A broken socket shows itself in the next read.
    pub fn send(&mut self, frames: &[u8], poller: &Poller, token: usize) {
        if frames.is_empty() {
            return;
        }
        if !self.backlog.is_empty() {
            self.hold(frames);
            return;
        }
        let sent = self.send_once(frames);
        if sent < frames.len() {
            self.backlog.extend_from_slice(&frames[sent..]);
            self.wait_for(poller, token, true);
        }
    }

    /// Sends on with what waits.
    pub fn flush(&mut self, poller: &Poller, token: usize) {
        if !self.backlog.is_empty() {
            self.sent_bytes += self.send_once(&self.backlog[self.sent_bytes..]);
        }
        if self.sent_bytes == self.backlog.len() {
            self.backlog = Vec::new();
            self.sent_bytes = 0;
            self.wait_for(poller, token, false);
        }
    }

    /// Space for all is taken as soon as a backlog is large: the kernel gives memory when it is touched, and growing
    /// by doubling would move the backlogs of all slow readers at the same moment, before everyone's eyes.
    fn hold(&mut self, frames: &[u8]) {
        let bytes = self.backlog.len() + frames.len();
        if bytes > BACKLOG_BYTES_MAX {
            return;
        }
        if bytes > BACKLOG_BYTES_SMALL {
            self.backlog.reserve_exact(BACKLOG_BYTES_MAX - self.backlog.len());
        }
        self.backlog.extend_from_slice(frames);
    }

    fn send_once(&self, bytes: &[u8]) -> usize {
        match (&self.stream).write(bytes) {
            Ok(sent) => sent,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(_) => bytes.len(),
        }
    }

    fn wait_for(&self, poller: &Poller, token: usize, write: bool) {
        poller
            .modify(&self.stream, token, Interest { read: true, write })
            .expect("an open socket stays in the poller until it is dropped");
    }
}
