//! An engine that keeps everything in memory: what the others are compared with. Nothing of it outlives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use slotcast_protocol::Limits;
use slotcast_protocol::reader::Reader as Bytes;
use slotcast_state::{Commit, Kinds, Name};

use super::{Batch, CommitError, Engine, Index, Kept, LoadError, Positions, Reader, Size};

type Rows = Arc<Mutex<BTreeMap<Name, Vec<u8>>>>;

/// See the module's text.
#[derive(Default)]
pub struct MemoryEngine {
    kinds: Arc<Kinds>,
    positions: Positions,
    rows: Rows,
}

impl MemoryEngine {
    /// Empty; `kinds` say how long deletions are remembered.
    pub fn new(kinds: Arc<Kinds>) -> Self {
        MemoryEngine { kinds, ..MemoryEngine::default() }
    }

    /// As after a crash of the process whose memory it is not: all that was committed is there, and every shard begins anew.
    pub fn reopened(&self) -> Self {
        MemoryEngine { kinds: self.kinds.clone(), rows: self.rows.clone(), positions: Positions::default() }
    }
}

impl Engine for MemoryEngine {
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        let mut positions = self.positions.clone();
        positions.follow(group)?;
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = rows.clone();
        for batch in group {
            let mut reader = Bytes::new(&batch.commits);
            while !reader.is_done() {
                let failed = |fault| CommitError::Failed(format!("a commit cannot be read: {fault}"));
                let name = Commit::skip(&mut reader.clone()).and_then(Name::parse).map_err(failed)?;
                let before = next.get(&name).map(|bytes| Kept::decode(&name, bytes)).transpose();
                let before = before.map_err(failed)?;
                let kept = Kept::replay(before, &mut reader, &name, &self.kinds, &Limits::default());
                next.insert(name, kept.map_err(failed)?.encode());
            }
            next.extend(batch.stores.iter().map(|stored| (stored.name.clone(), stored.contents.clone())));
        }
        *rows = next;
        self.positions = positions;
        Ok(())
    }

    fn tidy(&mut self) -> Result<Vec<Name>, CommitError> {
        Ok(Vec::new())
    }

    fn give_up_reserve(&mut self) {}

    fn reserve(&mut self) -> bool {
        true
    }

    fn index(&self) -> Arc<dyn Index> {
        Arc::new(MemoryReader(self.rows.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, LoadError> {
        Ok(Box::new(MemoryReader(self.rows.clone())))
    }

    fn size(&self) -> Size {
        let names = self.rows.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        Size { names, log_bytes: 0 }
    }
}

struct MemoryReader(Rows);

impl Index for MemoryReader {
    fn has(&self, name: &Name) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }
}

impl Reader for MemoryReader {
    fn load(&mut self, name: &Name) -> Result<Option<Kept>, LoadError> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let decoded = rows.get(name).map(|bytes| Kept::decode(name, bytes));
        decoded.transpose().map_err(|fault| LoadError::Damaged(fault.to_string()))
    }
}
