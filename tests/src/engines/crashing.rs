//! An engine that crashes after every group, and is opened again before the next: whoever has it does not notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_node::engine::{Batch, CommitError, Engine, Index, LoadError, Positions, Reader, Size};
use slotcast_state::Name;

use super::Reopen;

pub struct Crashing {
    engine: Option<Box<dyn Engine>>,
    crash: Reopen,
    positions: Positions,
}

impl Crashing {
    pub fn new(engine: Box<dyn Engine>, crash: Reopen) -> Crashing {
        Crashing { engine: Some(engine), crash, positions: Positions::default() }
    }

    fn engine(&self) -> &dyn Engine {
        self.engine.as_deref().expect("it is there between two calls")
    }

    fn engine_mut(&mut self) -> &mut dyn Engine {
        self.engine.as_deref_mut().expect("it is there between two calls")
    }
}

/// The same batches as the first ones of their shards, which they are to an engine that has just been opened.
fn as_first(group: &[Batch]) -> Vec<Batch> {
    let mut next: BTreeMap<u16, u64> = BTreeMap::new();
    let first = group.iter().cloned().map(|mut batch| {
        let position = next.entry(batch.shard).or_default();
        batch.expected = *position;
        *position += 1;
        batch
    });
    first.collect()
}

impl Engine for Crashing {
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        let mut positions = self.positions.clone();
        positions.follow(group)?;
        self.engine_mut().commit(&as_first(group))?;
        self.positions = positions;
        let before = self.engine.take().expect("it is there between two calls");
        self.engine = Some((self.crash)(before));
        Ok(())
    }

    fn tidy(&mut self) -> Result<Vec<Name>, CommitError> {
        self.engine_mut().tidy()
    }

    fn give_up_reserve(&mut self) {
        self.engine_mut().give_up_reserve();
    }

    fn reserve(&mut self) -> bool {
        self.engine_mut().reserve()
    }

    fn index(&self) -> Arc<dyn Index> {
        self.engine().index()
    }

    fn reader(&self) -> Result<Box<dyn Reader>, LoadError> {
        self.engine().reader()
    }

    fn size(&self) -> Size {
        self.engine().size()
    }
}
