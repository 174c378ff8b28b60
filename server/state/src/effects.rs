//! What comes into a shard, and what must happen outside because of it.

use std::sync::Arc;

use slotcast_protocol::{Change, Cursor, Encoding, Event, ObjectName, Send, Write};

use crate::followers::Audience;
use crate::ids::{Author, ChannelId, EdgeId, SessionId};
use crate::ring::Mark;

/// What a shard is told.
#[derive(Debug)]
pub enum Input {
    /// The time is now this, in ms of the Unix clock; it never goes back.
    Tick(u64),
    /// A session wants to follow an object. `covered` says that its edge can bring it from `cursor` to the present by itself;
    /// `turn` counts the session's uses of the object.
    Use {
        session: SessionId,
        author: Arc<Author>,
        object: ObjectName,
        audience: Audience,
        cursor: Option<Cursor>,
        covered: bool,
        turn: u32,
    },
    /// A follower fell behind what its edge keeps.
    CatchUp { session: SessionId, object: ObjectName, cursor: Option<Cursor> },
    /// A session leaves an object.
    Release { session: SessionId, object: ObjectName },
    /// A session writes.
    Write { session: SessionId, author: Arc<Author>, write: Write },
    /// A session sends.
    Send { session: SessionId, author: Arc<Author>, send: Send },
    /// A session asks for a fingerprint.
    Fingerprint { session: SessionId, object: ObjectName },
    /// A session has ended; it followed these objects of the shard.
    Gone { session: SessionId, objects: Vec<ObjectName> },
}

/// What must happen, in this order: the commits, and when they have happened the deliveries, in theirs.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the engine.
    pub commits: Vec<Commit>,
    /// For the edges.
    pub deliveries: Vec<Delivery>,
}

/// One version of an object.
#[derive(Debug)]
pub struct Commit {
    /// Which.
    pub object: ObjectName,
    /// Its incarnation.
    pub epoch: u64,
    /// The version that the changes made.
    pub version: u64,
    /// What changed.
    pub changes: Arc<[Change]>,
}

/// Something for edges. Per edge the order counts: a `Start` stands for all frames of its channel that came before it.
#[derive(Debug)]
pub enum Delivery {
    /// To one session.
    Reply { session: SessionId, event: Event },
    /// To the followers that these edges have in the channel: encoded once.
    Publish { channel: ChannelId, encoding: Encoding, edges: Vec<EdgeId>, event: Event, mark: Mark },
    /// A session is in a channel from now on.
    Start { session: SessionId, start: Start },
    /// A session has left an object.
    Left { session: SessionId, object: ObjectName },
}

/// How a follower begins, or begins again.
#[derive(Debug)]
pub struct Start {
    /// Which object.
    pub object: ObjectName,
    /// Its incarnation.
    pub epoch: u64,
    /// Where its frames come from.
    pub channel: ChannelId,
    /// Who shares them.
    pub audience: Audience,
    /// Which of the session's uses of the object it is for.
    pub turn: u32,
    /// What the follower had.
    pub cursor: Option<Cursor>,
    /// What it has when it has taken the events.
    pub mark: Mark,
    /// Whether the edge's ring leads on from there, as the edge said.
    pub covered: bool,
    /// From the cursor to the mark; for one who is covered a diff without changes, which is the answer to its `use`.
    pub events: Vec<Event>,
}

/// A follower that its edge cannot bring up to date: to be put to the shard as [`Input::CatchUp`].
#[derive(Debug)]
pub struct Ask {
    /// Who.
    pub session: SessionId,
    /// About what.
    pub object: ObjectName,
    /// What it has.
    pub cursor: Option<Cursor>,
}
