//! A shard against the naive model: random inputs, every answer, commit, start and frame checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Cursor, Device, Encoding, Event, Limits, ObjectName, SendName, User};
use slotcast_state::{Audience, Author, ChannelId, Delivery, EdgeId, Effects, Input, SessionId, Shard, View};
use slotcast_tests::copy::Copy;
use slotcast_tests::dice::Dice;
use slotcast_tests::ledger::{Ledger, Met, same};
use slotcast_tests::vectors::value;
use slotcast_tests::wishes;

const SEEDS: u64 = 300;
const STEPS: u64 = 300;

/// Someone who follows an object without delay.
struct Follower {
    session: SessionId,
    author: Arc<Author>,
    object: ObjectName,
    view: View,
    channel: Option<ChannelId>,
    copy: Copy,
    next_id: u64,
}

struct Trial {
    dice: Dice,
    shard: Shard,
    ledger: Ledger,
    followers: Vec<Follower>,
    generation: u32,
    now_ms: u64,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let depth = if dice.percent(50) { 1_000_000 } else { dice.between(3, 30) };
        let kinds = Arc::new(wishes::kinds(dice.between(0, 2_000), depth));
        let slots = if dice.percent(30) { 6 } else { 100 };
        let part_bytes = dice.pick(&[40, 64 * 1024]);
        let limits = Limits { inflight: 4, slots, part_bytes, ..Limits::default() };
        let limits = Arc::new(limits);
        let shard = Shard::new(1, dice.roll(), kinds.clone(), limits.clone(), 0);
        let ledger = Ledger::new(kinds, limits);
        Trial { dice, shard, ledger, followers: Vec::new(), generation: 0, now_ms: 1 }
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
        let object = wishes::object(self.dice.pick(&["room/1", "still/1"]));
        let view = View::default();
        Follower { session, author, object, view, channel: None, copy: Copy::default(), next_id: 1 }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now_ms += self.dice.below(200);
        self.run(Input::Tick(self.now_ms))?;
        match self.dice.below(20) {
            0 | 1 => self.join(),
            2 => self.part(),
            3 => self.catch_up(),
            4 => self.send(),
            _write => self.write(),
        }
    }

    fn join(&mut self) -> Result<(), String> {
        let again = !self.followers.is_empty() && self.dice.percent(30);
        let mut follower = match again {
            true => self.followers.swap_remove(self.dice.below(self.followers.len() as u64) as usize),
            false => self.follower(),
        };
        let view = wishes::view(&mut self.dice);
        follower.view = View::new(view);
        follower.copy = Copy::default();
        let (session, author, object) = (follower.session, follower.author.clone(), follower.object.clone());
        let audience = Audience { view: follower.view.clone(), encoding: Encoding::MessagePack };
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
    fn run(&mut self, input: Input) -> Result<(), String> {
        let mut effects = Effects::default();
        self.ledger.run(&mut self.shard, input, &mut effects)?;
        for delivery in effects.deliveries {
            match delivery {
                Delivery::Start { session, start } => {
                    let follower = self.followers.iter_mut().find(|follower| follower.session == session);
                    let follower = follower.ok_or("a start for no one")?;
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
                Delivery::Reply { .. } | Delivery::Left { .. } | Delivery::Refused { .. } => {}
            }
        }
        self.followers.iter().try_for_each(|follower| {
            let Some(model) = self.ledger.living(&follower.object) else { return Ok(()) };
            if !follower.copy.complete {
                return Ok(());
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

#[test]
fn a_shard_does_what_the_page_says() {
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut trial = Trial::new(seed);
        for step in 0..STEPS {
            trial.step().unwrap_or_else(|why| panic!("seed {seed}, step {step}: {why}"));
        }
        let Met { accepted, conflicts, repeated, forgotten, wrong_epoch, expired, deaths, diffs, .. } =
            trial.ledger.met;
        for (name, count) in [
            ("accepted", accepted),
            ("conflicts", conflicts),
            ("repeated", repeated),
            ("forgotten", forgotten),
            ("wrong_epoch", wrong_epoch),
            ("expired", expired),
            ("deaths", deaths),
            ("diffs", diffs),
            ("snapshots", trial.ledger.met.snapshots),
            ("older parts", trial.ledger.met.older_parts),
        ] {
            *met.entry(name).or_default() += count;
        }
    }
    println!("{met:?}");
    assert!(met.values().all(|count| *count > 0), "{met:?}");
}
