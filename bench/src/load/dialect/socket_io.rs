//! Socket.IO 4 over WebSocket, as bench/peers/socket_io.js serves it: text, a digit for Engine.IO and one for Socket.IO before it.
//!
//! ```text
//! > 0{..}                 < 40
//! > 40{..}                < 420["use","object"]     an event with the number 0, which asks for an answer
//! > 430[]                 < 42["set","value"]
//! > 42["set","value"]     < 421["ping"]
//! > 2                     < 3                       Engine.IO's own ping
//! ```

use super::{Dialect, Heard, Part};
use crate::frame;

const BEFORE_VALUE: &[u8] = b"42[\"set\",\"";
const AFTER_VALUE: &[u8] = b"\"]";

/// A client.
#[derive(Debug)]
pub struct SocketIo {
    object: String,
}

impl SocketIo {
    pub fn new(part: &Part) -> Self {
        Self { object: part.object.clone() }
    }
}

impl Dialect for SocketIo {
    fn path(&self) -> String {
        "/socket.io/?EIO=4&transport=websocket".to_owned()
    }

    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    fn opcode(&self) -> u8 {
        frame::TEXT
    }

    /// The server speaks first.
    fn greet(&mut self, _hear: &mut dyn FnMut(Heard<'_>)) {}

    fn publish(&self, value: &[u8]) -> Vec<u8> {
        [BEFORE_VALUE, value, AFTER_VALUE].concat()
    }

    fn ping(&self) -> Option<Vec<u8>> {
        Some(b"421[\"ping\"]".to_vec())
    }

    fn read(&mut self, payload: &[u8], hear: &mut dyn FnMut(Heard<'_>)) {
        let value = payload.strip_prefix(BEFORE_VALUE).and_then(|rest| rest.strip_suffix(AFTER_VALUE));
        hear(match (value, payload) {
            (Some(value), _) => Heard::Change(value),
            (None, b"430[]") => Heard::Following,
            (None, b"431[]") => Heard::Pong,
            (None, b"2") => Heard::Asked(b"3".to_vec()),
            (None, [b'0', ..]) => Heard::Asked(b"40".to_vec()),
            (None, [b'4', b'0', ..]) => {
                Heard::Asked(format!("420[\"use\",\"{}\"]", self.object).into_bytes())
            }
            (None, _) => Heard::Refused(payload),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{heard, part};
    use super::*;

    #[test]
    fn the_way_in_is_the_one_that_is_drawn() {
        let mut socket_io = SocketIo::new(&part());
        assert_eq!(heard(&mut socket_io, b"0{\"sid\":\"a\"}"), ["asked 40"]);
        assert_eq!(heard(&mut socket_io, b"40{\"sid\":\"b\"}"), ["asked 420[\"use\",\"bench/7\"]"]);
        assert_eq!(heard(&mut socket_io, b"430[]"), ["following"]);
    }

    #[test]
    fn a_change_comes_back_and_pings_are_told_apart() {
        let mut socket_io = SocketIo::new(&part());
        let said = socket_io.publish(b"ab");
        assert_eq!(heard(&mut socket_io, &said), ["change ab"]);
        assert_eq!(heard(&mut socket_io, b"2"), ["asked 3"]);
        assert_eq!(heard(&mut socket_io, b"431[]"), ["pong"]);
        assert_eq!(heard(&mut socket_io, b"44{\"message\":\"no\"}"), ["refused 44{\"message\":\"no\"}"]);
    }
}
