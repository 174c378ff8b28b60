//! What befalls the server: crashes, a full disk, a store that wants its log shortened.

use std::collections::BTreeMap;

use slotcast_protocol::{Code, ObjectName};
use slotcast_state::{Author, Edge, EdgeId, SessionId};

use crate::sim::body::EdgeDesk;
use crate::sim::engine::Engine;
use crate::sim::judge::Heard;
use crate::sim::world::{What, World};

impl World {
    /// Comes again until everyone is quiet.
    pub fn trouble(&mut self) -> Result<(), String> {
        if self.quiet {
            return Ok(());
        }
        let pause = self.dice.between(10, 40);
        self.put(self.now_ms + pause, What::Trouble);
        if self.dice.percent(self.weather.wanted) {
            self.want();
        }
        if self.full && self.dice.percent(30) || !self.full && self.dice.percent(self.weather.full) {
            self.fill(!self.full);
        }
        if self.dice.percent(self.weather.crashes) { self.crash() } else { Ok(()) }
    }

    /// The whole server stops in the midst of everything, and begins anew from what its disks have.
    fn crash(&mut self) -> Result<(), String> {
        self.tally.crashes += 1;
        self.log.line(format!("{} the server crashes", self.now_ms));
        self.lose_what_is_under_way();
        for number in 0..self.edges.len() {
            let edge = Edge::new(
                EdgeId(number as u16),
                self.kinds.clone(),
                self.limits.clone(),
                self.limits.rings_bytes,
            );
            self.edges[number] = EdgeDesk { edge, flush_due: false };
        }
        for shard in 0..self.shards.len() {
            self.restart(shard)?;
        }
        if self.full {
            self.fill(true);
        }
        self.judge_crash()
    }

    /// Clients find out later; until then they hear what is under way to them, and speak to no one.
    fn lose_what_is_under_way(&mut self) {
        self.queue.retain(|_, what| match what {
            What::Act { .. } | What::ToClient { .. } | What::Lost { .. } | What::Trouble => true,
            What::ToServer { .. } | What::ToShard { .. } | What::ToEdge { .. } | What::Flush { .. } => false,
            What::Wake { .. } | What::Noticed { .. } | What::Durable { .. } | What::Look { .. } => false,
        });
        self.sockets.by_session.clear();
        for socket in 0..self.sockets.all.len() {
            if std::mem::take(&mut self.sockets.all[socket].server_open) {
                let delay = self.delay();
                self.put(self.now_ms + delay, What::Lost { socket });
            }
        }
    }

    /// A batch under way may have reached the disk without anyone's being told.
    fn restart(&mut self, shard: usize) -> Result<(), String> {
        let inflight = self.limits.inflight;
        let Engine { mut disk, under_way, gathering } = std::mem::take(&mut self.shards[shard].engine);
        self.tally.batches_lost += u64::from(!gathering.entries.is_empty());
        if let Some(batch) = under_way {
            if self.dice.percent(50) {
                self.tally.batches_kept_untold += 1;
                disk.put(&batch);
            } else {
                self.tally.batches_lost += 1;
            }
        }
        let survivors = disk.recover(&self.kinds, inflight)?;
        let logged: BTreeMap<ObjectName, usize> =
            survivors.iter().map(|survivor| (survivor.object.clone(), survivor.logged)).collect();
        let fresh = self.fresh_shard(shard);
        let desk = &mut self.shards[shard];
        (desk.shard, desk.wakes_ms, desk.engine.disk) = (fresh, None, disk);
        desk.ledger.crash(&logged)?;
        survivors.iter().try_for_each(|survivor| desk.ledger.stands(&survivor.object, &survivor.contents))
    }

    /// No one has heard of anything that is lost: neither a version, nor a send, nor an answer.
    fn judge_crash(&self) -> Result<(), String> {
        for (at, client) in self.clients.iter().enumerate() {
            for (object, room) in &client.rooms {
                let epoch = room.copy.epoch;
                let ledger = &self.shards[self.shard_of(object)].ledger;
                let Some(model) = ledger.life(object, epoch).filter(|model| model.is_stored()) else {
                    continue;
                };
                let who = || format!("a crash has taken from client {at}, {object}");
                if room.copy.complete && room.wanted {
                    self.follows_from(at, SessionId::GONE, object, room.copy.have)
                        .map_err(|why| format!("{}: {why}", who()))?;
                }
                if room.copy.sends > model.sends.len() as u64 {
                    return Err(format!("{}: sends {}", who(), room.copy.sends));
                }
                if room.acknowledged.last().is_some_and(|version| *version > model.version()) {
                    return Err(format!("{}: {:?}", who(), room.acknowledged.last()));
                }
            }
        }
        let forgotten = Heard::Reject(Code::AnswerForgotten);
        self.heard.iter().try_for_each(|((at, object, epoch, id), heard)| {
            let ledger = &self.shards[self.shard_of(object)].ledger;
            let Some(model) = ledger.life(object, *epoch).filter(|model| model.is_stored()) else {
                return Ok(());
            };
            let client = &self.clients[*at];
            let author = Author { user: client.user.clone(), device: client.device.clone() };
            let again = model.repeated(&author.into(), Some(*id)).map(|verdict| Heard::of(&verdict));
            match again {
                Some(again) if again == *heard || again == forgotten => Ok(()),
                other => {
                    Err(format!("client {at}, {object}: the answer to {id} was {heard:?} and is {other:?}"))
                }
            }
        })
    }
}
