//! A connection: bytes up and down, a window in which bytes may be under way, and what is held when it is full.

use std::collections::BTreeMap;

use bytes::Bytes;
use slotcast_protocol::Encoding;
use slotcast_state::{Flow, SessionId, Sink};

/// One connection, seen from both ends.
pub struct Socket {
    pub client: usize,
    pub edge: usize,
    pub encoding: Encoding,
    /// Since the server took its hello.
    pub session: Option<SessionId>,
    /// Whether the client still listens and speaks.
    pub client_open: bool,
    /// Whether the server has not closed it.
    pub server_open: bool,
    /// When the server finds that the client is gone; what arrives later is lost.
    pub up_until_ms: u64,
    /// When the last message under way arrives, per direction: nothing overtakes.
    pub up_ms: u64,
    pub down_ms: u64,
    /// Bytes that wait for the window, and bytes under way.
    pub held: Vec<u8>,
    pub under_way: usize,
    pub window: usize,
    /// Between an answer `Full` and the drain.
    pub full: bool,
}

/// All connections, and whose they are.
#[derive(Default)]
pub struct Sockets {
    pub all: Vec<Socket>,
    pub by_session: BTreeMap<SessionId, usize>,
    /// Those with something to transmit.
    pub touched: Vec<usize>,
    pub pieces: u64,
    pub fulls: u64,
    /// Too much is held everywhere: some pushes are refused.
    pub tight: bool,
    pub refused: u64,
    pub pieces_of_several: u64,
}

impl Sockets {
    /// Of the session; None if it has ended.
    fn of(&self, session: SessionId) -> Option<&Socket> {
        self.by_session.get(&session).map(|at| &self.all[*at])
    }

    /// Frames that are held whatever else is.
    pub fn hold(&mut self, session: SessionId, frames: &[u8]) -> Flow {
        let Some(at) = self.by_session.get(&session).copied() else { return Flow::Full };
        let socket = &mut self.all[at];
        socket.held.extend_from_slice(frames);
        self.touched.push(at);
        socket.full |= socket.under_way + socket.held.len() > socket.window;
        self.fulls += u64::from(socket.full);
        if socket.full { Flow::Full } else { Flow::Open }
    }
}

/// A frame as it is on the wire here: a length of four bytes, then the message.
pub fn frame(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes(), message].concat()
}

/// The first whole frame's message, taken out of `bytes`.
pub fn unframe(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?) as usize;
    if bytes.len() < 4 + length {
        return None;
    }
    let message = bytes[4..4 + length].to_vec();
    bytes.drain(..4 + length);
    Some(message)
}

impl Sink for Sockets {
    fn is_open(&self, session: SessionId) -> bool {
        self.of(session).is_some_and(|socket| {
            socket.server_open && !socket.full && socket.under_way + socket.held.len() <= socket.window
        })
    }

    fn push(&mut self, session: SessionId, frames: Bytes) -> Flow {
        assert!(!frames.is_empty(), "a push of nothing");
        let Some(at) = self.by_session.get(&session).copied() else { return Flow::Full };
        self.pieces += 1;
        let first = u32::from_be_bytes(*frames.first_chunk::<4>().expect("whole frames")) as usize;
        self.pieces_of_several += u64::from(frames.len() > first + 4);
        let socket = &mut self.all[at];
        if self.tight && self.pieces.is_multiple_of(3) {
            socket.full = true;
            self.refused += 1;
            self.touched.push(at);
            return Flow::Refused;
        }
        self.hold(session, &frames)
    }
}
