//! What waits for the store: commits that gather while an earlier batch is under way, and what may be told only when they are kept.

use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Durability, ObjectName};
use slotcast_state::{Delivery, Effects, Stored};

use crate::engine::Batch;

/// One shard's. Beyond [`Waiting::is_long`] no session is read, so it is bounded by what the sessions have sent before.
#[derive(Default)]
pub struct Waiting {
    shard: u16,
    position: u64,
    gathering: Gathering,
    under_way: Option<UnderWay>,
    bytes_under_way: usize,
}

/// For the next batch.
#[derive(Default)]
struct Gathering {
    commits: Writer,
    objects: Vec<ObjectName>,
    stores: Vec<Stored>,
    store_bytes: usize,
    held: Vec<Delivery>,
}

/// What happens when the store says that it has the batch.
struct UnderWay {
    held: Vec<Delivery>,
    stored: Vec<ObjectName>,
}

/// bytes of commits that wait; a disk that is slower than its writers slows them down
const LONG_BYTES: usize = 8 * 1024 * 1024;

impl Waiting {
    pub fn new(shard: u16) -> Self {
        Waiting { shard, ..Waiting::default() }
    }

    /// Takes what a turn has for the store; what may be told at once stays in `effects`.
    pub fn take(&mut self, effects: &mut Effects) {
        let Gathering { commits, objects, stores, store_bytes, held } = &mut self.gathering;
        for commit in effects.commits.drain(..).filter(|commit| commit.durability > Durability::Memory) {
            commit.encode(commits);
            objects.push(commit.object);
        }
        *store_bytes += effects.stores.iter().map(|stored| stored.contents.len()).sum::<usize>();
        stores.append(&mut effects.stores);
        held.append(&mut effects.held);
    }

    /// The next batch, if none is under way and there is something to keep.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let anything = !self.gathering.commits.0.is_empty() || !self.gathering.stores.is_empty();
        if self.under_way.is_some() || !anything {
            return None;
        }
        let Gathering { commits, objects, stores, store_bytes, held } = std::mem::take(&mut self.gathering);
        self.bytes_under_way = commits.0.len() + store_bytes;
        let stored = stores.iter().map(|stored| stored.object.clone()).collect();
        self.under_way = Some(UnderWay { held, stored });
        Some(Batch { shard: self.shard, expected: self.position, commits: commits.0, objects, stores })
    }

    /// What can be told although nothing is committed with it: nothing that it could run ahead of is under way.
    pub fn free(&mut self) -> Vec<Delivery> {
        if self.under_way.is_some() { Vec::new() } else { std::mem::take(&mut self.gathering.held) }
    }

    /// The store has the batch: what may be told now, and which objects it has whole.
    pub fn committed(&mut self) -> (Vec<Delivery>, Vec<ObjectName>) {
        self.position += 1;
        self.bytes_under_way = 0;
        self.under_way.take().map_or_else(Default::default, |batch| (batch.held, batch.stored))
    }

    /// Whether so much waits that no more should be asked for.
    pub fn is_long(&self) -> bool {
        let Gathering { commits, store_bytes, .. } = &self.gathering;
        commits.0.len() + store_bytes + self.bytes_under_way > LONG_BYTES
    }
}
