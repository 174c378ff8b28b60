//! A shard: the single writer of its share of the objects and of the users.

mod memory;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{Code, Durability, Event, Fault, Limits, ObjectName, Reject};

use crate::effects::{Delivery, Effects, Input};
use crate::idle::Idle;
use crate::ids::{ChannelId, SessionId};
use crate::kind::Kinds;
use crate::object::{Moment, Object};
use crate::people::People;
use crate::roster::Met;
use crate::starts::Starts;
use crate::user::{Homes, Letter, Relay};

/// Owns objects, and the homes of users. [`Shard::handle`] is pure and bounded: the same inputs in the same order give the same effects.
///
/// The body runs it in this order: hand over a `Tick` with the time, then the inputs; carry out [`Effects::deliveries`]; put
/// [`Effects::commits`] and [`Effects::stores`] to the engine, and when it has them, and all that was put to it before, carry out
/// [`Effects::held`]. Call again with a `Tick` at [`Shard::next_deadline`].
///
/// An object that is stored is loaded by an effect; what is asked of it meanwhile waits in `loading`, as much as the sessions' own budgets
/// let them ask.
pub struct Shard {
    number: u16,
    now_ms: u64,
    dice: u64,
    kinds: Arc<Kinds>,
    limits: Arc<Limits>,
    /// Stored objects that nobody follows may take so many bytes.
    idle_bytes: usize,
    storage_full: bool,
    /// All objects in memory may weigh so much, and do weigh so much.
    objects_bytes: usize,
    booked: usize,
    objects: BTreeMap<ObjectName, Object>,
    loading: BTreeMap<ObjectName, Vec<Input>>,
    homes: Homes,
    people: People,
    idle: Idle,
    starts: Starts,
    deadlines: BTreeSet<(u64, ObjectName)>,
    channels: u64,
}

impl Shard {
    /// `number` tells it from the other shards of a server; epochs are drawn from `seed`; `idle_bytes` is its share of the limit.
    pub fn new(number: u16, seed: u64, kinds: Arc<Kinds>, limits: Arc<Limits>, idle_bytes: usize) -> Self {
        let people = People::new(number, seed, Arc::default(), &limits, 1);
        Shard {
            number,
            now_ms: 0,
            dice: seed,
            kinds,
            objects_bytes: limits.objects_bytes,
            limits,
            idle_bytes,
            storage_full: false,
            booked: 0,
            objects: BTreeMap::new(),
            loading: BTreeMap::new(),
            homes: Homes::default(),
            people,
            idle: Idle::default(),
            starts: Starts::default(),
            deadlines: BTreeSet::new(),
            channels: 0,
        }
    }

    /// The same, with users whose messages are kept and let through as `relay` says; the shard is one of `shards`.
    pub fn with_relay(mut self, relay: Arc<Relay>, shards: usize) -> Self {
        let seed = self.roll();
        self.objects_bytes = self.limits.objects_bytes / shards;
        self.people = People::new(self.number, seed, relay.clone(), &self.limits, shards);
        self.homes = Homes::new(relay);
        self
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let object = self.deadlines.first().map(|(at, _)| *at);
        let others = [self.homes.next_deadline(), self.people.next_deadline(), self.starts.next_ms()];
        others.into_iter().chain([object]).flatten().min()
    }

    /// How often friend lists were at hand.
    pub fn lists_met(&self) -> Met {
        self.people.met()
    }

    /// Users who have a status or watch those of others.
    pub fn persons(&self) -> usize {
        self.people.len()
    }

    /// Users in memory.
    pub fn homes(&self) -> usize {
        self.homes.len()
    }

    /// Objects in memory.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// What all objects in memory weigh.
    pub fn objects_weight(&self) -> usize {
        self.booked
    }

    /// Takes one input and appends what must happen.
    pub fn handle(&mut self, input: Input, effects: &mut Effects) {
        if let Some(waiting) = input.object().and_then(|object| self.loading.get_mut(object)) {
            return waiting.push(input);
        }
        if let Some(fault) = self.refusal(&input) {
            return self.refuse(input, &fault, effects);
        }
        match input {
            Input::Tick(now_ms) => self.tick(now_ms, effects),
            Input::Use { ref object, .. } if self.must_load(object) => {
                effects.loads.push(object.clone().into());
                self.loading.insert(object.clone(), vec![input]);
            }
            Input::Use { session, author, object, audience, cursor, covered, turn } => {
                let fresh = self.fresh_channel();
                self.make(&object);
                if self.homes.minds_company() {
                    let joined = Letter::Joined { object: object.clone(), session };
                    effects.letters.push((author.user.clone(), joined));
                }
                self.begin(|shard, starts| {
                    shard.with(&object, effects, |object, moment, effects| {
                        let saw_others = object.join(session, &author, audience, turn, fresh);
                        let from = (cursor.filter(|_| !saw_others), covered && !saw_others);
                        object.start(session, from, moment, starts, effects);
                    });
                });
            }
            Input::CatchUp { session, object, cursor } => {
                self.begin(|shard, starts| {
                    shard.with(&object, effects, |object, moment, effects| {
                        object.start(session, (cursor, false), moment, starts, effects);
                    });
                });
            }
            Input::Hide { session, object, hidden, turn } => {
                let fresh = self.fresh_channel();
                let done = self.begin(|shard, starts| {
                    shard.with_used(session, &object, effects, |object, moment, effects| {
                        object.hide(session, hidden, (turn, fresh), moment, starts, effects);
                    })
                });
                if !done {
                    let fault = not_used(&object);
                    let refused = Delivery::Refused { session, object: object.clone(), turn, fault };
                    self.tell(&object, refused, effects);
                }
            }
            Input::Release { session, object } => self.release(session, object, effects),
            Input::Gone { session, objects } => {
                objects.into_iter().for_each(|object| self.gone(session, object, effects));
            }
            Input::Write { session, author, write } => {
                let done = self.with_used(session, &write.object, effects, |object, moment, effects| {
                    object.write(session, &author, &write, moment, effects);
                });
                if !done {
                    self.tell(&write.object, not_used_reject(session, write.id, &write.object), effects);
                }
            }
            Input::Send { session, author, send } => {
                let (id, name) = (send.id, send.object.clone());
                let done = self.with_used(session, &name, effects, |object, moment, effects| {
                    object.send(session, &author, send, moment, effects);
                });
                if !done {
                    self.tell(&name, not_used_reject(session, id, &name), effects);
                }
            }
            Input::Fingerprint { session, object } => {
                let done = self.with_used(session, &object, effects, |object, _, effects| {
                    effects.deliveries.push(Delivery::Reply { session, event: object.fingerprint() });
                });
                if !done {
                    self.tell(&object, not_used_error(session, &object), effects);
                }
            }
            Input::Home { user, input } => self.home(user, input, effects),
            Input::Roster(output) => {
                self.people.hear(output);
                self.settle_people(effects);
            }
            Input::Loaded { name, found } => self.loaded(name, found, effects),
            Input::Kept { name } => self.kept(&name, effects),
            Input::Wanted { names } => {
                effects.stores.extend(names.iter().filter_map(|name| self.store(name)));
            }
            Input::StorageFull(full) => self.storage_full = full,
        }
        self.trim(effects);
    }

    fn tick(&mut self, now_ms: u64, effects: &mut Effects) {
        self.now_ms = self.now_ms.max(now_ms);
        let (now_ms, storage_full) = (self.now_ms, self.storage_full);
        let moment = Moment { now_ms, limits: &self.limits, storage_full, memory_full: false };
        self.homes.tick(&moment);
        self.starts.forget(now_ms);
        self.people.tick(&moment, &mut self.idle, effects);
        self.settle_people(effects);
        while let Some((_, name)) = self.deadlines.pop_first_if_due(self.now_ms) {
            let Some(object) = self.objects.get_mut(&name) else { continue };
            if object.is_dead(self.now_ms) {
                self.forget(&name);
                continue;
            }
            self.with(&name, effects, |object, moment, effects| {
                object.expire(moment.now_ms, effects);
                object.tell_due(moment.now_ms, effects);
            });
            let next = self.objects.get(&name).and_then(Object::next_deadline);
            self.deadlines.extend(next.map(|at| (at, name)));
        }
    }

    /// Why an object cannot be opened, or not so. Where the room is used up, what is not in memory stays out of it.
    fn refusal(&self, input: &Input) -> Option<Fault> {
        let Input::Use { object, audience, .. } = input else { return None };
        match self.objects.get(object) {
            None if self.is_full() => {
                Some(Fault::new(Code::Unavailable, "objects: the server has no room for another one now"))
            }
            Some(known) if !known.has_room_for(audience, self.limits.audiences) => {
                let most = self.limits.audiences;
                Some(Fault::new(Code::TooMany, format!("{object}: more than {most} views of it at a time")))
            }
            Some(_) | None => None,
        }
    }

    fn is_full(&self) -> bool {
        self.booked >= self.objects_bytes
    }

    fn release(&mut self, session: SessionId, object: ObjectName, effects: &mut Effects) {
        let minds_company = self.homes.minds_company();
        let left = self.with_used(session, &object, effects, |object, moment, effects| {
            leave(object, session, minds_company, moment, effects);
            effects.deliveries.push(Delivery::Left { session, object: object.name.clone() });
        });
        if !left {
            self.tell(&object, not_used_error(session, &object), effects);
        }
    }

    fn gone(&mut self, session: SessionId, object: ObjectName, effects: &mut Effects) {
        match self.loading.get_mut(&object) {
            Some(waiting) => waiting.push(Input::Gone { session, objects: vec![object] }),
            None => {
                let minds_company = self.homes.minds_company();
                self.with(&object, effects, |object, moment, effects| {
                    leave(object, session, minds_company, moment, effects);
                });
            }
        }
    }

    /// Runs `act` on an object that is in memory, and keeps its deadline and its place among the idle in the books. What a stored object
    /// has to tell is held until the store has what came before.
    fn with(
        &mut self,
        name: &ObjectName,
        effects: &mut Effects,
        act: impl FnOnce(&mut Object, &Moment<'_>, &mut Effects),
    ) {
        let memory_full = self.is_full();
        let Some(object) = self.objects.get_mut(name) else { return };
        let (now_ms, storage_full) = (self.now_ms, self.storage_full);
        let moment = Moment { now_ms, limits: &self.limits, storage_full, memory_full };
        let before = object.next_deadline();
        if object.is_durable() {
            // In place: what a write has to tell is large, and moving it is felt.
            std::mem::swap(&mut effects.deliveries, &mut effects.held);
            act(object, &moment, effects);
            std::mem::swap(&mut effects.deliveries, &mut effects.held);
            object.store_again(&mut effects.stores);
        } else {
            act(object, &moment, effects);
        }
        let after = object.next_deadline();
        if before != after {
            before.map(|at| self.deadlines.remove(&(at, name.clone())));
            self.deadlines.extend(after.map(|at| (at, name.clone())));
        }
        self.booked += object.contents.weight();
        self.booked -= std::mem::replace(&mut object.booked, object.contents.weight());
        let is_idle = object.is_idle() && !object.keeping.is_leaving();
        object.keeping.settle(is_idle, &mut self.idle, || (name.clone().into(), object.contents.weight()));
    }

    /// As [`Shard::with`], if the session follows the object; false if not.
    fn with_used(
        &mut self,
        session: SessionId,
        name: &ObjectName,
        effects: &mut Effects,
        act: impl FnOnce(&mut Object, &Moment<'_>, &mut Effects),
    ) -> bool {
        let used = self.objects.get_mut(name).is_some_and(|object| object.follows(session));
        if used {
            self.with(name, effects, act);
        }
        used
    }

    /// An answer about an object that is not in memory keeps its place among those that were.
    fn tell(&self, object: &ObjectName, delivery: Delivery, effects: &mut Effects) {
        match self.kinds.of(object).durability {
            Durability::Memory => effects.deliveries.push(delivery),
            Durability::Disk => effects.held.push(delivery),
        }
    }

    /// Lends out what others were told who began lately.
    fn begin<T>(&mut self, act: impl FnOnce(&mut Shard, &mut Starts) -> T) -> T {
        let mut starts = std::mem::take(&mut self.starts);
        let done = act(self, &mut starts);
        self.starts = starts;
        done
    }

    fn fresh_epoch(&mut self) -> u64 {
        self.roll() >> 12 | 1
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

/// The home of whoever leaves is told, if it minds.
fn leave(
    object: &mut Object,
    session: SessionId,
    minds_company: bool,
    moment: &Moment<'_>,
    effects: &mut Effects,
) {
    let user = object.leave(session, moment.now_ms, effects);
    let left = user.filter(|_| minds_company);
    let letter = |user| (user, Letter::Left { object: object.name.clone(), session });
    effects.letters.extend(left.map(letter));
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

fn not_used_error(session: SessionId, object: &ObjectName) -> Delivery {
    let event = Event::Error { fault: not_used(object), object: Some(object.clone()) };
    Delivery::Reply { session, event }
}

fn not_used_reject(session: SessionId, id: Option<u64>, object: &ObjectName) -> Delivery {
    let reject = Reject { id, fault: not_used(object), version: 0, winners: Vec::new() };
    Delivery::Reply { session, event: Event::Reject(reject) }
}
