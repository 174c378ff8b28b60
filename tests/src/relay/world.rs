//! The world of one seed: what is under way, and the turn of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Durability, Limits};
use slotcast_state::roster;
use slotcast_state::{Input, Name, Policy, Relay, Rosters, SessionId, Shard};

use super::body::{Desk, Line};
use super::client::Client;
use super::people::People;
use super::service::Service;
use super::tally::Tally;
use super::truth::Truth;
use crate::dice::Dice;
use crate::sim::log::Log;

/// More events than any seed needs to come to rest.
const EVENTS_MAX: u64 = 200_000;

/// After everyone has become quiet things come to rest in this time, in ms: a few tellings from list to list.
const REST_MS: u64 = 40_000;

/// Something under way.
pub enum What {
    Act {
        client: usize,
    },
    ToServer {
        session: SessionId,
        bytes: Vec<u8>,
    },
    ToClient {
        session: SessionId,
        bytes: Vec<u8>,
    },
    ToShard {
        shard: usize,
        input: Input,
    },
    /// The disk has the batch that was under way.
    Durable {
        shard: usize,
    },
    /// The store answers a load.
    Look {
        shard: usize,
        name: Name,
    },
    /// The server finds that the connection is over.
    Noticed {
        session: SessionId,
    },
    /// A message that was refused for now is said again.
    Again {
        client: usize,
        id: u64,
        session: Option<SessionId>,
    },
    Trouble,
    /// Something happens by itself in a shard.
    Wake {
        shard: usize,
    },
    ToService {
        input: roster::Input,
    },
    WakeService,
}

/// Each kind of trouble is as frequent as it happens to be.
#[derive(Debug)]
pub struct Weather {
    pub users: u64,
    pub devices: u64,
    pub shards: u64,
    pub events: u64,
    pub durability: Durability,
    pub delay_ms: u64,
    pub disk_ms: u64,
    pub idle_bytes: usize,
    /// Percent of a client's actions.
    pub cuts: u64,
    /// Percent of the cuts after which a device has lost what it kept.
    pub wipes: u64,
    /// Percent of the moments of trouble.
    pub crashes: u64,
    pub full: u64,
    pub wanted: u64,
    /// Percent of the loads.
    pub refusals: u64,
    /// There are friend lists and statuses.
    pub people: bool,
    pub policy: Policy,
    pub rosters: Rosters,
}

pub struct World {
    pub weather: Weather,
    pub limits: Arc<Limits>,
    pub relay: Arc<Relay>,
    pub dice: Dice,
    pub now_ms: u64,
    queue: BTreeMap<(u64, u64), What>,
    queued: u64,
    /// When the last message of a link arrives.
    links: BTreeMap<(u64, u64), u64>,
    pub lines: BTreeMap<SessionId, Line>,
    pub sessions: u32,
    pub desks: Vec<Desk>,
    pub clients: Vec<Client>,
    pub truth: Truth,
    pub tally: Tally,
    pub log: Log,
    /// No one starts anything any more.
    pub quiet: bool,
    pub full: bool,
    pub people: People,
    pub service: Option<Service>,
    /// When the shards are woken.
    pub wakes_ms: BTreeMap<usize, u64>,
    quiet_ms: u64,
}

/// Runs one seed; the hash of its log, and what it met.
pub fn run(seed: u64, aloud: bool) -> Result<(u64, Tally), String> {
    let mut world = World::new(seed, aloud);
    let mut step = 0;
    let result = loop {
        step += 1;
        match world.step(step) {
            Ok(true) => {}
            Ok(false) => break world.judge_rest(),
            Err(why) => break Err(why),
        }
    };
    let tail = world.log.tail();
    result.map(|()| (world.log.hash(), world.tally)).map_err(|why| {
        format!(
            "seed {seed}, step {step}: {why}\nthe last lines:\n{tail}to see it again: SLOTCAST_SEED={seed}"
        )
    })
}

fn weather(dice: &mut Dice) -> Weather {
    Weather {
        users: dice.between(2, 4),
        devices: dice.between(2, 7),
        shards: dice.between(1, 3),
        events: dice.between(300, 2_000),
        durability: dice.pick(&[Durability::Memory, Durability::Disk, Durability::Disk]),
        delay_ms: dice.pick(&[1, 5, 60]),
        disk_ms: dice.pick(&[0, 10, 60, 400]),
        idle_bytes: dice.pick(&[0, 4_000, 1_000_000]),
        cuts: dice.pick(&[0, 3, 12]),
        wipes: dice.pick(&[0, 0, 20]),
        crashes: dice.pick(&[0, 0, 3, 8]),
        full: dice.pick(&[0, 0, 5]),
        wanted: dice.pick(&[0, 5, 30]),
        refusals: dice.pick(&[0, 0, 10]),
        people: dice.percent(60),
        policy: Policy::Anyone,
        rosters: dice.pick(&[
            Rosters::Own(Durability::Memory),
            Rosters::Own(Durability::Disk),
            Rosters::Own(Durability::Disk),
            Rosters::Outside,
        ]),
    }
}

fn limits(dice: &mut Dice) -> Limits {
    let (tells_per_s, tells_burst) = if dice.percent(20) { (5, 3) } else { (1_000_000, 1_000_000) };
    Limits {
        inflight: if dice.percent(60) { 4 } else { 64 },
        window_messages: dice.pick(&[1, 3, 64]),
        inbox_messages: dice.pick(&[5, 12, 1_000]),
        inbox_per_sender: dice.pick(&[3, 100]),
        devices: dice.pick(&[2, 16]),
        tells_per_s,
        tells_burst,
        status_ms: dice.pick(&[1, 50, 1_000]),
        lists: dice.pick(&[1, 100]),
        statuses_per_s: dice.pick(&[50, 100_000]),
        ..Limits::default()
    }
}

impl World {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut dice = Dice::new(seed);
        let (mut weather, limits) = (weather(&mut dice), Arc::new(limits(&mut dice)));
        if weather.people {
            weather.policy = dice.pick(&[Policy::Anyone, Policy::Friends]);
        }
        let (durability, policy, rosters) = (weather.durability, weather.policy, weather.rosters);
        let relay = Arc::new(Relay { durability, policy, rosters, users: None });
        let clients =
            (0..weather.devices).map(|number| Client::new(number, weather.users, &mut dice)).collect();
        let mut world = World {
            truth: Truth::new(limits.clone()),
            weather,
            limits,
            relay,
            dice,
            now_ms: 1_000,
            queue: BTreeMap::new(),
            queued: 0,
            links: BTreeMap::new(),
            lines: BTreeMap::new(),
            sessions: 0,
            desks: Vec::new(),
            clients,
            tally: Tally::default(),
            log: Log::new(aloud),
            quiet: false,
            full: false,
            people: People::default(),
            service: None,
            wakes_ms: BTreeMap::new(),
            quiet_ms: u64::MAX,
        };
        if world.weather.rosters == Rosters::Outside {
            let (seed, limits) = (world.dice.roll(), world.limits.clone());
            world.service = Some(Service::new(seed, limits));
        }
        world.desks = (0..world.weather.shards).map(|number| Desk::new(world.fresh_shard(number))).collect();
        world.log.line(format!("{:?}", world.weather));
        (0..world.clients.len()).for_each(|client| world.put(1_000, What::Act { client }));
        world.put(1_000, What::Trouble);
        world
    }

    pub fn fresh_shard(&mut self, number: u64) -> Shard {
        let (limits, seed) = (self.limits.clone(), self.dice.roll());
        let shard = Shard::new(number as u16, seed, Arc::default(), limits, self.weather.idle_bytes);
        shard.with_relay(self.relay.clone(), self.weather.shards as usize)
    }

    /// The next event; false when all is at rest.
    fn step(&mut self, step: u64) -> Result<bool, String> {
        if step == self.weather.events {
            self.calm_down();
        }
        if step > EVENTS_MAX {
            return Err("it does not come to rest".to_owned());
        }
        let Some(((at_ms, _), what)) = self.queue.pop_first() else {
            let done = self.quiet;
            if !done {
                self.calm_down();
            }
            return Ok(!done);
        };
        self.now_ms = at_ms;
        self.happen(what)?;
        Ok(true)
    }

    /// From now on everything only comes to its end.
    fn calm_down(&mut self) {
        self.quiet = true;
        self.quiet_ms = self.now_ms;
        (0..self.clients.len()).for_each(|client| self.put(self.now_ms, What::Act { client }));
        self.fill(false);
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Act { client } => self.act(client),
            What::ToServer { session, bytes } => self.serve(session, &bytes)?,
            What::ToClient { session, bytes } => {
                if let Some(at) = self.lines[&session].client {
                    self.hear(at, &bytes)?;
                }
            }
            What::ToShard { shard, input } => self.work(shard, input)?,
            What::Durable { shard } => self.durable(shard),
            What::Look { shard, name } => self.look(shard, name)?,
            What::Noticed { session } => self.close(session),
            What::Again { client, id, session } => self.say_again(client, id, session),
            What::Trouble => self.trouble()?,
            What::Wake { shard } if self.wakes_ms.get(&shard) == Some(&self.now_ms) => self.wake(shard)?,
            What::Wake { .. } => {}
            What::ToService { input } => self.serve_lists(Some(input))?,
            What::WakeService => self.serve_lists(None)?,
        }
        Ok(())
    }

    /// Comes again until everyone is quiet.
    fn trouble(&mut self) -> Result<(), String> {
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
        self.judge_ghosts()?;
        if self.dice.percent(self.weather.crashes) { self.crash() } else { Ok(()) }
    }

    /// From then on nothing happens by itself.
    pub fn rests_ms(&self) -> u64 {
        self.quiet_ms.saturating_add(REST_MS)
    }

    /// When something happens by itself in a shard. At the end what happens again and again must come to rest, too.
    pub fn remind(&mut self, shard: usize) {
        let next_ms = self.desks[shard].shard.next_deadline().map(|next_ms| next_ms.max(self.now_ms));
        let next_ms = next_ms.filter(|next_ms| *next_ms < self.rests_ms());
        if next_ms != self.wakes_ms.get(&shard).copied() {
            self.wakes_ms.remove(&shard);
            if let Some(next_ms) = next_ms {
                self.wakes_ms.insert(shard, next_ms);
                self.put(next_ms, What::Wake { shard });
            }
        }
    }

    pub fn put(&mut self, at_ms: u64, what: What) {
        self.queued += 1;
        self.queue.insert((at_ms, self.queued), what);
    }

    /// What is under way and outlives a crash of the server.
    pub fn lose_what_is_under_way(&mut self) {
        self.queue.retain(|_, what| match what {
            What::Act { .. } | What::ToClient { .. } | What::Again { .. } | What::Trouble => true,
            What::ToService { .. } | What::WakeService => true,
            What::ToServer { .. } | What::ToShard { .. } | What::Durable { .. } => false,
            What::Look { .. } | What::Noticed { .. } | What::Wake { .. } => false,
        });
    }

    pub fn delay(&mut self) -> u64 {
        let most = self.weather.delay_ms;
        if self.dice.percent(5) { self.dice.below(most * 10) } else { self.dice.below(most + 1) }
    }

    /// When the next message of a link arrives: after all before it.
    pub fn in_order(&mut self, from: u64, to: u64) -> u64 {
        let soonest = self.now_ms + self.delay();
        let last = self.links.entry((from, to)).or_default();
        *last = soonest.max(*last);
        *last
    }
}
