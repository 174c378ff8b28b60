//! Random histories on one shard: every answer, commit, start and frame checked.

use std::collections::VecDeque;
use std::sync::Arc;

use slotcast_protocol::{
    Code, Cursor, Device, Encoding, Event, Fault, Limits, ObjectName, Rate, SendName, User,
};
use slotcast_state::{
    Audience, Author, ChannelId, Delivery, EdgeId, Effects, Found, Input, Kinds, Name, SessionId, Shard, View,
};

use crate::copy::Copy;
use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::store::{Batch, Disk, Entry};
use crate::vectors::value;
use crate::verdicts::same;
use crate::wishes;

/// Someone who follows an object without delay.
struct Follower {
    session: SessionId,
    author: Arc<Author>,
    object: ObjectName,
    view: View,
    rate: Option<Rate>,
    channel: Option<ChannelId>,
    copy: Copy,
    next_id: u64,
}

/// One shard with its ledger, a store that loses nothing, and followers.
pub struct Trial {
    pub dice: Dice,
    pub ledger: Ledger,
    /// What went to the store, for whoever wants to look.
    pub entries: Vec<Entry>,
    kinds: Arc<Kinds>,
    limits: Arc<Limits>,
    objects: &'static [&'static str],
    shard: Shard,
    disk: Disk,
    /// What the store is still to say.
    answers: VecDeque<Answer>,
    followers: Vec<Follower>,
    generation: u32,
    now_ms: u64,
}

enum Answer {
    Load(Name),
    Kept(Name),
}

impl Trial {
    pub fn new(seed: u64, objects: &'static [&'static str]) -> Self {
        let mut dice = Dice::new(seed);
        let depth = if dice.percent(50) { 1_000_000 } else { dice.between(3, 30) };
        let kinds = Arc::new(wishes::kinds(dice.between(0, 2_000), depth));
        let slots = if dice.percent(30) { 6 } else { 100 };
        let part_bytes = dice.pick(&[40, 64 * 1024]);
        let limits = Arc::new(Limits { inflight: 4, slots, part_bytes, ..Limits::default() });
        let ledger = Ledger::new(kinds.clone(), limits.clone());
        Trial {
            shard: shard(&mut dice, &kinds, &limits),
            dice,
            ledger,
            entries: Vec::new(),
            kinds,
            limits,
            objects,
            disk: Disk::default(),
            answers: VecDeque::new(),
            followers: Vec::new(),
            generation: 0,
            now_ms: 1,
        }
    }

    /// How deletions are remembered, and how many answers, for who replays.
    pub fn depths(&self, object: &ObjectName) -> (u64, usize) {
        (self.kinds.of(object).resync_depth, self.limits.inflight)
    }

    fn follower(&mut self) -> Follower {
        self.generation += 1;
        let user = self.dice.pick(&wishes::USERS);
        let device = format!("d{}", self.dice.below(3));
        let author = Author {
            user: User::parse(user).expect("a good user"),
            device: Device::parse(&device).expect("a good device"),
        };
        let (session, author) = (SessionId::new(EdgeId(0), self.generation, 0), Arc::new(author));
        let object = wishes::object(self.dice.pick(self.objects));
        let (view, rate) = (View::default(), None);
        Follower { session, author, object, view, rate, channel: None, copy: Copy::default(), next_id: 1 }
    }

    pub fn step(&mut self) -> Result<(), String> {
        self.now_ms += self.dice.below(200);
        self.run(Input::Tick(self.now_ms))?;
        while !self.answers.is_empty() && self.dice.percent(60) {
            self.answer()?;
        }
        match self.dice.below(200) {
            0 => self.restart()?,
            1 => self.run(Input::StorageFull(true))?,
            2..9 => self.run(Input::StorageFull(false))?,
            9..15 => self.want()?,
            _nothing => {}
        }
        match self.dice.below(20) {
            0 | 1 => self.join(),
            2 => self.part(),
            3 => self.catch_up(),
            4 => self.send(),
            _write => self.write(),
        }
    }

    /// The store says the next thing.
    fn answer(&mut self) -> Result<(), String> {
        match self.answers.pop_front() {
            Some(Answer::Load(name)) => {
                let found = match self.dice.percent(5) {
                    true => Found::Refused(Fault::new(Code::Unavailable, "for once")),
                    false => self.disk.load(&name)?,
                };
                self.run(Input::Loaded { name, found })
            }
            Some(Answer::Kept(name)) => self.run(Input::Kept { name }),
            None => Ok(()),
        }
    }

    /// The store would like to have all that it has not.
    pub fn want(&mut self) -> Result<(), String> {
        let names = self.objects.iter().map(|name| wishes::object(name).into()).collect();
        self.run(Input::Wanted { names })
    }

    /// Nothing is lost but what is in memory.
    fn restart(&mut self) -> Result<(), String> {
        self.shard = shard(&mut self.dice, &self.kinds, &self.limits);
        self.followers.clear();
        self.answers.clear();
        let survivors = self.disk.recover(&self.kinds, self.limits.inflight)?;
        let logged = survivors.iter().map(|survivor| (survivor.object.clone(), survivor.logged));
        self.ledger.crash(&logged.collect())?;
        survivors.iter().try_for_each(|survivor| self.ledger.stands(&survivor.object, &survivor.contents))
    }

    fn join(&mut self) -> Result<(), String> {
        let again = !self.followers.is_empty() && self.dice.percent(30);
        let mut follower = match again {
            true => self.followers.swap_remove(self.dice.below(self.followers.len() as u64) as usize),
            false => self.follower(),
        };
        let view = wishes::view(&mut self.dice);
        follower.view = View::new(view);
        follower.rate = wishes::rate(&mut self.dice);
        follower.copy = Copy::default();
        let (session, author, object) = (follower.session, follower.author.clone(), follower.object.clone());
        let (view, rate) = (follower.view.clone(), follower.rate);
        let audience = Audience { view, encoding: Encoding::MessagePack, rate };
        self.followers.push(follower);
        self.run(Input::Use { session, author, object, audience, cursor: None, covered: false, turn: 1 })
    }

    fn part(&mut self) -> Result<(), String> {
        if self.followers.is_empty() {
            return Ok(());
        }
        let follower = self.followers.swap_remove(self.dice.below(self.followers.len() as u64) as usize);
        let (session, object) = (follower.session, follower.object);
        let input = match self.dice.percent(50) {
            true => Input::Release { session, object },
            false => Input::Gone { session, objects: vec![object] },
        };
        self.run(input)
    }

    /// From any version that ever was; the ledger follows the events from there.
    fn catch_up(&mut self) -> Result<(), String> {
        if self.followers.is_empty() {
            return Ok(());
        }
        let follower = &self.followers[self.dice.below(self.followers.len() as u64) as usize];
        let (session, object) = (follower.session, follower.object.clone());
        let version = self.dice.below(follower.copy.have + 1);
        let sends = self.dice.below(follower.copy.sends + 1);
        let epoch = if self.dice.percent(95) { follower.copy.epoch } else { 77 };
        let cursor = Some(Cursor { epoch, version, sends: self.dice.percent(70).then_some(sends) });
        self.run(Input::CatchUp { session, object, cursor })
    }

    fn send(&mut self) -> Result<(), String> {
        let Some((session, author, object, id)) = self.writer() else { return Ok(()) };
        let name = SendName::parse("wave").expect("a good name");
        let value = value(&self.dice.below(100).into());
        self.run(Input::Send { session, author, send: slotcast_protocol::Send { id, object, name, value } })
    }

    fn write(&mut self) -> Result<(), String> {
        let Some((session, author, object, id)) = self.writer() else { return Ok(()) };
        let follower = self.followers.iter().find(|follower| follower.session == session);
        let copy = &follower.expect("the writer is one of them").copy;
        let tag = self.dice.below(1_000_000);
        let mut write = match self.dice.percent(10) {
            true => wishes::increment(&object, copy),
            false => wishes::write(&mut self.dice, &object, author.user.as_str(), copy, tag),
        };
        (write.id, write.epoch) = (id, self.dice.percent(30).then_some(copy.epoch));
        if self.dice.percent(2) {
            write.epoch = Some(77);
        }
        self.run(Input::Write { session, author, write })
    }

    /// Someone, and an id: mostly the next of the device, at times an old one, at times none.
    fn writer(&mut self) -> Option<(SessionId, Arc<Author>, ObjectName, Option<u64>)> {
        if self.followers.is_empty() {
            return None;
        }
        let at = self.dice.below(self.followers.len() as u64) as usize;
        let author = self.followers[at].author.clone();
        let of_device = self.followers.iter().filter(|follower| follower.author == author);
        let next_id = of_device.map(|follower| follower.next_id).max().unwrap_or(1);
        let id = match self.dice.below(10) {
            0 => Some(self.dice.below(next_id + 1)),
            1 => None,
            _next => Some(next_id + self.dice.below(2)),
        };
        let follower = &mut self.followers[at];
        follower.next_id = next_id.max(id.unwrap_or(0) + 1);
        Some((follower.session, author, follower.object.clone(), id))
    }

    /// Through the ledger, and the frames to the followers.
    pub fn run(&mut self, input: Input) -> Result<(), String> {
        let mut effects = Effects::default();
        self.ledger.run(&mut self.shard, input, &mut effects)?;
        let mut batch = Batch::default();
        batch.gather(&mut effects);
        self.disk.put(&batch);
        self.answers.extend(batch.wholes().into_iter().map(Answer::Kept));
        self.answers.extend(effects.loads.into_iter().map(Answer::Load));
        self.entries.append(&mut batch.entries);
        for delivery in effects.deliveries.into_iter().chain(batch.held) {
            match delivery {
                Delivery::Start { session, start } => {
                    let follower = self.followers.iter_mut().find(|follower| follower.session == session);
                    // Who left while the object was loaded is begun for, too, in the order of things.
                    let Some(follower) = follower else { continue };
                    let of_catch_up = follower.channel == Some(start.channel) && follower.copy.complete;
                    follower.channel = Some(start.channel);
                    if !of_catch_up {
                        take_all(follower, start.told())?;
                    }
                }
                Delivery::Publish { channel, event, .. } => {
                    for follower in &mut self.followers {
                        if follower.channel == Some(channel) {
                            take_all(follower, [&event])?;
                        }
                    }
                }
                Delivery::Refused { session, .. } => {
                    self.followers.retain(|follower| follower.session != session);
                }
                Delivery::Reply { .. } | Delivery::Left { .. } => {}
                Delivery::Fleeting { .. } | Delivery::News { .. } | Delivery::Letter { .. } => {
                    return Err("a home".to_owned());
                }
                Delivery::Roster(_) => return Err("a list".to_owned()),
            }
        }
        self.followers.iter().try_for_each(|follower| {
            let Some(model) = self.ledger.living(&follower.object) else { return Ok(()) };
            if !follower.copy.complete {
                return Ok(());
            }
            if follower.rate.is_some() {
                return same(&follower.copy, &model.states[follower.copy.have as usize], &follower.view);
            }
            same(&follower.copy, model.now(), &follower.view)?;
            let sends = model.sends.len() as u64;
            if follower.copy.sends == sends { Ok(()) } else { Err(format!("sends {sends}")) }
        })
    }
}

fn take_all<'e>(follower: &mut Follower, events: impl IntoIterator<Item = &'e Event>) -> Result<(), String> {
    events.into_iter().try_for_each(|event| follower.copy.take(event).map_err(|broken| broken.0))
}

/// Stored objects that no one uses leave it soon, at times at once.
fn shard(dice: &mut Dice, kinds: &Arc<Kinds>, limits: &Arc<Limits>) -> Shard {
    let idle_bytes = dice.pick(&[0, 1_500, 100_000]);
    Shard::new(1, dice.roll(), kinds.clone(), limits.clone(), idle_bytes)
}
