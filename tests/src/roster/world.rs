//! The world of one seed: registrars with disks, homes, clients, and what is under way between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use slotcast_protocol::{Limits, User};
use slotcast_state::roster::{
    Cache, CacheInput, CacheOutput, Commit, Effects, HomeId, Input, Output, Registrar,
};

use crate::dice::Dice;
use crate::roster::client::{Client, Purpose};
use crate::roster::disk::Disk;
use crate::roster::judge::Judge;
use crate::sim::Log;
use crate::tally::tally;

/// After everyone has become quiet things come to rest in this time, in ms: a lease, and a telling or two.
const REST_MS: u64 = 100_000;

tally! {
    edits, refused_edits, revoked, erased, repeated_edits, friendships,
    same, deltas, fulls, asked_homes, went_on, unavailable, behind, denied, diverged, fast, slow, fetches, renewals, invalidations,
    registrar_crashes, home_crashes, deafnesses, commits_lost, commits_kept_untold, lost, doubled, evicted,
}

#[derive(Debug)]
pub struct Weather {
    pub users: u64,
    pub registrars: u64,
    pub homes: u64,
    /// From one act of a client to the next, in ms at most.
    pub pace_ms: u64,
    pub delay_ms: u64,
    pub disk_ms: u64,
    /// Percent of the messages.
    pub lost: u64,
    pub doubled: u64,
    /// Percent of the moments of trouble.
    pub crashes: u64,
    pub deafness: u64,
    pub lists_max: usize,
    pub acts: u64,
    pub limits: Limits,
}

impl Weather {
    fn new(dice: &mut Dice) -> Self {
        let limits = Limits {
            friends: dice.pick(&[2, 100]),
            friend_asks: dice.pick(&[1, 100]),
            blocks: dice.pick(&[1, 100]),
            ..Limits::default()
        };
        Weather {
            users: dice.between(2, 5),
            registrars: dice.between(1, 2),
            homes: dice.between(1, 3),
            pace_ms: dice.pick(&[100, 800, 6_000]),
            delay_ms: dice.pick(&[1, 20, 300]),
            disk_ms: dice.pick(&[0, 20, 400]),
            lost: dice.pick(&[0, 3, 20]),
            doubled: dice.pick(&[0, 5, 20]),
            crashes: dice.pick(&[0, 0, 5, 20]),
            deafness: dice.pick(&[0, 0, 10]),
            lists_max: dice.pick(&[2, 100]),
            acts: dice.between(200, 1200),
            limits,
        }
    }
}

/// Something under way.
pub enum What {
    Act { client: usize },
    ToRegistrar { registrar: usize, input: Input },
    ToHome { home: HomeId, input: CacheInput },
    Durable { registrar: usize, run: u64 },
    WakeRegistrar { registrar: usize },
    WakeHome { home: usize },
    Trouble,
}

pub struct Desk {
    pub registrar: Registrar,
    pub run: u64,
    pub disk: Disk,
    /// Commits on their way to the disk, and what may be said when they are there.
    pub pending: VecDeque<(Vec<Commit>, Vec<Output>)>,
    pub wakes_ms: Option<u64>,
    durable_ms: u64,
}

/// A home has a cache for each registrar; this is one of them.
pub struct Home {
    pub id: HomeId,
    pub registrar: usize,
    pub cache: Cache,
    /// What it is told until then does not arrive.
    pub deaf_until_ms: u64,
    pub wakes_ms: Option<u64>,
}

pub struct World {
    pub weather: Weather,
    pub limits: Arc<Limits>,
    pub dice: Dice,
    pub now_ms: u64,
    pub queue: BTreeMap<(u64, u64), What>,
    queued: u64,
    pub desks: Vec<Desk>,
    pub homes: Vec<Home>,
    pub users: Vec<User>,
    pub clients: Vec<Client>,
    /// When a client's last message arrives: its line is in order.
    pub lines: BTreeMap<usize, u64>,
    pub tickets: BTreeMap<u64, Purpose>,
    pub next_ticket: u64,
    pub runs: u64,
    pub quiet: bool,
    pub judge: Judge,
    pub tally: Tally,
    pub log: Log,
}

/// Runs one seed; the hash of its log, and what it met.
pub fn run(seed: u64, aloud: bool) -> Result<(u64, Tally), String> {
    let mut world = World::new(seed, aloud);
    match world.live().and_then(|()| world.judge_rest()) {
        Ok(()) => Ok((world.log.hash(), world.tally)),
        Err(why) => {
            let (now_ms, tail) = (world.now_ms, world.log.tail());
            Err(format!(
                "seed {seed}, {now_ms} ms: {why}\nthe last lines:\n{tail}to see it again: SLOTCAST_SEED={seed}"
            ))
        }
    }
}

/// A line that can be read.
fn short(mut line: String) -> String {
    line.truncate(line.floor_char_boundary(200));
    line
}

impl World {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut dice = Dice::new(seed);
        let weather = Weather::new(&mut dice);
        let limits = Arc::new(weather.limits.clone());
        let names = ["alice", "bob", "carol", "zoë", "im.test"];
        let users: Vec<User> = names[..weather.users as usize]
            .iter()
            .map(|name| User::parse(name).expect("a good user"))
            .collect();
        let clients =
            (0..weather.users as usize * 2).map(|number| Client::new(number, users[number / 2].clone()));
        let mut world = World {
            limits,
            now_ms: 1_000,
            queue: BTreeMap::new(),
            queued: 0,
            desks: Vec::new(),
            homes: Vec::new(),
            clients: clients.collect(),
            lines: BTreeMap::new(),
            users,
            tickets: BTreeMap::new(),
            next_ticket: 0,
            runs: 0,
            quiet: false,
            judge: Judge::default(),
            tally: Tally::default(),
            log: Log::new(aloud),
            weather,
            dice,
        };
        world.log.line(format!("{:?}", world.weather));
        world.desks = (0..world.weather.registrars).map(|_| world.fresh_desk(Disk::default())).collect();
        let caches = world.weather.homes as usize * world.desks.len();
        world.homes = (0..caches).map(|cache| world.fresh_home(cache % world.desks.len())).collect();
        (0..world.desks.len()).for_each(|registrar| world.put(1_000, What::WakeRegistrar { registrar }));
        (0..world.clients.len()).for_each(|client| world.put(1_000, What::Act { client }));
        world.put(1_000, What::Trouble);
        world
    }

    pub fn fresh_desk(&mut self, disk: Disk) -> Desk {
        self.runs += 1;
        let registrar = Registrar::new(self.dice.roll(), self.limits.clone());
        Desk { registrar, run: self.runs, disk, pending: VecDeque::new(), wakes_ms: None, durable_ms: 0 }
    }

    pub fn fresh_home(&mut self, registrar: usize) -> Home {
        self.runs += 1;
        let cache = Cache::new(self.weather.lists_max);
        Home { id: HomeId(self.runs), registrar, cache, deaf_until_ms: 0, wakes_ms: None }
    }

    fn live(&mut self) -> Result<(), String> {
        let mut acts = 0;
        let mut end_ms = u64::MAX;
        while let Some(((at_ms, _), what)) = self.queue.pop_first() {
            if at_ms > end_ms {
                return Ok(());
            }
            self.now_ms = at_ms;
            acts += u64::from(matches!(what, What::Act { .. }));
            if acts == self.weather.acts && !self.quiet {
                self.quiet = true;
                end_ms = self.now_ms + REST_MS;
            }
            self.happen(what)?;
        }
        Err("everything stands still".to_owned())
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Act { client } => self.act(client),
            What::ToRegistrar { registrar, input } => self.register(registrar, Some(input)),
            What::ToHome { home, input } => match self.homes.iter().position(|known| known.id == home) {
                Some(home) if self.homes[home].deaf_until_ms <= self.now_ms => self.keep(home, Some(input)),
                Some(_) | None => Ok(()),
            },
            What::Durable { registrar, run } if self.desks[registrar].run == run => self.durable(registrar),
            What::Durable { .. } => Ok(()),
            What::WakeRegistrar { registrar } => self.register(registrar, None),
            What::WakeHome { home } => self.keep(home, None),
            What::Trouble => self.trouble(),
        }
    }

    pub fn put(&mut self, at_ms: u64, what: What) {
        self.queued += 1;
        self.queue.insert((at_ms, self.queued), what);
    }

    pub fn delay(&mut self) -> u64 {
        let most = self.weather.delay_ms;
        if self.dice.percent(5) { self.dice.below(most * 10) } else { self.dice.below(most + 1) }
    }

    /// Over a line that loses, doubles and overtakes.
    pub fn send(&mut self, make: impl Fn() -> What) {
        if !self.quiet && self.dice.percent(self.weather.lost) {
            self.tally.lost += 1;
            return;
        }
        let delay = self.delay();
        self.put(self.now_ms + delay, make());
        if !self.quiet && self.dice.percent(self.weather.doubled) {
            self.tally.doubled += 1;
            let delay = self.delay() * 3;
            self.put(self.now_ms + delay, make());
        }
    }

    pub fn registrar_of(&self, owner: &User) -> usize {
        owner.as_str().len() % self.desks.len()
    }

    /// A registrar takes an input, or only the time.
    pub fn register(&mut self, at: usize, input: Option<Input>) -> Result<(), String> {
        let mut effects = Effects::default();
        let desk = &mut self.desks[at];
        desk.registrar.handle(Input::Tick(self.now_ms), &mut effects);
        if let Some(input) = input {
            self.log.line(short(format!("{} registrar {at} <- {input:?}", self.now_ms)));
            desk.registrar.handle(input, &mut effects);
        }
        while let Some(owner) = effects.loads.pop() {
            let list = Ok(desk.disk.load(&owner));
            desk.registrar.handle(Input::Loaded { owner, list }, &mut effects);
        }
        let next_ms = desk.registrar.next_deadline();
        if !effects.commits.is_empty() || !effects.outputs.is_empty() {
            let disk_ms = if effects.commits.is_empty() { 0 } else { self.weather.disk_ms };
            desk.durable_ms = desk.durable_ms.max(self.now_ms + disk_ms);
            desk.pending.push_back((effects.commits, effects.outputs));
            let (at_ms, run) = (desk.durable_ms, desk.run);
            self.put(at_ms, What::Durable { registrar: at, run });
        }
        if next_ms != self.desks[at].wakes_ms {
            self.desks[at].wakes_ms = next_ms;
            if let Some(next_ms) = next_ms {
                self.put(next_ms, What::WakeRegistrar { registrar: at });
            }
        }
        Ok(())
    }

    /// What was committed is on the disk, and what waited for it is said.
    fn durable(&mut self, at: usize) -> Result<(), String> {
        let Some((commits, outputs)) = self.desks[at].pending.pop_front() else { return Ok(()) };
        commits.iter().try_for_each(|commit| self.desks[at].disk.put(commit))?;
        outputs.into_iter().try_for_each(|output| self.say(output))
    }

    fn say(&mut self, output: Output) -> Result<(), String> {
        self.log.line(short(format!("{} says {output:?}", self.now_ms)));
        match output {
            Output::Edited { ticket, result } => self.edited(ticket, result)?,
            Output::Read { ticket, result } => {
                self.read(ticket, &result.map_err(|fault| fault.to_string())?)?
            }
            Output::Tell(tell) => {
                let registrar = self.registrar_of(&tell.to);
                self.send(|| What::ToRegistrar { registrar, input: Input::Tell(tell.clone()) });
            }
            Output::Heard(heard) => {
                let registrar = self.registrar_of(&heard.to);
                self.send(|| What::ToRegistrar { registrar, input: Input::Heard(heard.clone()) });
            }
            Output::Fetched { home, fetch, owner, lease, fetched } => {
                let input = CacheInput::Fetched { fetch, owner, lease, fetched };
                self.send(|| What::ToHome { home, input: input.clone() });
            }
            Output::Renewed { home, fetch, lease, stale } => {
                self.tally.renewals += 1;
                let input = CacheInput::Renewed { fetch, lease, stale };
                self.send(|| What::ToHome { home, input: input.clone() });
            }
            Output::Invalidate { home, owner, mark } => {
                self.tally.invalidations += 1;
                let input = CacheInput::Invalidate { owner, mark };
                self.send(|| What::ToHome { home, input: input.clone() });
            }
        }
        Ok(())
    }

    /// A home takes an input, or only the time.
    pub fn keep(&mut self, at: usize, input: Option<CacheInput>) -> Result<(), String> {
        self.keep_one(at, CacheInput::Tick(self.now_ms))?;
        if let Some(input) = input {
            self.log.line(short(format!("{} home {at} <- {input:?}", self.now_ms)));
            let home = self.homes[at].id;
            match &input {
                CacheInput::Invalidate { owner, .. } => self.judge.invalidated(home, owner),
                CacheInput::Renewed { stale, .. } => {
                    stale.iter().for_each(|(owner, _)| self.judge.invalidated(home, owner));
                }
                CacheInput::Tick(_) | CacheInput::Ask { .. } | CacheInput::Fetched { .. } => {}
                CacheInput::Pin { .. } => {}
            }
            self.keep_one(at, input)?;
        }
        let home = &mut self.homes[at];
        let next_ms = home.cache.next_deadline();
        if next_ms != home.wakes_ms {
            home.wakes_ms = next_ms;
            if let Some(next_ms) = next_ms {
                self.put(next_ms, What::WakeHome { home: at });
            }
        }
        Ok(())
    }

    fn keep_one(&mut self, at: usize, input: CacheInput) -> Result<(), String> {
        let (mut out, home) = (Vec::new(), &mut self.homes[at]);
        home.cache.handle(input, &mut out);
        let id = home.id;
        out.into_iter().try_for_each(|output| self.carry(id, output))
    }

    fn carry(&mut self, home: HomeId, output: CacheOutput) -> Result<(), String> {
        self.log.line(short(format!("{} {home:?} says {output:?}", self.now_ms)));
        let input = match output {
            CacheOutput::Fetch { fetch, owner, have, at_least } => {
                self.judge.fetched(home, &owner, self.now_ms)?;
                Input::Fetch { home, fetch, owner, have, at_least }
            }
            CacheOutput::Renew { fetch } => Input::Renew { home, fetch },
            CacheOutput::Acknowledge { owner, mark } => Input::Acknowledge { home, owner, mark },
            CacheOutput::Release { owner, fetch } => {
                self.tally.evicted += 1;
                Input::Release { home, owner, fetch }
            }
            CacheOutput::Go { ticket, contacts, notice } => {
                return self.went_on(home, ticket, &contacts, notice);
            }
            CacheOutput::Changed { .. } => return Err("no list is pinned".to_owned()),
            CacheOutput::Refused { ticket, .. } => {
                self.tally.unavailable += 1;
                self.tickets.remove(&ticket);
                return Ok(());
            }
        };
        let registrar = self.homes.iter().find(|known| known.id == home).expect("it just spoke").registrar;
        self.send(|| What::ToRegistrar { registrar, input: input.clone() });
        Ok(())
    }
}
