//! Who is who: edges, sessions, channels, authors.

use std::sync::Arc;

use slotcast_protocol::{Device, User};

/// One edge: a worker thread here, a machine in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId(pub u16);

/// One connection, never reused while anyone may still speak of it.
///
/// ```text
/// bit 63      52 51          28 27            0
///     | edge (12)| generation (24) | slot (28) |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// A session of an earlier run of the server.
    pub const GONE: SessionId = SessionId(u64::MAX);

    /// The session in a slot of an edge's table; `generation` tells it from those that had the slot before.
    pub fn new(edge: EdgeId, generation: u32, slot: u32) -> Self {
        SessionId(
            u64::from(edge.0) << 52
                | (u64::from(generation) & 0xff_ffff) << 28
                | u64::from(slot) & 0xfff_ffff,
        )
    }

    /// Where the session lives.
    pub fn edge(self) -> EdgeId {
        EdgeId((self.0 >> 52) as u16)
    }

    /// Its place in the edge's table.
    pub fn slot(self) -> usize {
        (self.0 & 0xfff_ffff) as usize
    }

    /// As a number, for logs.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// One stream of frames: the followers of one object with one view and encoding. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u64);

/// Who writes: the conflict rule's *mine* and *another's*.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Author {
    /// The identity.
    pub user: User,
    /// Which of its running clients.
    pub device: Device,
}

impl Author {
    /// The author of what the server does by itself.
    pub fn server() -> Arc<Author> {
        let device = Device::parse("server").expect("a good name");
        Arc::new(Author { user: User::server(), device })
    }
}
