//! Who a client is, and what it follows.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Who a client is, and what it follows.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its user; the device has the same name.
    pub user: String,
    /// The token that it shows; without one it is a guest.
    pub token: Option<Rc<str>>,
    /// The object.
    pub object: String,
    /// The slot that it writes.
    pub slot: String,
    /// The size of the socket's receive buffer, if not the system's. Such a client is slow on purpose: what
    /// reaches it is not counted in the latency.
    pub receive_bytes: Option<usize>,
    /// How many changes per second it wants at the most; 0: every one.
    pub rate: u64,
}

impl Part {
    /// `count` who follow one object.
    pub fn audience(count: usize) -> Vec<Part> {
        Self::rooms(1, count)
    }

    /// `rooms` objects with so many members each. The names are new in each run: a server may still hold the
    /// objects of the last one, and another device's changes in them would stand in the way.
    pub fn rooms(rooms: usize, members: usize) -> Vec<Part> {
        let run = format!("{:x}-{:x}", std::process::id(), unix_ms());
        let part = |number: usize| Part {
            user: format!("u{run}-{number}"),
            token: None,
            object: format!("bench/{run}-{}", number / members),
            slot: format!("s{}", number % members),
            receive_bytes: None,
            rate: 0,
        };
        (0..rooms * members).map(part).collect()
    }
}

fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}
