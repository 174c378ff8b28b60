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
/// Code of `friends`.
pub const FRIENDS: u64 = 37;
/// Code of `edit`.
pub const EDIT: u64 = 38;
/// Code of `status`.
pub const STATUS: u64 = 39;
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
/// Code of `roster`.
pub const ROSTER: u64 = 58;
/// Code of `edited`.
pub const EDITED: u64 = 59;
/// Code of `presence`.
pub const PRESENCE: u64 = 61;

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

/// `friends` without a copy.
pub fn friends() -> Vec<u8> {
    begin(1, FRIENDS)
}

/// `edit`: asks a user to be friends.
pub fn ask(id: u64, user: &str) -> Vec<u8> {
    let mut out = begin(4, EDIT);
    pack::uint(&mut out, id);
    pack::str(&mut out, b"ask");
    pack::str(&mut out, user.as_bytes());
    out
}

/// `status`: online, and nothing said with it.
pub fn online() -> Vec<u8> {
    let mut out = begin(2, STATUS);
    pack::str(&mut out, ONLINE);
    out
}

/// The state of one who is there.
const ONLINE: &[u8] = b"online";

/// How many a `roster`, behind its code, calls friends on both sides.
pub fn friends_in(mut reader: Reader<'_>) -> Option<u64> {
    reader.skip(3)?;
    let mut friends = 0;
    for _ in 0..reader.array()? {
        let fields = reader.array()?;
        reader.skip(1)?;
        friends += u64::from(reader.clone().str() == Some(b"both"));
        reader.skip(fields.checked_sub(1)?)?;
    }
    Some(friends)
}

/// Everyone of whom a `presence`, behind its code, tells something, and whether they are online.
pub fn each_status(mut reader: Reader<'_>, mut each: impl FnMut(&[u8], bool)) -> Option<()> {
    for _ in 0..reader.array()? {
        let fields = reader.array()?;
        let (user, state) = (reader.str()?, reader.str()?);
        each(user, state == ONLINE);
        reader.skip(fields.checked_sub(2)?)?;
    }
    Some(())
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

    #[test]
    fn friends_are_those_of_both_sides() {
        // ["t", "t", nil, [["a", "both", …], ["b", nil, …], ["c", "to", …]]]
        let bytes = [
            0xa1, b't', 0xa1, b't', 0xc0, 0x93, 0x93, 0xa1, b'a', 0xa4, b'b', b'o', b't', b'h', 0xc2, 0x93,
            0xa1, b'b', 0xc0, 0xc2, 0x93, 0xa1, b'c', 0xa2, b't', b'o', 0xc2,
        ];
        assert_eq!(friends_in(Reader::new(&bytes)), Some(1));
        assert_eq!(friends_in(Reader::new(&bytes[..bytes.len() - 1])), None);
    }

    #[test]
    fn statuses_are_told_one_by_one() {
        // [["a", "online", nil, 7], ["b", "away", nil, nil]]
        let bytes = [
            0x92, 0x94, 0xa1, b'a', 0xa6, b'o', b'n', b'l', b'i', b'n', b'e', 0xc0, 7, 0x94, 0xa1, b'b',
            0xa4, b'a', b'w', b'a', b'y', 0xc0, 0xc0,
        ];
        let mut told = Vec::new();
        let done = each_status(Reader::new(&bytes), |user, online| told.push((user.to_vec(), online)));
        assert_eq!((done, told), (Some(()), vec![(b"a".to_vec(), true), (b"b".to_vec(), false)]));
    }
}
