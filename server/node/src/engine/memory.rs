//! An engine that keeps everything in memory: what the others are compared with. Nothing of it outlives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use slotcast_protocol::ObjectName;
use slotcast_protocol::reader::Reader as Bytes;
use slotcast_state::{Commit, Contents, Kinds};

use super::{Batch, CommitError, Engine, Index, LoadError, Positions, Reader, Size};

/// Answers kept per device and object; the default of the limits.
const INFLIGHT: usize = 64;

type Objects = Arc<Mutex<BTreeMap<ObjectName, Vec<u8>>>>;

/// See the module's text.
#[derive(Default)]
pub struct MemoryEngine {
    kinds: Arc<Kinds>,
    positions: Positions,
    objects: Objects,
}

impl MemoryEngine {
    /// Empty; `kinds` say how long deletions are remembered.
    pub fn new(kinds: Arc<Kinds>) -> Self {
        MemoryEngine { kinds, ..MemoryEngine::default() }
    }

    /// As after a crash of the process whose memory it is not: all that was committed is there, and every shard begins anew.
    pub fn reopened(&self) -> Self {
        MemoryEngine {
            kinds: self.kinds.clone(),
            objects: self.objects.clone(),
            positions: Positions::default(),
        }
    }
}

impl Engine for MemoryEngine {
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        let mut positions = self.positions.clone();
        positions.follow(group)?;
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = objects.clone();
        for batch in group {
            let mut reader = Bytes::new(&batch.commits);
            while !reader.is_done() {
                let failed = |fault| CommitError::Failed(format!("a commit cannot be read: {fault}"));
                let commit = Commit::decode(&mut reader).map_err(failed)?;
                let before = next.get(&commit.object).map(|bytes| Contents::decode(bytes));
                let mut contents =
                    before.unwrap_or_else(|| Ok(Contents::new(commit.epoch))).map_err(failed)?;
                let depth = self.kinds.of(&commit.object).resync_depth;
                contents.replay(&commit, depth, INFLIGHT).map_err(failed)?;
                next.insert(commit.object.clone(), contents.encode());
            }
            next.extend(batch.stores.iter().map(|stored| (stored.object.clone(), stored.contents.clone())));
        }
        *objects = next;
        self.positions = positions;
        Ok(())
    }

    fn tidy(&mut self) -> Result<Vec<ObjectName>, CommitError> {
        Ok(Vec::new())
    }

    fn give_up_reserve(&mut self) {}

    fn reserve(&mut self) -> bool {
        true
    }

    fn index(&self) -> Arc<dyn Index> {
        Arc::new(MemoryReader(self.objects.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, LoadError> {
        Ok(Box::new(MemoryReader(self.objects.clone())))
    }

    fn size(&self) -> Size {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        Size { objects, log_bytes: 0 }
    }
}

struct MemoryReader(Objects);

impl Index for MemoryReader {
    fn has(&self, object: &ObjectName) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(object)
    }
}

impl Reader for MemoryReader {
    fn load(&mut self, object: &ObjectName) -> Result<Option<Contents>, LoadError> {
        let objects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let decoded = objects.get(object).map(|bytes| Contents::decode(bytes));
        decoded.transpose().map_err(|fault| LoadError::Damaged(fault.to_string()))
    }
}
