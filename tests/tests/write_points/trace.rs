//! The shim's record of what was done to the files of a folder.
//!
//! ```text
//! kind u8 | bytes of the name u8 | offset u64 | bytes u32 | name | bytes        little-endian
//! ```

use std::path::Path;

#[derive(Clone, Debug)]
pub struct Op {
    pub kind: Kind,
    pub file: String,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Create,
    Write {
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        length: usize,
    },
    Remove,
    Sync,
    /// So many groups are acknowledged from here on.
    Acknowledged(usize),
}

/// The work's own file, which it writes the number of groups to that are done.
pub const MARK: &str = "mark";

pub fn read(path: &Path) -> Vec<Op> {
    let bytes = std::fs::read(path).expect("the shim has written it");
    let mut rest = bytes.as_slice();
    let mut ops = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest.split_at(14);
        let number = |from: usize, to: usize| {
            head[from..to].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
        };
        let (name, after) = after.split_at(number(1, 2));
        let (bytes, after) = after.split_at(number(10, 14));
        rest = after;
        let file = String::from_utf8(name.to_vec()).expect("names are text");
        let kind = match head[0] {
            b'c' => Kind::Create,
            b'w' if file == MARK => Kind::Acknowledged(marked(bytes)),
            b'w' => Kind::Write { at: number(2, 10), bytes: bytes.to_vec() },
            b't' => Kind::Truncate { length: number(2, 10) },
            b'u' => Kind::Remove,
            b's' => Kind::Sync,
            other => panic!("an operation of the kind {other}"),
        };
        // What is in these has not to last.
        if !matches!(file.as_str(), "lock" | "reading" | "reserve" | "slotcast.db-shm") {
            ops.push(Op { kind, file });
        }
    }
    ops
}

fn marked(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).expect("a number").trim().parse().expect("a number")
}
