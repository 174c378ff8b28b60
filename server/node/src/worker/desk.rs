//! What has gathered for the next turn, and what goes to other workers.

use bytes::Bytes;
use slotcast_protocol::{CloseCode, Event, Fault, ObjectName};
use slotcast_state::roster::{self, Met};
use slotcast_state::{ChannelId, Found, Frames, Input, Mark, Name, SessionId, Start};

/// From worker to worker: one per turn and kind, however much is in it.
pub enum Letter {
    /// For the shard.
    Inputs(Vec<Input>),
    /// For the edge.
    Mail(Vec<Mail>),
    /// A session is to end.
    Close { session: SessionId, code: CloseCode },
    /// The store has the shard's batch.
    Committed,
    /// The store's answer.
    Loaded { name: Name, found: Found },
    /// The friend service's answer, or its word that a list has changed.
    Roster(roster::Output),
    /// The store would like to have these whole.
    Wanted(Vec<Name>),
    /// Whether the store is full from now on.
    StorageFull(bool),
    /// Some users may not be here any more.
    Revoked,
    /// The server stops.
    Drain,
}

/// From a shard to an edge; the order counts.
pub enum Mail {
    /// An answer.
    Reply { session: SessionId, event: Event },
    /// For all followers that the edge has in the channel.
    Frame { channel: ChannelId, frame: Bytes, mark: Mark },
    /// A follower begins; `frames` are what the start tells.
    Start { session: SessionId, start: Box<Start>, frames: Frames },
    /// A session has left an object.
    Left { session: SessionId, object: ObjectName },
    /// A session's `use` cannot be answered.
    Refused { session: SessionId, object: ObjectName, turn: u32, fault: Fault },
    /// For a session whose socket has nothing waiting.
    Fleeting { session: SessionId, event: Event },
    /// The same; when it is not told, its user's home is to hear when it can be.
    News { session: SessionId, event: Event },
}

/// What was counted in a shard and an edge, as of the last report.
#[derive(Default)]
pub struct Reported {
    pub objects: i64,
    pub objects_bytes: i64,
    pub people: i64,
    pub met: Met,
    pub rings_bytes: i64,
    pub rings_cut_bytes: u64,
}

pub struct Desk {
    /// For this worker's shard.
    pub own: Vec<Input>,
    /// What the store would like to have whole.
    pub wanted: Vec<Name>,
    /// For this worker's edge.
    pub mail: Vec<Mail>,
    /// Devices that were made up here.
    pub devices: u64,
    /// What the metrics hold of this worker's shard and edge.
    pub reported: Reported,
    /// By worker.
    outgoing: Vec<Vec<Input>>,
}

impl Desk {
    pub fn new(workers: usize) -> Self {
        let outgoing = (0..workers).map(|_| Vec::new()).collect();
        Desk {
            own: Vec::new(),
            wanted: Vec::new(),
            mail: Vec::new(),
            devices: 0,
            reported: Reported::default(),
            outgoing,
        }
    }

    /// Puts an input to the shard that owns the object or user.
    pub fn put(&mut self, name: &Name, input: Input) {
        let owner = owner(name, self.outgoing.len());
        self.outgoing[owner].push(input);
    }

    pub fn take_letters(&mut self) -> Vec<(usize, Vec<Input>)> {
        let filled = self.outgoing.iter_mut().enumerate().filter(|(_, inputs)| !inputs.is_empty());
        filled.map(|(worker, inputs)| (worker, std::mem::take(inputs))).collect()
    }
}

/// FNV-1a; it only spreads names over shards, and whoever forces a collision gains nothing but a crowded core.
pub fn owner(name: &Name, workers: usize) -> usize {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let text = match name {
        Name::Object(object) => object.as_str(),
        Name::User(user) | Name::Roster(user) => user.as_str(),
    };
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (hash % workers as u64) as usize
}
