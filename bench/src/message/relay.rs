//! What is said on the door `/relay`, by both ends.

use super::begin;
use crate::pack::{self, Reader};

/// The subprotocol of that door.
pub const SUBPROTOCOL: &str = "slotcast.relay.v1.msgpack";

/// Code of `open`.
pub const OPEN: u64 = 32;
/// Code of `tell`.
pub const TELL: u64 = 33;
/// Code of `ack`.
pub const ACK: u64 = 34;
/// Code of `inbox`.
pub const INBOX: u64 = 48;
/// Code of `message`.
pub const MESSAGE: u64 = 49;
/// Code of `receipt`.
pub const RECEIPT: u64 = 51;
/// Code of `current`.
pub const CURRENT: u64 = 53;
/// Code of `stored`.
pub const STORED: u64 = 55;
/// Code of `refused`.
pub const REFUSED: u64 = 56;

/// `open` without a cursor.
pub fn open_inbox() -> Vec<u8> {
    begin(1, OPEN)
}

/// `tell` of a binary body, without a kind.
pub fn tell(id: u64, to: &str, body: &[u8]) -> Vec<u8> {
    let mut out = begin(4, TELL);
    pack::uint(&mut out, id);
    pack::str(&mut out, to.as_bytes());
    pack::bin(&mut out, body);
    out
}

/// `ack` of everything up to `seq`.
pub fn ack(seq: u64) -> Vec<u8> {
    let mut out = begin(2, ACK);
    pack::uint(&mut out, seq);
    out
}

/// `inbox` of which nothing has been seen and nothing is there.
pub fn inbox() -> Vec<u8> {
    let mut out = begin(4, INBOX);
    [1, 0, 0].into_iter().for_each(|number| pack::uint(&mut out, number));
    out
}

/// `current`: nothing waits.
pub fn current(seq: u64) -> Vec<u8> {
    let mut out = begin(2, CURRENT);
    pack::uint(&mut out, seq);
    out
}

/// `message` without a kind.
pub fn message(seq: u64, from: &[u8], id: u64, body: &[u8]) -> Vec<u8> {
    let mut out = begin(7, MESSAGE);
    pack::uint(&mut out, seq);
    pack::str(&mut out, from);
    pack::uint(&mut out, id);
    pack::bin(&mut out, body);
    pack::uint(&mut out, TIME_MS);
    pack::nil(&mut out);
    out
}

/// `stored` in memory.
pub fn stored(id: u64, at: u64) -> Vec<u8> {
    let mut out = begin(5, STORED);
    [id, at, TIME_MS].into_iter().for_each(|number| pack::uint(&mut out, number));
    pack::str(&mut out, b"memory");
    out
}

/// A moment that takes as many bytes as any other of these years.
const TIME_MS: u64 = 1_795_608_185_001;

/// The `tell` of a binary, behind its code.
#[derive(Debug, PartialEq, Eq)]
pub struct Tell<'a> {
    /// Its id.
    pub id: u64,
    /// Who is to get it.
    pub to: &'a [u8],
    /// The bytes of the binary body.
    pub body: &'a [u8],
}

impl<'a> Tell<'a> {
    /// Reads it, behind the code.
    pub fn read(mut reader: Reader<'a>) -> Option<Self> {
        Some(Self { id: reader.uint()?, to: reader.str()?, body: reader.bin()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::open;

    #[test]
    fn a_tell_comes_back() {
        let bytes = tell(700, "bob", &[5; 64]);
        let (code, reader) = open(&bytes).expect("a message has a code");
        assert_eq!((code, Tell::read(reader)), (TELL, Some(Tell { id: 700, to: b"bob", body: &[5; 64] })));
    }
}
