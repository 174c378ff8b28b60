//! nchan: a WebSocket is a channel; every message is a change, in either direction.

use super::{Dialect, Heard, Part};
use crate::frame;

/// A client.
#[derive(Debug)]
pub struct Nchan {
    object: String,
}

impl Nchan {
    pub fn new(part: &Part) -> Self {
        Self { object: part.object.clone() }
    }
}

impl Dialect for Nchan {
    fn path(&self) -> String {
        format!("/{}", self.object)
    }

    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    fn opcode(&self) -> u8 {
        frame::TEXT
    }

    /// Who is let in follows.
    fn greet(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        hear(Heard::Following);
    }

    fn publish(&self, value: &[u8]) -> Vec<u8> {
        value.to_vec()
    }

    fn ping(&self) -> Option<Vec<u8>> {
        None
    }

    fn read(&mut self, payload: &[u8], hear: &mut dyn FnMut(Heard<'_>)) {
        hear(Heard::Change(payload));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{heard, part};
    use super::*;

    #[test]
    fn a_message_is_a_change() {
        let mut nchan = Nchan::new(&part());
        let said = nchan.publish(b"ab");
        assert_eq!(heard(&mut nchan, &said), ["change ab"]);
        assert_eq!(nchan.path(), "/bench/7");
    }
}
