//! The world of one seed: the queue of what is under way, and the turn of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Encoding, Limits, ObjectName};
use slotcast_state::{Edge, EdgeId, Input, Kinds, Name, Shard};

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::sim::body::{EdgeDesk, Mail, ShardDesk};
use crate::sim::client::Client;
use crate::sim::engine::Engine;
use crate::sim::judge::Heard;
use crate::sim::log::Log;
use crate::sim::socket::Sockets;
use crate::sim::tally::Tally;
use crate::sim::weather::Weather;
use crate::wishes;

/// More events than any seed needs to come to rest.
const EVENTS_MAX: u64 = 200_000;

/// Something under way.
pub enum What {
    Act {
        client: usize,
    },
    ToServer {
        socket: usize,
        message: Vec<u8>,
    },
    ToClient {
        socket: usize,
        bytes: Vec<u8>,
    },
    ToShard {
        shard: usize,
        input: Input,
    },
    ToEdge {
        edge: usize,
        mail: Mail,
    },
    Flush {
        edge: usize,
    },
    Wake {
        shard: usize,
    },
    /// The server finds that the connection is over.
    Noticed {
        socket: usize,
    },
    /// The client finds that the server is gone.
    Lost {
        socket: usize,
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
    Trouble,
}

pub struct World {
    pub weather: Weather,
    pub kinds: Arc<Kinds>,
    pub limits: Arc<Limits>,
    pub dice: Dice,
    pub now_ms: u64,
    pub queue: BTreeMap<(u64, u64), What>,
    queued: u64,
    /// When the last message of a link arrives.
    links: BTreeMap<(usize, usize), u64>,
    pub sockets: Sockets,
    pub edges: Vec<EdgeDesk>,
    pub shards: Vec<ShardDesk>,
    pub clients: Vec<Client>,
    pub tally: Tally,
    pub log: Log,
    /// No one starts anything any more.
    pub quiet: bool,
    /// The disks take nothing more.
    pub full: bool,
    pub tags: u64,
    /// The first answers to requests with an id: by client, object, epoch, id.
    pub heard: BTreeMap<(usize, ObjectName, u64, u64), Heard>,
}

/// What went wrong, and when.
pub struct Failure {
    pub seed: u64,
    pub step: u64,
    pub why: String,
    pub tail: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure { seed, step, why, tail } = self;
        write!(
            f,
            "seed {seed}, step {step}: {why}\nthe last lines:\n{tail}to see it again: SLOTCAST_SEED={seed}"
        )
    }
}

/// Runs one seed; the hash of its log, and what it met.
pub fn run(seed: u64, aloud: bool) -> Result<(u64, Tally), Failure> {
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
    match result {
        Ok(()) => Ok((world.log.hash(), world.total())),
        Err(why) => Err(Failure { seed, step, why, tail: world.log.tail() }),
    }
}

impl World {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut dice = Dice::new(seed);
        let weather = Weather::new(&mut dice);
        let kinds = Arc::new(wishes::kinds(weather.linger_ms, weather.resync_depth));
        let limits: Arc<Limits> = Arc::new(weather.limits.clone());
        let edge = |number| EdgeDesk {
            edge: Edge::new(EdgeId(number), kinds.clone(), limits.clone(), limits.rings_bytes),
            flush_due: false,
        };
        let edges = (0..weather.edges as u16).map(edge).collect();
        let mut shard = |number| {
            let shard = Shard::new(number, dice.roll(), kinds.clone(), limits.clone(), weather.idle_bytes);
            let mut ledger = Ledger::new(kinds.clone(), limits.clone());
            ledger.ids_are_unique = true;
            ShardDesk { shard, ledger, engine: Engine::default(), wakes_ms: None }
        };
        let shards = (0..weather.shards as u16).map(&mut shard).collect();
        let clients = (0..weather.clients).map(|number| Client::new(number, &mut dice)).collect();
        let sockets = Sockets { tight: weather.tight, ..Sockets::default() };
        let mut world = World {
            weather,
            kinds,
            limits,
            dice,
            now_ms: 1_000,
            queue: BTreeMap::new(),
            queued: 0,
            links: BTreeMap::new(),
            sockets,
            edges,
            shards,
            clients,
            tally: Tally::default(),
            log: Log::new(aloud),
            quiet: false,
            full: false,
            tags: 0,
            heard: BTreeMap::new(),
        };
        world.log.line(format!("{:?}", world.weather));
        (0..world.clients.len()).for_each(|client| world.put(1_000, What::Act { client }));
        world.put(1_000, What::Trouble);
        world
    }

    /// For another run of the server.
    pub fn fresh_shard(&mut self, number: usize) -> Shard {
        let (kinds, limits, seed) = (self.kinds.clone(), self.limits.clone(), self.dice.roll());
        Shard::new(number as u16, seed, kinds, limits, self.weather.idle_bytes)
    }

    /// From now on everything only comes to its end.
    fn calm_down(&mut self) {
        self.quiet = true;
        (0..self.clients.len()).for_each(|client| self.put(self.now_ms, What::Act { client }));
        self.fill(false);
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
            if self.quiet {
                return Ok(false);
            }
            self.calm_down();
            return Ok(true);
        };
        self.now_ms = at_ms;
        self.tally.events += 1;
        self.happen(what)?;
        Ok(true)
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        match what {
            What::Act { client } => self.act(client),
            What::ToServer { socket, message } => self.serve(socket, &message)?,
            What::ToClient { socket, bytes } => {
                self.sockets.all[socket].under_way -= bytes.len();
                self.sockets.touched.push(socket);
                if self.sockets.all[socket].client_open {
                    self.listen(socket, bytes)?;
                }
                self.settle();
            }
            What::ToShard { shard, input } => self.work(shard, Some(input))?,
            What::ToEdge { edge, mail } => self.open_mail(edge, mail),
            What::Flush { edge } => self.flush(edge)?,
            What::Wake { shard } => {
                if self.shards[shard].wakes_ms.is_some_and(|at| at <= self.now_ms) {
                    self.shards[shard].wakes_ms = None;
                    self.work(shard, None)?;
                }
            }
            What::Noticed { socket } => self.close(socket),
            What::Lost { socket } => self.lose(socket),
            What::Durable { shard } => self.durable(shard),
            What::Look { shard, name } => self.look(shard, name)?,
            What::Trouble => self.trouble()?,
        }
        Ok(())
    }

    pub fn put(&mut self, at_ms: u64, what: What) {
        self.queued += 1;
        self.queue.insert((at_ms, self.queued), what);
    }

    pub fn delay(&mut self) -> u64 {
        let most = self.weather.delay_ms;
        if self.dice.percent(5) { self.dice.below(most * 10) } else { self.dice.below(most + 1) }
    }

    /// When the next message of a link arrives: after all before it.
    pub fn in_order(&mut self, from: usize, to: usize) -> u64 {
        let soonest = self.now_ms + self.delay() / 4;
        let last = self.links.entry((from, to)).or_default();
        *last = soonest.max(*last);
        *last
    }

    pub fn up(&mut self, socket: usize) -> u64 {
        let soonest = self.now_ms + self.delay();
        let socket = &mut self.sockets.all[socket];
        socket.up_ms = soonest.max(socket.up_ms);
        socket.up_ms
    }

    pub fn down(&mut self, socket: usize) -> u64 {
        let soonest = self.now_ms + self.delay();
        let socket = &mut self.sockets.all[socket];
        socket.down_ms = soonest.max(socket.down_ms);
        socket.down_ms
    }

    /// One of the two.
    pub fn encoding(dice: &mut Dice) -> Encoding {
        dice.pick(&Encoding::ALL)
    }

    fn total(&self) -> Tally {
        let mut tally = self.tally;
        tally.pushes_of_several = self.sockets.pieces_of_several;
        tally.full_sockets = self.sockets.fulls;
        tally.refused_pushes = self.sockets.refused;
        self.shards.iter().for_each(|desk| tally.add_met(&desk.ledger.met));
        tally
    }
}
