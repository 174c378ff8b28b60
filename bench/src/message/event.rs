//! What the server says.

use super::{Cursor, DIFF, PONG, SET, SNAPSHOT, SUCCESS, WELCOME, begin};
use crate::pack::{self, Reader};

/// `welcome`, with no limits named.
pub fn welcome() -> Vec<u8> {
    let mut out = begin(6, WELCOME);
    for word in ["floor", "guest", "device"] {
        pack::str(&mut out, word.as_bytes());
    }
    pack::uint(&mut out, 0);
    pack::map(&mut out, 0);
    out
}

/// `success` of a write in memory.
pub fn success(id: u64, version: u64) -> Vec<u8> {
    let mut out = begin(5, SUCCESS);
    pack::uint(&mut out, id);
    pack::uint(&mut out, version);
    pack::str(&mut out, b"memory");
    pack::bool(&mut out, true);
    out
}

/// `snapshot` of an object without slots.
pub fn snapshot(object: &[u8], version: u64) -> Vec<u8> {
    let mut out = begin(8, SNAPSHOT);
    pack::str(&mut out, object);
    pack::uint(&mut out, 1);
    pack::uint(&mut out, version);
    pack::uint(&mut out, 0);
    pack::array(&mut out, 0);
    pack::bool(&mut out, false);
    pack::uint(&mut out, 0);
    out
}

/// `snapshot` of so many slots.
pub fn full_snapshot(object: &[u8], version: u64, slots: usize, value_bytes: usize) -> Vec<u8> {
    let mut out = begin(8, SNAPSHOT);
    pack::str(&mut out, object);
    pack::uint(&mut out, 1);
    pack::uint(&mut out, version);
    pack::uint(&mut out, 0);
    pack::long_array(&mut out, slots as u32);
    for slot in 0..slots {
        pack::array(&mut out, 4);
        pack::str(&mut out, format!("s{slot}").as_bytes());
        pack::uint(&mut out, version);
        pack::str(&mut out, b"guest");
        pack::bin(&mut out, &vec![slot as u8; value_bytes]);
    }
    pack::bool(&mut out, false);
    pack::uint(&mut out, 0);
    out
}

/// `diff` of one `set`, from `version - 1` to `version`.
pub fn diff(object: &[u8], version: u64, slot: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = begin(6, DIFF);
    pack::str(&mut out, object);
    pack::uint(&mut out, version - 1);
    pack::uint(&mut out, version);
    pack::array(&mut out, 1);
    pack::array(&mut out, 5);
    pack::uint(&mut out, SET);
    pack::str(&mut out, slot);
    pack::uint(&mut out, version);
    pack::str(&mut out, b"guest");
    pack::bin(&mut out, value);
    pack::uint(&mut out, 0);
    out
}

/// `diff` that leads somewhere without saying what changed.
pub fn empty_diff(object: &[u8], from: u64, to: u64) -> Vec<u8> {
    let mut out = begin(6, DIFF);
    pack::str(&mut out, object);
    pack::uint(&mut out, from);
    pack::uint(&mut out, to);
    pack::array(&mut out, 0);
    pack::uint(&mut out, 0);
    out
}

/// `pong` to a ping without a number.
pub fn pong() -> Vec<u8> {
    let mut out = begin(3, PONG);
    pack::nil(&mut out);
    pack::uint(&mut out, 0);
    out
}

/// From where to where a `diff` leads, and how many changes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The version before.
    pub from: u64,
    /// The version after.
    pub to: u64,
    /// The number of changes.
    pub changes: usize,
}

impl Span {
    /// Reads a `diff` behind its code; each binary that was set goes to `set`.
    #[inline]
    pub fn read(mut reader: Reader<'_>, mut set: impl FnMut(&[u8])) -> Option<Self> {
        reader.str()?;
        let (from, to, changes) = (reader.uint()?, reader.uint()?, reader.array()?);
        for _ in 0..changes {
            let fields = reader.array()?;
            if reader.uint()? != SET {
                reader.skip(fields.checked_sub(1)?)?;
                continue;
            }
            reader.str()?;
            reader.uint()?;
            reader.str()?;
            set(reader.bin()?);
            reader.skip(fields.checked_sub(5)?)?;
        }
        Some(Self { from, to, changes })
    }
}

/// The cursor of a `snapshot` behind its code, and whether more of it follows.
pub fn snapshot_cursor(mut reader: Reader<'_>) -> Option<(Cursor, bool)> {
    reader.skip(1)?;
    let cursor = Cursor { epoch: reader.uint()?, version: reader.uint()?, sends: reader.uint()? };
    reader.skip(1)?;
    Some((cursor, reader.bool()?))
}

/// The version of a `snapshot` behind its code, and whether more of it follows.
pub fn snapshot_version(reader: Reader<'_>) -> Option<(u64, bool)> {
    snapshot_cursor(reader).map(|(cursor, more)| (cursor.version, more))
}

/// When to come back, from a `goaway` behind its code, in ms.
pub fn goaway_ms(mut reader: Reader<'_>) -> Option<u64> {
    reader.uint()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::open;

    #[test]
    fn a_diff_tells_its_span_and_its_values() {
        let bytes = diff(b"bench/1", 1000, b"v", &[5; 64]);
        let (code, reader) = open(&bytes).expect("a message has a code");
        let mut values = Vec::new();
        let span = Span::read(reader, |value| values.push(value.to_vec()));
        assert_eq!((code, span), (DIFF, Some(Span { from: 999, to: 1000, changes: 1 })));
        assert_eq!(values, [vec![5; 64]]);
    }

    #[test]
    fn changes_that_set_nothing_are_passed_over() {
        // [21, "o", 1, 3, [[2, "s", 2, "u"], [1, "s", 3, "u", bin 1]], 0]
        let bytes = [
            0x96, 21, 0xa1, b'o', 1, 3, 0x92, 0x94, 2, 0xa1, b's', 2, 0xa1, b'u', 0x95, 1, 0xa1, b's', 3,
            0xa1, b'u', 0xc4, 1, 9, 0,
        ];
        let (_, reader) = open(&bytes).expect("a message has a code");
        let mut values = Vec::new();
        let span = Span::read(reader, |value| values.push(value[0]));
        assert_eq!((span, values), (Some(Span { from: 1, to: 3, changes: 2 }), vec![9]));
    }

    #[test]
    fn a_snapshot_tells_its_cursor() {
        let bytes = snapshot(b"bench/1", 12);
        let (code, reader) = open(&bytes).expect("a message has a code");
        let cursor = Cursor { epoch: 1, version: 12, sends: 0 };
        assert_eq!((code, snapshot_cursor(reader)), (SNAPSHOT, Some((cursor, false))));
    }
}
