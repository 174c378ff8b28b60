//! Where stored objects and users are kept. An engine takes commits in groups, and whole objects and users from time to time, so that what it logged before
//! them is needed no more.
//!
//! Its siblings are run through the same cases by `tests/tests/engines.rs`.

pub mod embedded;
mod memory;

use std::fmt;
use std::sync::Arc;

use slotcast_protocol::{Fault, Limits};
use slotcast_state::roster::{self, List};
use slotcast_state::{Commit, Contents, Kinds, Name, Stored, UserCommit, UserContents};

pub use embedded::Embedded;
pub use memory::MemoryEngine;

/// What one shard puts to the engine at a time. One is under way per shard.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Whose.
    pub shard: u16,
    /// How many batches of the shard the engine has had since it was opened, as the shard knows it.
    pub expected: u64,
    /// Commits, one behind the other, as [`Commit::encode`] and [`UserCommit::encode`] write them.
    pub commits: Vec<u8>,
    /// What they are about, one by one.
    pub names: Vec<Name>,
    /// Whole objects and users as they are after the commits.
    pub stores: Vec<Stored>,
}

impl Batch {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.stores.is_empty()
    }

    /// Bytes to be kept.
    pub fn bytes(&self) -> usize {
        self.commits.len() + self.stores.iter().map(|stored| stored.contents.len()).sum::<usize>()
    }
}

/// Keeps what shards commit. Lives on one thread, which waits for it.
pub trait Engine: Send {
    /// Keeps all batches or none, for good when it returns.
    ///
    /// Of several batches of one shard in a group only the last may have whole objects. After [`CommitError::Full`] the same group is put again,
    /// before any other; after any other error the engine must not be used any more.
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError>;

    /// What is to be done between two groups. What it would like to have whole in one of the next batches, as its log has grown
    /// long; each is asked for once.
    fn tidy(&mut self) -> Result<Vec<Name>, CommitError>;

    /// After [`CommitError::Full`]: gives up what was kept for this day.
    fn give_up_reserve(&mut self);

    /// Keeps room for bad days; false if there is none.
    fn reserve(&mut self) -> bool;

    /// Whether something was ever handed over whole under a name: if not there is nothing to load. Cheap, and for any thread.
    fn index(&self) -> Arc<dyn Index>;

    /// For another thread.
    fn reader(&self) -> Result<Box<dyn Reader>, LoadError>;

    /// How much there is of it.
    fn size(&self) -> Size;
}

/// Bytes and counts of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Objects and users.
    pub names: u64,
    /// Bytes of commits that are in no whole object yet.
    pub log_bytes: u64,
}

/// What an engine has.
pub trait Index: Send + Sync {
    /// Whether it has this one.
    fn has(&self, name: &Name) -> bool;
}

/// Reads what is stored while the engine goes on.
pub trait Reader: Send {
    /// What is in no shard's memory; None if there is none. It has been handed over whole after its last commit, or the engine
    /// has been opened since.
    fn load(&mut self, name: &Name) -> Result<Option<Kept>, LoadError>;
}

/// What is kept under a name.
#[derive(Debug, PartialEq)]
pub enum Kept {
    /// An object.
    Object(Contents),
    /// A user.
    User(UserContents),
    /// A roster.
    Roster(Box<List>),
}

impl Kept {
    /// Whole, as it is stored.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Kept::Object(contents) => contents.encode(),
            Kept::User(contents) => contents.encode(),
            Kept::Roster(list) => list.encode(),
        }
    }

    /// Reads what [`Kept::encode`] wrote.
    pub fn decode(name: &Name, bytes: &[u8]) -> Result<Kept, Fault> {
        match name {
            Name::Object(_) => Contents::decode(bytes).map(Kept::Object),
            Name::User(_) => UserContents::decode(bytes).map(Kept::User),
            Name::Roster(owner) => List::decode(owner, bytes).map(|list| Kept::Roster(Box::new(list))),
        }
    }

    /// What there is after the next commit of a batch, which is about this name.
    pub fn replay(
        before: Option<Kept>,
        reader: &mut slotcast_protocol::reader::Reader<'_>,
        name: &Name,
        kinds: &Kinds,
        limits: &Limits,
    ) -> Result<Kept, Fault> {
        match (name, before) {
            (Name::Object(object), before) => {
                let commit = Commit::decode(reader)?;
                let mut contents = match before {
                    Some(Kept::Object(contents)) => contents,
                    Some(Kept::User(_) | Kept::Roster(_)) | None => Contents::new(commit.epoch),
                };
                contents.replay(&commit, kinds.of(object).resync_depth, limits.inflight)?;
                Ok(Kept::Object(contents))
            }
            (Name::User(_), before) => {
                let commit = UserCommit::decode(reader)?;
                let mut contents = match before {
                    Some(Kept::User(contents)) => contents,
                    Some(Kept::Object(_) | Kept::Roster(_)) | None => UserContents::new(commit.epoch),
                };
                contents.apply(&commit, limits)?;
                Ok(Kept::User(contents))
            }
            (Name::Roster(owner), before) => {
                let commit = roster::Commit::decode(reader)?;
                let mut list = match before {
                    Some(Kept::Roster(list)) => list,
                    Some(Kept::Object(_) | Kept::User(_)) | None => {
                        Box::new(List::new(owner.clone(), commit.mark.epoch))
                    }
                };
                list.replay(&commit)?;
                Ok(Kept::Roster(list))
            }
        }
    }

    /// The object, if it is one.
    pub fn object(self) -> Option<Contents> {
        match self {
            Kept::Object(contents) => Some(contents),
            Kept::User(_) | Kept::Roster(_) => None,
        }
    }

    /// Another incarnation: no cursor of the old one leads on from here.
    pub fn begin_anew(&mut self, epoch: u64) {
        match self {
            Kept::Object(contents) => contents.begin_anew(epoch),
            Kept::User(contents) => contents.begin_anew(epoch),
            Kept::Roster(list) => list.begin_anew(epoch),
        }
    }
}

/// Why a group was not kept.
#[derive(Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The shard's log has another position: someone else has written to it, and the caller's state is stale.
    NotOwner { shard: u16, position: u64 },
    /// There is no room. Nothing was kept, and nothing is broken.
    Full(String),
    /// What is on the disk is not known any more. No write may be acknowledged from here on.
    Failed(String),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::NotOwner { shard, position } => {
                write!(f, "not the owner of shard {shard} any more: its log is at {position}")
            }
            CommitError::Full(why) => write!(f, "the store has no room: {why}"),
            CommitError::Failed(why) => write!(f, "the store failed: {why}"),
        }
    }
}

/// Why an object could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum LoadError {
    /// What is stored is not what was written.
    Damaged(String),
    /// It could not be read this time.
    Failed(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Damaged(what) => write!(f, "damaged: {what}"),
            LoadError::Failed(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

/// How many batches of each shard there have been: the fence against an owner whose state is stale.
#[derive(Clone, Debug, Default)]
pub struct Positions(std::collections::BTreeMap<u16, u64>);

impl Positions {
    /// Checks that every batch follows the last one of its shard, and counts it.
    pub fn follow(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        for batch in group {
            let position = self.0.entry(batch.shard).or_default();
            if *position != batch.expected {
                return Err(CommitError::NotOwner { shard: batch.shard, position: *position });
            }
            *position += 1;
        }
        Ok(())
    }
}
