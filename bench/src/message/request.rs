//! What clients say.

use super::{Cursor, HELLO, PING, SET, USE, WRITE, begin};
use crate::pack::{self, Reader};
use std::ops::Range;

/// `hello` of a device: with a token, which says whose it is, or of a guest.
pub fn hello(token: Option<&str>, device: &str, user: &str) -> Vec<u8> {
    let mut out = begin(if token.is_some() { 3 } else { 4 }, HELLO);
    match token {
        Some(token) => pack::str(&mut out, token.as_bytes()),
        None => pack::nil(&mut out),
    }
    pack::str(&mut out, device.as_bytes());
    if token.is_none() {
        pack::str(&mut out, user.as_bytes());
    }
    out
}

/// `use` of all slots, without a cursor.
pub fn use_object(object: &str) -> Vec<u8> {
    use_from(object, Cursor::default(), 0)
}

/// `use` of all slots from a cursor on, with at most so many changes per second; 0: with every change.
pub fn use_from(object: &str, cursor: Cursor, rate: u64) -> Vec<u8> {
    let fields = match (cursor, rate) {
        (_, 1..) => 5,
        (cursor, 0) if cursor != Cursor::default() => 3,
        (_, 0) => 2,
    };
    let mut out = begin(fields, USE);
    pack::str(&mut out, object.as_bytes());
    if fields > 2 {
        cursor.write(&mut out);
    }
    if fields > 3 {
        pack::nil(&mut out);
        pack::uint(&mut out, rate);
    }
    out
}

/// `write` of one `set`.
pub fn write(id: u64, object: &str, seen: u64, slot: &str, value: &[u8]) -> Vec<u8> {
    let mut out = begin(7, WRITE);
    pack::uint(&mut out, id);
    pack::str(&mut out, object.as_bytes());
    pack::nil(&mut out);
    pack::uint(&mut out, seen);
    pack::nil(&mut out);
    pack::array(&mut out, 1);
    pack::array(&mut out, 3);
    pack::uint(&mut out, SET);
    pack::str(&mut out, slot.as_bytes());
    pack::bin(&mut out, value);
    out
}

/// `write` of several slots, `s0` and so on.
pub fn write_slots(id: u64, object: &str, slots: Range<usize>, value_bytes: usize) -> Vec<u8> {
    let mut out = begin(7, WRITE);
    pack::uint(&mut out, id);
    pack::str(&mut out, object.as_bytes());
    pack::nil(&mut out);
    pack::uint(&mut out, 0);
    pack::nil(&mut out);
    pack::long_array(&mut out, slots.len() as u32);
    for slot in slots {
        pack::array(&mut out, 3);
        pack::uint(&mut out, SET);
        pack::str(&mut out, format!("s{slot}").as_bytes());
        pack::bin(&mut out, &vec![slot as u8; value_bytes]);
    }
    out
}

/// `ping` without a number.
pub fn ping() -> Vec<u8> {
    begin(1, PING)
}

/// The `write` of one `set`, behind its code.
#[derive(Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// Its id.
    pub id: u64,
    /// The object's name.
    pub object: &'a [u8],
    /// The slot's name.
    pub slot: &'a [u8],
    /// The bytes of the binary value.
    pub value: &'a [u8],
}

impl<'a> Write<'a> {
    /// Reads it, behind the code.
    pub fn read(mut reader: Reader<'a>) -> Option<Self> {
        let id = reader.uint()?;
        let object = reader.str()?;
        reader.skip(3)?;
        reader.array()?;
        reader.array()?;
        reader.uint()?;
        Some(Self { id, object, slot: reader.str()?, value: reader.bin()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::open;

    #[test]
    fn a_use_tells_its_cursor_and_its_rate() {
        let cursor = Cursor { epoch: 1 << 50, version: 300, sends: 2 };
        let bytes = use_from("bench/1", cursor, 20);
        let (code, mut reader) = open(&bytes).expect("a message has a code");
        assert_eq!((code, reader.str()), (USE, Some(&b"bench/1"[..])));
        assert_eq!(Cursor::read(&mut reader), Some(cursor));
        assert_eq!((reader.skip(1), reader.uint(), reader.skip(1)), (Some(()), Some(20), None));
    }

    #[test]
    fn a_use_without_a_copy_has_no_cursor() {
        assert_eq!(use_object("o"), [0x92, 2, 0xa1, b'o']);
        assert_eq!(use_from("o", Cursor::default(), 20), [0x95, 2, 0xa1, b'o', 0xc0, 0xc0, 20]);
    }

    #[test]
    fn a_write_comes_back() {
        let bytes = write(7, "bench/1", 300, "v", &[5; 64]);
        let (code, reader) = open(&bytes).expect("a message has a code");
        let expected = Write { id: 7, object: b"bench/1", slot: b"v", value: &[5; 64] };
        assert_eq!((code, Write::read(reader)), (WRITE, Some(expected)));
    }
}
