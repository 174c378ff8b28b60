//! An engine that fails now and then, before it has done anything.

use std::sync::Arc;

use slotcast_node::engine::{Batch, CommitError, Engine, Index, Kept, LoadError, Reader, Size};
use slotcast_state::Name;

/// Every third group finds no room the first time, every second load fails the first time.
pub struct Failing {
    engine: Box<dyn Engine>,
    commits: u64,
    /// From this one on everything fails for good.
    breaks_at: u64,
}

impl Failing {
    pub fn now_and_then(engine: Box<dyn Engine>) -> Failing {
        Failing { engine, commits: 0, breaks_at: u64::MAX }
    }

    /// Commits `good` groups, and then never again.
    pub fn after(engine: Box<dyn Engine>, good: u64) -> Failing {
        Failing { engine, commits: 0, breaks_at: good }
    }
}

impl Engine for Failing {
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        if self.commits >= self.breaks_at {
            return Err(CommitError::Failed("the disk is broken".to_owned()));
        }
        self.commits += 1;
        if self.breaks_at == u64::MAX && self.commits.is_multiple_of(3) {
            return Err(CommitError::Full("there is no room just now".to_owned()));
        }
        self.engine.commit(group)
    }

    fn tidy(&mut self) -> Result<Vec<Name>, CommitError> {
        self.engine.tidy()
    }

    fn give_up_reserve(&mut self) {
        self.engine.give_up_reserve();
    }

    fn reserve(&mut self) -> bool {
        self.engine.reserve()
    }

    fn index(&self) -> Arc<dyn Index> {
        self.engine.index()
    }

    fn reader(&self) -> Result<Box<dyn Reader>, LoadError> {
        Ok(Box::new(FailingReader { reader: self.engine.reader()?, loads: 0 }))
    }

    fn size(&self) -> Size {
        self.engine.size()
    }
}

struct FailingReader {
    reader: Box<dyn Reader>,
    loads: u64,
}

impl Reader for FailingReader {
    fn load(&mut self, name: &Name) -> Result<Option<Kept>, LoadError> {
        self.loads += 1;
        if self.loads % 2 == 1 {
            return Err(LoadError::Failed("not this time".to_owned()));
        }
        self.reader.load(name)
    }
}
