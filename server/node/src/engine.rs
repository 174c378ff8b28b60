//! Where accepted changes are kept. The engine of this version keeps nothing beyond the process; it holds the order and the fence that the
//! others will need.

use std::collections::BTreeMap;
use std::fmt;

use slotcast_state::Commit;

/// Keeps what shards commit. One commit is in flight per shard.
pub trait Engine {
    /// Keeps the batch as a whole or not at all, if `expected` is the position that the shard's log has; the new position.
    ///
    /// An answer of [`CommitError::NotOwner`] means that another has written to the log: the caller's state is stale and must go.
    fn commit(&mut self, shard: u16, expected: u64, batch: Vec<Commit>) -> Result<u64, CommitError>;
}

/// Why a batch was not kept.
#[derive(Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The log's position is another.
    NotOwner { position: u64 },
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::NotOwner { position } => {
                write!(f, "not the owner any more: the log is at {position}")
            }
        }
    }
}

/// Class `memory`: a crash loses everything, and every `success` says so.
#[derive(Default)]
pub struct MemoryEngine {
    positions: BTreeMap<u16, u64>,
}

impl Engine for MemoryEngine {
    fn commit(&mut self, shard: u16, expected: u64, batch: Vec<Commit>) -> Result<u64, CommitError> {
        let position = self.positions.entry(shard).or_default();
        if *position != expected {
            return Err(CommitError::NotOwner { position: *position });
        }
        *position += batch.len() as u64;
        Ok(*position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_a_stale_owner() {
        let mut engine = MemoryEngine::default();
        assert_eq!(engine.commit(0, 0, Vec::new()), Ok(0));
        assert_eq!(engine.commit(0, 7, Vec::new()), Err(CommitError::NotOwner { position: 0 }));
    }
}
