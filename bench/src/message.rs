//! The messages of the protocol that the benchmark writes and reads, as payloads without frames.

mod cursor;
mod event;
pub mod relay;
mod request;

use crate::pack::{self, Reader};

pub use cursor::Cursor;
pub use event::{
    Span, diff, empty_diff, full_snapshot, goaway_ms, pong, snapshot, snapshot_cursor, snapshot_version,
    success, welcome,
};
pub use request::{Write, hello, ping, use_from, use_object, write, write_slots};

/// Code of `hello`.
pub const HELLO: u64 = 1;
/// Code of `use`.
pub const USE: u64 = 2;
/// Code of `write`.
pub const WRITE: u64 = 4;
/// Code of `ping`.
pub const PING: u64 = 7;
/// Code of `welcome`.
pub const WELCOME: u64 = 16;
/// Code of `success`.
pub const SUCCESS: u64 = 17;
/// Code of `reject`.
pub const REJECT: u64 = 18;
/// Code of `error`.
pub const ERROR: u64 = 19;
/// Code of `snapshot`.
pub const SNAPSHOT: u64 = 20;
/// Code of `diff`.
pub const DIFF: u64 = 21;
/// Code of `pong`.
pub const PONG: u64 = 24;
/// Code of `goaway`.
pub const GOAWAY: u64 = 26;

/// Code of the `set` operation and of the `set` change.
const SET: u64 = 1;

/// The code of a message, and a reader behind it.
#[inline]
pub fn open(payload: &[u8]) -> Option<(u64, Reader<'_>)> {
    let mut reader = Reader::new(payload);
    reader.array()?;
    Some((reader.uint()?, reader))
}

fn begin(fields: u8, code: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    pack::array(&mut out, fields);
    pack::uint(&mut out, code);
    out
}
