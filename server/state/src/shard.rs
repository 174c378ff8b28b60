//! A shard: the single writer of its share of the objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{Code, Event, Fault, Limits, ObjectName, Reject};

use crate::effects::{Delivery, Effects, Input};
use crate::ids::{ChannelId, SessionId};
use crate::kind::Kinds;
use crate::object::Object;

/// Owns objects. [`Shard::handle`] is pure and bounded: the same inputs in the same order give the same effects.
///
/// The body runs it in this order: hand over a `Tick` with the time, then the inputs; put [`Effects::commits`] to the engine;
/// when the engine has them, carry out [`Effects::deliveries`] in their order. Call again with a `Tick` at
/// [`Shard::next_deadline`].
pub struct Shard {
    number: u16,
    now_ms: u64,
    dice: u64,
    kinds: Arc<Kinds>,
    limits: Arc<Limits>,
    objects: BTreeMap<ObjectName, Object>,
    deadlines: BTreeSet<(u64, ObjectName)>,
    channels: u64,
}

impl Shard {
    /// `number` tells it from the other shards of a server; epochs are drawn from `seed`.
    pub fn new(number: u16, seed: u64, kinds: Arc<Kinds>, limits: Arc<Limits>) -> Self {
        let (objects, deadlines) = (BTreeMap::new(), BTreeSet::new());
        Shard { number, now_ms: 0, dice: seed, kinds, limits, objects, deadlines, channels: 0 }
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Objects in memory.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Takes one input and appends what must happen.
    pub fn handle(&mut self, input: Input, effects: &mut Effects) {
        match input {
            Input::Tick(now_ms) => self.tick(now_ms, effects),
            Input::Use { session, author, object, audience, cursor, covered, turn } => {
                let fresh = self.fresh_channel();
                self.make(&object);
                self.with(&object, |object, _, _| {
                    let saw_others = object.join(session, &author, audience, turn, fresh);
                    object.start(session, cursor.filter(|_| !saw_others), covered && !saw_others, effects);
                });
            }
            Input::CatchUp { session, object, cursor } => {
                self.with(&object, |object, _, _| object.start(session, cursor, false, effects));
            }
            Input::Release { session, object } => self.release(session, object, effects),
            Input::Gone { session, objects } => {
                for object in objects {
                    self.with(&object, |object, now_ms, _| _ = object.leave(session, now_ms, effects));
                }
            }
            Input::Write { session, author, write } => {
                let done = self.with_used(session, &write.object, |object, now_ms, limits| {
                    object.write(session, &author, &write, now_ms, limits, effects);
                });
                if !done {
                    effects.deliveries.push(not_used_reject(session, write.id, &write.object));
                }
            }
            Input::Send { session, author, send } => {
                let (id, name) = (send.id, send.object.clone());
                let done = self.with_used(session, &name, |object, now_ms, limits| {
                    object.send(session, &author, send, now_ms, limits, effects);
                });
                if !done {
                    effects.deliveries.push(not_used_reject(session, id, &name));
                }
            }
            Input::Fingerprint { session, object } => {
                let done = self.with_used(session, &object, |object, _, _| {
                    effects.deliveries.push(Delivery::Reply { session, event: object.fingerprint() });
                });
                if !done {
                    effects.deliveries.push(not_used_error(session, object));
                }
            }
        }
    }

    fn tick(&mut self, now_ms: u64, effects: &mut Effects) {
        self.now_ms = self.now_ms.max(now_ms);
        while let Some((_, name)) = self.deadlines.pop_first_if_due(self.now_ms) {
            let Some(object) = self.objects.get_mut(&name) else { continue };
            if object.is_dead(self.now_ms) {
                self.objects.remove(&name);
            } else {
                object.expire(self.now_ms, effects);
                self.deadlines.extend(object.next_deadline().map(|at| (at, name)));
            }
        }
    }

    fn release(&mut self, session: SessionId, object: ObjectName, effects: &mut Effects) {
        let mut left = false;
        self.with(&object, |object, now_ms, _| left = object.leave(session, now_ms, effects));
        effects.deliveries.push(match left {
            true => Delivery::Left { session, object },
            false => not_used_error(session, object),
        });
    }

    fn make(&mut self, name: &ObjectName) {
        if !self.objects.contains_key(name) {
            let epoch = self.roll() >> 12 | 1;
            let object = Object::new(name.clone(), epoch, self.kinds.of(name).clone(), self.now_ms);
            self.deadlines.extend(object.next_deadline().map(|at| (at, name.clone())));
            self.objects.insert(name.clone(), object);
        }
    }

    /// Runs `act` on an object that exists and keeps its deadline in the book.
    fn with(&mut self, name: &ObjectName, act: impl FnOnce(&mut Object, u64, &Limits)) {
        let Some(object) = self.objects.get_mut(name) else { return };
        let before = object.next_deadline();
        act(object, self.now_ms, &self.limits);
        let after = object.next_deadline();
        if before != after {
            before.map(|at| self.deadlines.remove(&(at, name.clone())));
            self.deadlines.extend(after.map(|at| (at, name.clone())));
        }
    }

    /// As [`Shard::with`], if the session follows the object; false if not.
    fn with_used(
        &mut self,
        session: SessionId,
        name: &ObjectName,
        act: impl FnOnce(&mut Object, u64, &Limits),
    ) -> bool {
        let used = self.objects.get_mut(name).is_some_and(|object| object.follows(session));
        if used {
            self.with(name, act);
        }
        used
    }

    fn fresh_channel(&mut self) -> ChannelId {
        self.channels += 1;
        ChannelId(u64::from(self.number) << 48 | self.channels)
    }

    /// splitmix64
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

trait Due {
    /// The first deadline, if it is not later than `now_ms`.
    fn pop_first_if_due(&mut self, now_ms: u64) -> Option<(u64, ObjectName)>;
}

impl Due for BTreeSet<(u64, ObjectName)> {
    fn pop_first_if_due(&mut self, now_ms: u64) -> Option<(u64, ObjectName)> {
        if self.first().is_some_and(|(at, _)| *at <= now_ms) { self.pop_first() } else { None }
    }
}

fn not_used(object: &ObjectName) -> Fault {
    Fault::new(Code::NotUsed, format!("object: {object} is not in use by this session"))
}

fn not_used_error(session: SessionId, object: ObjectName) -> Delivery {
    Delivery::Reply { session, event: Event::Error { fault: not_used(&object), object: Some(object) } }
}

fn not_used_reject(session: SessionId, id: Option<u64>, object: &ObjectName) -> Delivery {
    let reject = Reject { id, fault: not_used(object), version: 0, winners: Vec::new() };
    Delivery::Reply { session, event: Event::Reject(reject) }
}
