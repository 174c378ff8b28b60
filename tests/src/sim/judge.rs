//! The judge: everything that a client hears is held against the ledgers at once, and all of it again at rest.

use slotcast_protocol::{Code, Durability, Encoding, Event, ObjectName, Sent, Snapshot, Success};
use slotcast_state::{Effects, Input, SessionId, View};

use crate::json_wire;
use crate::model::{Cell, Model, State, Verdict};
use crate::sim::body::ShardDesk;
use crate::sim::client::{Pending, Room};
use crate::sim::engine::Engine;
use crate::sim::world::World;
use crate::verdicts::same;

type Judged = Result<(), String>;

/// An answer, as far as it has to be the same again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    Success { version: u64, changed: bool },
    Reject(Code),
}

impl Heard {
    pub fn of(verdict: &Verdict) -> Heard {
        match verdict {
            Verdict::Success { version, changed } => Heard::Success { version: *version, changed: *changed },
            Verdict::Reject { code, .. } => Heard::Reject(*code),
        }
    }
}

fn judge(holds: bool, what: impl FnOnce() -> String) -> Judged {
    if holds { Ok(()) } else { Err(what()) }
}

impl World {
    /// A client hears a message.
    pub fn hear(&mut self, at: usize, socket: usize, message: &[u8]) -> Judged {
        let event = match self.sockets.all[socket].encoding {
            Encoding::MessagePack => Event::decode(message),
            Encoding::Json => json_wire::event(std::str::from_utf8(message).map_err(|_| "UTF-8")?),
        };
        let event = event.map_err(|fault| format!("an event cannot be read: {fault}"))?;
        let event = event.ok_or("an event that no one knows")?;
        let told =
            serde_json::from_str::<serde_json::Value>(&slotcast_protocol::json::event_text(&event.encode()));
        let told = told.map_err(|error| error.to_string())?.to_string();
        let told: String = told.chars().take(300).collect();
        self.log.line(format!("{} client {at} hears {told}", self.now_ms));
        let session = self.sockets.all[socket].session.expect("who hears has said hello");
        let heard = match &event {
            Event::Welcome(_) => {
                self.clients[at].welcomed = true;
                self.resume(at);
                Ok(())
            }
            Event::Success(Success { id, version, changed, .. }) => {
                self.answered(at, *id, Heard::Success { version: *version, changed: *changed })
            }
            Event::Reject(reject) => self.answered(at, reject.id, Heard::Reject(reject.fault.code)),
            Event::Snapshot(snapshot) => self.snapshot(at, session, snapshot, &event),
            Event::Diff(diff) => self.diff(at, session, &diff.object, &event),
            Event::Sent(sent) => self.sent(at, sent, &event),
            Event::Released { object } => self.released(at, object),
            Event::Fingerprint { object, epoch, version, md5 } => {
                self.fingerprint(at, object, (*epoch, *version), md5)
            }
            Event::Error { fault, object: Some(_) } if fault.code == Code::Unavailable => {
                self.cut(at, socket);
                Ok(())
            }
            Event::Error { .. } | Event::Pong { .. } | Event::Goaway { .. } | Event::Relay(_) => {
                Err("no one asked".to_owned())
            }
            Event::Renewed { .. } | Event::Close { .. } => Err("no one here has a token".to_owned()),
        };
        heard.map_err(|why| format!("client {at}: {why}\n  hearing {told}"))
    }

    fn room(&mut self, at: usize, object: &ObjectName) -> Result<&mut Room, String> {
        let room = self.clients[at].rooms.get_mut(object);
        room.filter(|room| room.wanted || room.releases > 0).ok_or_else(|| format!("{object} is not in use"))
    }

    fn model(&self, object: &ObjectName, epoch: u64) -> Result<&Model, String> {
        let life = self.shards[self.shard_of(object)].ledger.life(object, epoch);
        life.ok_or_else(|| format!("{object} never had the epoch {epoch}"))
    }

    /// Answers come in the order of the requests, per object.
    fn answered(&mut self, at: usize, id: Option<u64>, heard: Heard) -> Judged {
        let mut rooms = self.clients[at].rooms.iter_mut();
        let asked = |room: &&mut Room| room.sent > 0 && room.unanswered.front().is_some_and(|p| p.id == id);
        let room = rooms.find_map(|(object, room)| Some((object, asked(&&mut *room).then_some(room)?)));
        let (object, room) = room.ok_or("an answer to nothing, or out of order")?;
        let (object, pending) = (object.clone(), room.answer());
        if heard == Heard::Reject(Code::StorageFull) {
            judge(self.is_new(at, &object, &pending), || "no room for what was answered".to_owned())?;
            self.no_room(at, &object, pending);
            return Ok(());
        }
        if let Heard::Success { version, changed: true } = heard {
            room.acknowledged.insert(version);
        }
        room.remember(pending.clone());
        self.the_same_again(at, object, &pending, heard)
    }

    fn is_new(&self, at: usize, object: &ObjectName, pending: &Pending) -> bool {
        let key = pending.id.map(|id| (at, object.clone(), pending.epoch, id));
        key.is_none_or(|key| !self.heard.contains_key(&key))
    }

    /// A repeated request has one answer, unless it is no longer kept. Another life of the object knows nothing of it; a stored object has
    /// one only as long as nothing has happened to it.
    fn the_same_again(&mut self, at: usize, object: ObjectName, pending: &Pending, heard: Heard) -> Judged {
        let Some(id) = pending.id else { return Ok(()) };
        if heard == Heard::Reject(Code::WrongEpoch) {
            let stored = self.kinds.of(&object).durability > Durability::Memory;
            let new = self.is_new(at, &object, pending);
            return judge(new || !stored, || format!("{id} was answered in this life"));
        }
        if heard == Heard::Reject(Code::AnswerForgotten) {
            return Ok(());
        }
        let key = (at, object, pending.epoch, id);
        self.tally.answers_compared += u64::from(self.heard.contains_key(&key));
        let first = *self.heard.entry(key).or_insert(heard);
        judge(first == heard, || format!("the answer to {id} was {first:?}"))
    }

    fn snapshot(&mut self, at: usize, session: SessionId, snapshot: &Snapshot, event: &Event) -> Judged {
        let object = &snapshot.object;
        let room = self.room(at, object)?;
        if room.copy.complete {
            let sends = room.counts.then_some(room.copy.sends);
            room.before = Some((room.copy.epoch, room.copy.have, sends));
        }
        let interrupted = snapshot.part == 1 && room.copy.is_in_parts();
        judge(!interrupted || room.used_again, || "parts begin anew, and no one asked".to_owned())?;
        room.copy.take(event).map_err(|broken| broken.0)?;
        if snapshot.more {
            return Ok(());
        }
        let before = room.before.take();
        let met_other = before.is_some_and(|(epoch, ..)| epoch != snapshot.epoch);
        let before = before.filter(|_| !met_other);
        let from = before.map_or(0, |(_, have, _)| have);
        judge(from <= snapshot.version, || format!("back from {from} to {}", snapshot.version))?;
        if let Some((_, _, Some(sends))) = before {
            let lost = snapshot.sends.checked_sub(sends).ok_or("fewer sends than before")?;
            let told = snapshot.skipped == lost || snapshot.skipped == 0 && room.used_again;
            judge(told, || format!("{lost} sends are lost, and told are {}", snapshot.skipped))?;
        }
        room.counts = true;
        let waiting = room.waiting;
        self.tally.sends_skipped += snapshot.skipped;
        self.tally.resumed_by_snapshot += u64::from(waiting);
        self.tally.other_epochs_met += u64::from(met_other);
        self.follows_from(at, session, object, from)?;
        if waiting {
            self.resumed(at, object)
        }
        Ok(())
    }

    /// Whether the client is being given parts of some object.
    fn is_in_parts(&self, at: usize) -> bool {
        self.clients[at].rooms.values().any(|room| room.copy.is_in_parts())
    }

    fn diff(&mut self, at: usize, session: SessionId, object: &ObjectName, event: &Event) -> Judged {
        let Event::Diff(diff) = event else { return Ok(()) };
        let room = self.room(at, object)?;
        let have = room.copy.have;
        judge(diff.from <= diff.to && have <= diff.to, || format!("back from {have} to {}", diff.to))?;
        room.copy.take(event).map_err(|broken| broken.0)?;
        let (waiting, crossed, rated) = (room.waiting, room.crossed, room.rated);
        let rated = rated || self.kinds.of(object).rate.is_some();
        let folded = (diff.to - diff.from.max(have)).saturating_sub(1);
        self.tally.folded_by_rate += if rated && !waiting { folded } else { 0 };
        self.tally.others_within_parts += u64::from(self.is_in_parts(at));
        self.tally.sends_skipped += diff.skipped;
        self.tally.resumed_by_diff += u64::from(waiting);
        self.tally.resumed_by_diff_across_a_crash += u64::from(waiting && crossed);
        self.follows_from(at, session, object, have)?;
        if waiting {
            self.resumed(at, object)
        }
        Ok(())
    }

    /// The copy is the object at its version, and each of the session's own writes in it was answered before.
    pub fn follows_from(&self, at: usize, session: SessionId, object: &ObjectName, from: u64) -> Judged {
        let room = &self.clients[at].rooms[object];
        let model = self.model(object, room.copy.epoch)?;
        let state = model.states.get(room.copy.have as usize);
        let state = state.ok_or_else(|| format!("a version {} that is not yet", room.copy.have))?;
        let mut result = Ok(());
        for view in &room.views {
            result = same(&room.copy, state, view);
            if result.is_ok() {
                break;
            }
        }
        result.map_err(|why| format!("{object} at {}: {why}", room.copy.have))?;
        for version in from + 1..=room.copy.have {
            let own = model.makers[version as usize] == Some(session);
            judge(!own || room.acknowledged.contains(&version), || {
                format!("{object}: version {version} came before its success")
            })?;
        }
        Ok(())
    }

    /// The next one, unless the count is not known; and nothing in view happened between the copy and it.
    fn sent(&mut self, at: usize, sent: &Sent, event: &Event) -> Judged {
        let room = self.room(at, &sent.object)?;
        let (epoch, have, counts, count) = (room.copy.epoch, room.copy.have, room.counts, room.copy.sends);
        let (views, rated) = (room.views.clone(), room.rated);
        let rated = rated || self.kinds.of(&sent.object).rate.is_some();
        let room = self.room(at, &sent.object)?;
        judge(room.copy.complete, || "a send before the first snapshot".to_owned())?;
        let model = self.model(&sent.object, epoch)?;
        let place = model.sends.iter().position(|other| other == sent).ok_or("a send that never was")? as u64;
        judge(!counts || place == count, || format!("send {place} after {count}"))?;
        let between = model.states.get(have as usize).zip(model.states.get(sent.version as usize));
        let (copied, then) = between.ok_or("a send of a version that is not yet")?;
        let seen = views.iter().any(|view| shown(copied, view).eq(shown(then, view)));
        judge(seen || rated && have > sent.version, || {
            format!("a send of version {} with {have} at hand", sent.version)
        })?;
        self.tally.sent_received += 1;
        self.tally.sends_behind_later_changes += u64::from(rated && have > sent.version);
        let room = self.room(at, &sent.object)?;
        (room.counts, room.copy.sends) = (true, place);
        room.copy.take(event).map_err(|broken| broken.0)
    }

    fn released(&mut self, at: usize, object: &ObjectName) -> Judged {
        let room = self.room(at, object)?;
        room.releases = room.releases.checked_sub(1).ok_or("released without a release")?;
        room.copy = Default::default();
        (room.counts, room.before) = (false, None);
        room.views = room.views.pop().into_iter().collect();
        Ok(())
    }

    fn fingerprint(&mut self, at: usize, object: &ObjectName, of: (u64, u64), md5: &str) -> Judged {
        let Some(room) = self.clients[at].rooms.get(object) else { return Ok(()) };
        let comparable = room.views == [View::default()] && (room.copy.epoch, room.copy.have) == of;
        if comparable && room.copy.complete {
            self.tally.fingerprints_compared += 1;
            judge(self.clients[at].rooms[object].copy.fingerprint() == md5, || {
                "another fingerprint".to_owned()
            })?;
        }
        Ok(())
    }

    /// Nothing is under way: all is answered, all copies are the object.
    pub fn judge_rest(&mut self) -> Judged {
        for (at, client) in self.clients.iter().enumerate().filter(|(_, client)| !client.gone) {
            judge(client.welcomed, || format!("client {at} has no welcome"))?;
            for (object, room) in client.rooms.iter().filter(|(_, room)| room.wanted) {
                let who = format!("at rest, client {at}, {object}");
                judge(!room.waiting && room.copy.complete, || format!("{who}: no answer to use"))?;
                judge(room.unanswered.is_empty(), || format!("{who}: {} unanswered", room.unanswered.len()))?;
                let model = self.shards[self.shard_of(object)].ledger.living(object);
                let model = model.ok_or_else(|| format!("{who}: it is dead"))?;
                judge(room.copy.epoch == model.epoch, || format!("{who}: another epoch"))?;
                let view = room.views.last().expect("there is one");
                same(&room.copy, model.now(), view).map_err(|why| format!("{who}: {why}"))?;
                judge(!room.counts || room.copy.sends == model.sends.len() as u64, || {
                    format!("{who}: {} sends of {}", room.copy.sends, model.sends.len())
                })?;
            }
        }
        for at in 0..self.shards.len() {
            let objects: Vec<_> = self.shards[at].ledger.objects().cloned().collect();
            objects.iter().try_for_each(|object| self.judge_object(at, object))?;
            self.judge_store(at)?;
        }
        self.judge_rings()
    }

    /// When the last has left, an edge keeps nothing.
    fn judge_rings(&mut self) -> Judged {
        for session in self.sockets.by_session.keys() {
            self.edges[usize::from(session.edge().0)].edge.close(*session);
        }
        let kept: usize = self.edges.iter().map(|desk| desk.edge.rings_bytes()).sum();
        judge(kept == 0, || format!("all have left, and rings hold {kept} bytes"))
    }

    /// If it crashed now, nothing would be lost.
    fn judge_store(&self, shard: usize) -> Judged {
        let ShardDesk { ledger, engine, .. } = &self.shards[shard];
        let Engine { disk, under_way, gathering } = engine;
        let idle = under_way.is_none() && gathering.entries.is_empty() && gathering.held.is_empty();
        judge(idle, || "at rest something is held".to_owned())?;
        let survivors = disk.clone().recover(&self.kinds, self.limits.inflight)?;
        survivors.iter().try_for_each(|survivor| ledger.stands(&survivor.object, &survivor.contents))?;
        let models = ledger.objects().filter_map(|object| ledger.living(object));
        let stored = models.filter(|model| model.is_stored() && !model.is_blank()).count();
        judge(stored == survivors.len(), || format!("{} of {stored} objects are stored", survivors.len()))
    }

    /// No slot is left of those who are gone, and the shard's fingerprint is that of the copies.
    fn judge_object(&mut self, shard: usize, object: &ObjectName) -> Judged {
        let model = self.shards[shard].ledger.living(object).ok_or("it was just there")?;
        let orphans = model.orphans();
        let awake = self.shards[shard].ledger.is_awake(object);
        judge(orphans.is_empty() || !awake, || format!("{object}: {orphans:?} should be gone"))?;
        let whole = |room: &Room| room.wanted && room.views.last() == Some(&View::default());
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            let Some(room) = client.rooms.get(object).filter(|room| whole(room) && !client.gone) else {
                continue;
            };
            let ours = room.copy.fingerprint();
            let socket = client.socket.ok_or("at rest everyone is connected")?;
            let session = self.sockets.all[socket].session.ok_or("at rest everyone is welcome")?;
            let mut effects = Effects::default();
            let desk = &mut self.shards[shard];
            let input = Input::Fingerprint { session, object: object.clone() };
            desk.ledger.run(&mut desk.shard, input, &mut effects)?;
            let theirs = effects.deliveries.iter().chain(&effects.held).any(|delivery| {
                let slotcast_state::Delivery::Reply { event, .. } = delivery else { return false };
                matches!(event, Event::Fingerprint { md5, .. } if *md5 == ours)
            });
            judge(theirs, || format!("{object}: client {at} has another fingerprint"))?;
            self.tally.fingerprints_compared += 1;
        }
        Ok(())
    }
}

fn shown<'a>(state: &'a State, view: &'a View) -> impl Iterator<Item = (&'a str, u64)> {
    let shown = state.iter().filter(|(slot, _)| view.shows(slot));
    shown.map(|(slot, cell): (_, &Cell)| (slot.as_str(), cell.version))
}
