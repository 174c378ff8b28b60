//! The store of each shard, as the body drives it: one batch at a time is under way to the disk, and what is held waits for it.

use slotcast_protocol::{Code, Fault};
use slotcast_state::{Contents, Effects, Found, Input, Name};

use crate::sim::world::{What, World};
use crate::store::{Batch, Disk};
use crate::wishes;

/// What is durable, and what is not yet.
#[derive(Default)]
pub struct Engine {
    pub disk: Disk,
    pub under_way: Option<Batch>,
    pub gathering: Batch,
}

impl World {
    /// What a turn of a shard wants from its store.
    pub fn hand_over(&mut self, shard: usize, effects: &mut Effects) -> Result<(), String> {
        for stored in &effects.stores {
            let contents = Contents::decode(&stored.contents).map_err(|fault| fault.to_string())?;
            let object = stored.name.object().ok_or("a user among objects")?;
            self.shards[shard].ledger.stands(object, &contents)?;
            self.tally.wholes += 1;
        }
        self.shards[shard].engine.gathering.gather(effects);
        for name in effects.loads.drain(..) {
            let answered = self.now_ms + self.disk_delay();
            self.put(answered, What::Look { shard, name });
        }
        self.go_on(shard);
        Ok(())
    }

    /// The next batch, if none is under way; what waits for nothing is told.
    fn go_on(&mut self, shard: usize) {
        let engine = &mut self.shards[shard].engine;
        if engine.under_way.is_some() {
            return;
        }
        let batch = std::mem::take(&mut engine.gathering);
        if batch.entries.is_empty() {
            return batch.held.into_iter().for_each(|delivery| self.deliver(shard, delivery));
        }
        engine.under_way = Some(batch);
        self.tally.batches += 1;
        let durable = self.now_ms + self.disk_delay();
        self.put(durable, What::Durable { shard });
    }

    /// The batch under way is durable.
    pub fn durable(&mut self, shard: usize) {
        let engine = &mut self.shards[shard].engine;
        let batch = engine.under_way.take().expect("the disk confirms what it was given");
        engine.disk.put(&batch);
        self.log.line(format!("{} shard {shard}: {} entries are durable", self.now_ms, batch.entries.len()));
        let kept = batch.wholes().into_iter().map(|name| Input::Kept { name });
        kept.for_each(|input| self.put(self.now_ms, What::ToShard { shard, input }));
        batch.held.into_iter().for_each(|delivery| self.deliver(shard, delivery));
        self.go_on(shard);
    }

    /// An object is looked for.
    pub fn look(&mut self, shard: usize, name: Name) -> Result<(), String> {
        let refuses = !self.quiet && self.dice.percent(self.weather.refusals);
        let found = match refuses {
            true => Found::Refused(Fault::new(Code::Unavailable, "the disk does not answer")),
            false => self.shards[shard].engine.disk.load(&name)?,
        };
        self.log.line(format!("{} shard {shard}: {name} is {found:?}", self.now_ms));
        self.work(shard, Some(Input::Loaded { name, found }))
    }

    fn disk_delay(&mut self) -> u64 {
        let most = self.weather.disk_ms;
        if self.dice.percent(3) { self.dice.below(most * 8 + 1) } else { self.dice.below(most + 1) }
    }

    /// The store would like to have everything whole.
    pub fn want(&mut self) {
        for shard in 0..self.shards.len() {
            let numbers = 1..=self.weather.stored;
            let names = numbers.map(|number| wishes::object(&format!("safe/{number}")).into()).collect();
            self.put(self.now_ms, What::ToShard { shard, input: Input::Wanted { names } });
        }
    }

    /// There is no room any more, or there is again.
    pub fn fill(&mut self, full: bool) {
        self.full = full;
        for shard in 0..self.shards.len() {
            self.put(self.now_ms, What::ToShard { shard, input: Input::StorageFull(full) });
        }
    }
}
