//! What waits for the store: commits that gather while an earlier batch is under way, and what may be told only when they are kept.

use std::collections::{HashSet, VecDeque};

use slotcast_protocol::Durability;
use slotcast_protocol::writer::Writer;
use slotcast_state::{Commit, Delivery, Effects, Name, Stored, UserCommit, roster};

use crate::engine::Batch;

/// One shard's. Beyond [`Waiting::is_long`] no session is read, so it is bounded by what the sessions have sent before.
#[derive(Default)]
pub struct Waiting {
    shard: u16,
    position: u64,
    under_way: Option<UnderWay>,
    bytes_under_way: usize,
    /// Batches that are complete, in their order; mostly none.
    complete: VecDeque<Gathering>,
    gathering: Gathering,
}

/// What may not be told yet, turn by turn, so that none of it has to be moved.
pub type Held = Vec<Vec<Delivery>>;

/// For a batch that is to come.
#[derive(Default)]
struct Gathering {
    commits: Writer,
    names: Vec<Name>,
    stores: Vec<Stored>,
    stored: HashSet<Name>,
    store_bytes: usize,
    held: Held,
}

/// What happens when the store says that it has the batch.
struct UnderWay {
    held: Held,
    stored: HashSet<Name>,
}

/// bytes of commits that wait; a disk that is slower than its writers slows them down
const LONG_BYTES: usize = 8 * 1024 * 1024;

impl Waiting {
    pub fn new(shard: u16) -> Self {
        Waiting { shard, ..Waiting::default() }
    }

    /// Takes what a turn has for the store; what may be told at once stays in `effects`.
    pub fn take(&mut self, effects: &mut Effects) {
        let durable = |commit: &Commit| commit.durability > Durability::Memory;
        for commit in effects.commits.drain(..).filter(durable) {
            commit.encode(self.room_for(commit.object.clone().into()));
        }
        let durable = |commit: &UserCommit| commit.durability > Durability::Memory;
        for commit in effects.user_commits.drain(..).filter(durable) {
            commit.encode(self.room_for(commit.user.clone().into()));
        }
        let durable = |(_, durability): &(roster::Commit, Durability)| *durability > Durability::Memory;
        for (commit, _) in effects.roster_commits.drain(..).filter(durable) {
            commit.encode(self.room_for(Name::Roster(commit.owner.clone())));
        }
        let Gathering { stores, stored, store_bytes, held, .. } = &mut self.gathering;
        *store_bytes += effects.stores.iter().map(|stored| stored.contents.len()).sum::<usize>();
        stored.extend(effects.stores.iter().map(|stored| stored.name.clone()));
        stores.append(&mut effects.stores);
        if !effects.held.is_empty() {
            held.push(std::mem::take(&mut effects.held));
        }
    }

    /// Where the next commit about a name goes. What is stored whole is as of the end of its batch: what happens to it later begins another.
    fn room_for(&mut self, name: Name) -> &mut Writer {
        if self.gathering.stored.contains(&name) {
            self.complete.push_back(std::mem::take(&mut self.gathering));
        }
        self.gathering.names.push(name);
        &mut self.gathering.commits
    }

    /// The next batch, if none is under way and there is something to keep.
    pub fn next_batch(&mut self) -> Option<Batch> {
        if self.under_way.is_some() {
            return None;
        }
        let next = self.complete.pop_front();
        let next = next.or_else(|| self.gathering.is_work().then(|| std::mem::take(&mut self.gathering)))?;
        self.bytes_under_way = next.bytes();
        let Gathering { commits, names, stores, stored, held, .. } = next;
        self.under_way = Some(UnderWay { held, stored });
        Some(Batch { shard: self.shard, expected: self.position, commits: commits.0, names, stores })
    }

    /// What can be told although nothing is committed with it: nothing that it could run ahead of is under way.
    pub fn free(&mut self) -> Held {
        if self.under_way.is_some() { Vec::new() } else { std::mem::take(&mut self.gathering.held) }
    }

    /// The store has the batch: what may be told now, and what it has whole.
    pub fn committed(&mut self) -> (Held, Vec<Name>) {
        self.position += 1;
        self.bytes_under_way = 0;
        let batch = self.under_way.take();
        batch.map_or_else(Default::default, |batch| (batch.held, batch.stored.into_iter().collect()))
    }

    /// Whether so much waits that no more should be asked for.
    pub fn is_long(&self) -> bool {
        let complete: usize = self.complete.iter().map(Gathering::bytes).sum();
        self.gathering.bytes() + complete + self.bytes_under_way > LONG_BYTES
    }
}

impl Gathering {
    fn is_work(&self) -> bool {
        !self.commits.0.is_empty() || !self.stores.is_empty()
    }

    fn bytes(&self) -> usize {
        self.commits.0.len() + self.store_bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use slotcast_state::Author;

    use super::*;

    fn object() -> slotcast_protocol::ObjectName {
        slotcast_protocol::ObjectName::parse("auction/42").expect("a good name")
    }

    fn commit(version: u64) -> Effects {
        let commit = Commit {
            object: object(),
            durability: Durability::Disk,
            epoch: 1,
            version,
            sends: 0,
            at_ms: 1,
            author: Author::server(),
            id: None,
            answer: None,
            changes: Arc::new([]),
            lives: Vec::new(),
        };
        Effects { commits: vec![commit], ..Effects::default() }
    }

    fn whole(contents: u8) -> Effects {
        let stored = Stored { name: object().into(), contents: vec![contents] };
        Effects { stores: vec![stored], ..Effects::default() }
    }

    #[test]
    fn what_happens_after_a_whole_object_is_in_a_later_batch() {
        let mut waiting = Waiting::new(3);
        waiting.take(&mut commit(1));
        let first = waiting.next_batch().expect("there is something to keep");
        assert_eq!((first.shard, first.expected, first.names.len()), (3, 0, 1));
        for mut effects in [commit(2), whole(2), commit(3), commit(4), whole(4)] {
            waiting.take(&mut effects);
            assert!(waiting.next_batch().is_none(), "one is under way");
        }
        let mut batches = Vec::new();
        waiting.committed();
        while let Some(batch) = waiting.next_batch() {
            waiting.committed();
            let whole: Vec<u8> = batch.stores.iter().flat_map(|stored| stored.contents.clone()).collect();
            batches.push((batch.expected, batch.names.len(), whole));
        }
        assert_eq!(batches, [(1, 1, vec![2]), (2, 2, vec![4])]);
    }
}
