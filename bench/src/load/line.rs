//! A session's end of its connection: the socket, how far it has come, and the frame of which only a part has arrived.

use super::client::Stage;
use super::link::Link;
use crate::frame::{self, Head};
use crate::handshake;
use std::net::SocketAddr;

/// See the module's text.
pub struct Line {
    pub link: Link,
    pub stage: Stage,
    /// The beginning of a frame whose end has not come.
    pub rest: Vec<u8>,
    pushed: u32,
}

/// What came on a line.
pub enum Came<'a> {
    /// The WebSocket is open, or why not.
    Answer(Result<(), String>),
    Message(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// Nothing follows it.
    Close(u8, &'a [u8]),
}

impl Line {
    /// A line whose socket connects, with the opening request to a door in line.
    pub fn to(server: SocketAddr, door: &str, subprotocol: &str, link: Link) -> Self {
        let mut line = Line { link, stage: Stage::Opening, rest: Vec::new(), pushed: 0 };
        let request = handshake::request_to(server, door, Some(subprotocol));
        line.link.out.extend_from_slice(request.as_bytes());
        line
    }

    /// The first thing in the bytes, if it is complete, and how many of them it takes.
    pub fn first<'a>(&self, bytes: &'a [u8]) -> Option<(Came<'a>, usize)> {
        if self.stage == Stage::Opening {
            let end = handshake::head_end(bytes)?;
            return Some((Came::Answer(handshake::accepted(&bytes[..end])), end));
        }
        let head = Head::read(bytes)?;
        let payload = bytes.get(head.header_bytes..head.frame_bytes())?;
        let came = match head.opcode {
            frame::BINARY => Came::Message(payload),
            frame::PING => Came::Ping(payload),
            frame::PONG => Came::Pong,
            opcode => Came::Close(opcode, payload),
        };
        Some((came, head.frame_bytes()))
    }

    /// Puts a message in line.
    pub fn push(&mut self, message: &[u8]) {
        self.push_frame(frame::BINARY, message);
    }

    /// The key is a simple one: no proxy stands between, and the server's work is the same for each.
    pub fn push_frame(&mut self, opcode: u8, payload: &[u8]) {
        self.pushed = self.pushed.wrapping_add(1);
        let key = self.pushed.wrapping_mul(0x9e37_79b9).wrapping_add(0x5bd1_e995).to_be_bytes();
        frame::client(&mut self.link.out, opcode, payload, key);
    }
}
