//! What comes into a shard, and what must happen outside because of it.

use std::sync::Arc;

use slotcast_protocol::{Cursor, Durability, Encoding, Event, Fault, ObjectName, Pattern, Send, User, Write};

use crate::commit::Commit;
use crate::contents::Contents;
use crate::followers::Audience;
use crate::ids::{Author, ChannelId, EdgeId, SessionId};
use crate::name::Name;
use crate::ring::Mark;
use crate::roster;
use crate::starts::Told;
use crate::user::{HomeInput, Letter, UserCommit, UserContents};
use crate::whole::Whole;

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
    /// What is hidden from a follower is now this; `turn` counts as another use of the object.
    Hide { session: SessionId, object: ObjectName, hidden: Vec<Pattern>, turn: u32 },
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
    /// Something for the home of a user of the shard.
    Home { user: User, input: HomeInput },
    /// What the friend subsystem says: [`Delivery::Roster`] of this shard, or the answer to one of [`Effects::questions`].
    Roster(roster::Output),
    /// The answer to one of [`Effects::loads`].
    Loaded { name: Name, found: Found },
    /// One of [`Effects::stores`] is in the store.
    Kept { name: Name },
    /// The store would like to have these whole, so that its log can be shortened.
    Wanted { names: Vec<Name> },
    /// Whether the store is full from now on.
    StorageFull(bool),
}

/// What a store has under a name.
#[derive(Debug)]
pub enum Found {
    /// It was never there.
    Nothing,
    /// All of an object.
    Contents(Box<Contents>),
    /// All of a user.
    User(Box<UserContents>),
    /// All of a roster.
    Roster(Box<roster::List>),
    /// It cannot be had, and why.
    Refused(Fault),
}

impl Input {
    /// The object that must be in memory for it.
    pub(crate) fn object(&self) -> Option<&ObjectName> {
        match self {
            Input::Use { object, .. } | Input::CatchUp { object, .. } | Input::Release { object, .. } => {
                Some(object)
            }
            Input::Write { write, .. } => Some(&write.object),
            Input::Send { send, .. } => Some(&send.object),
            Input::Fingerprint { object, .. } | Input::Hide { object, .. } => Some(object),
            Input::Tick(_) | Input::Gone { .. } | Input::Home { .. } | Input::Roster(_) => None,
            Input::Loaded { .. } => None,
            Input::Kept { .. } | Input::Wanted { .. } | Input::StorageFull(_) => None,
        }
    }
}

/// What must happen: the `deliveries` at once; the `commits` of stored objects and with them the `stores`, and when they have
/// happened, and those of the turns before, the `held`. Each list in its order.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the engine; those of the class `memory` are for whoever wants to look.
    pub commits: Vec<Commit>,
    /// The same, of users.
    pub user_commits: Vec<UserCommit>,
    /// The same, of rosters, with the class that each must reach.
    pub roster_commits: Vec<(roster::Commit, Durability)>,
    /// Whole objects, users and rosters for the engine, as they are after the commits.
    pub stores: Vec<Stored>,
    /// For the edges.
    pub deliveries: Vec<Delivery>,
    /// For the homes of users, on whatever shards they are: at once, in this order.
    pub letters: Vec<(User, Letter)>,
    /// For the edges, about what is stored: no one may hear of what a crash could take back.
    pub held: Vec<Delivery>,
    /// For a friend subsystem outside, to be answered by [`Input::Roster`].
    pub questions: Vec<roster::Input>,
    /// What is to be fetched from the store and answered by [`Input::Loaded`].
    pub loads: Vec<Name>,
    /// Objects and users that left memory because others needed the room.
    pub evicted: u64,
}

/// All of an object or user, for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Which.
    pub name: Name,
    /// [`Contents::encode`] or [`UserContents::encode`]
    pub contents: Vec<u8>,
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
    /// A session's `use` of this turn cannot be answered.
    Refused { session: SessionId, object: ObjectName, turn: u32, fault: Fault },
    /// To one session, if its socket has nothing waiting; else it is dropped.
    Fleeting { session: SessionId, event: Event },
    /// To one session, if its socket has nothing waiting; else it is dropped, and when the socket has taken what waited the user's home is told so, by
    /// [`HomeInput::Drained`].
    News { session: SessionId, event: Event },
    /// For the home of a user.
    Letter { to: User, letter: Letter },
    /// For the shard itself, back as [`Input::Roster`].
    Roster(roster::Output),
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
    /// What it has when it has taken the event.
    pub mark: Mark,
    /// Whether the edge's ring leads on from there, as the edge said.
    pub covered: bool,
    /// The parts of a snapshot that come before the event, if it is a large one.
    pub whole: Option<Arc<Whole>>,
    /// From the cursor, or from the whole, to the mark; for one who is covered a diff without changes, which is the answer to its `use`.
    pub event: Arc<Told>,
}

impl Start {
    /// All that the follower is told, in order.
    pub fn told(&self) -> impl Iterator<Item = &Event> {
        self.whole.iter().flat_map(|whole| whole.parts()).chain(std::iter::once(&**self.event))
    }
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
