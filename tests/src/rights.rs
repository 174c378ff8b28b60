//! One edge and one shard, sessions whose rights change at random, and a judge who reads every byte that a socket is handed: a slot that the session may not
//! read is in none of it, not even its name.
//!
//! Inputs and mail are under way for a while, sockets are full at times, snapshots come in parts. An auditor, who may see everything, has the truth.

mod judge;
mod met;
mod sockets;
mod wishes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use slotcast_protocol::{Device, Encoding, Event, Limits, ObjectName, Request, SlotName, User};
use slotcast_state::{
    Author, Delivery, Edge, EdgeId, Effects, Frames, Input, Kinds, Right, Rights, SessionId, Shard, Start,
    Taken, View,
};

use crate::copy::Copy;
use crate::dice::Dice;
use met::Met;
use sockets::{Sockets, framed};
pub use wishes::hidden;

const STEPS: usize = 700;
const SESSIONS: usize = 6;

/// Slots, and the role without which they are hidden.
const HIDDEN: [(&str, &str); 3] = [("red.", "red"), ("blue.", "blue"), ("blue.red.", "red")];

/// Whether a session with these roles may read a slot.
fn is_open(slot: &str, roles: &BTreeSet<&'static str>) -> bool {
    HIDDEN.iter().all(|(beginning, role)| !slot.starts_with(beginning) || roles.contains(role))
}

/// What a session may do, as the judge knows it.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    roles: BTreeSet<&'static str>,
    /// By object, where the token says; without a row nothing.
    objects: Option<BTreeMap<&'static str, Vec<Right>>>,
}

impl Allowed {
    /// Objects of the kind `staff` are for those with a role, and only `red` changes them.
    fn lets(&self, object: &ObjectName, right: Right) -> bool {
        let roles: &[&str] = match (object.kind(), right) {
            ("staff", Right::Read) => &["red", "blue"],
            ("staff", Right::Write) => &["red"],
            _else => &[],
        };
        let by_kind = roles.is_empty() || roles.iter().any(|role| self.roles.contains(role));
        let rows = self.objects.as_ref();
        by_kind && rows.is_none_or(|rows| rows.get(object.as_str()).is_some_and(|may| may.contains(&right)))
    }
}

struct Client {
    session: SessionId,
    allowed: Allowed,
    /// How often its rights have changed.
    renewed: u64,
    copies: BTreeMap<ObjectName, Copy>,
    /// What it asked to see.
    views: BTreeMap<ObjectName, View>,
    /// Writes and sends without an answer, by id: whether they must fail.
    asked: BTreeMap<u64, bool>,
}

/// Under way to the shard, with the state of its session's rights when it left.
struct Sent {
    input: Input,
    renewed: u64,
}

pub struct World {
    dice: Dice,
    edge: Edge,
    shard: Shard,
    sockets: Sockets,
    clients: Vec<Client>,
    inputs: VecDeque<Sent>,
    mail: VecDeque<(u64, Delivery)>,
    now_ms: u64,
    ids: u64,
    met: Met,
    log: String,
}

/// One run; the error tells what the judge saw.
pub fn run(seed: u64) -> Result<(u64, Met), String> {
    let mut world = World::new(seed);
    let done = (0..STEPS).try_for_each(|_| world.step()).and_then(|()| world.rest());
    done.map_err(|why| {
        let tail: Vec<&str> = world.log.lines().rev().take(40).collect();
        format!("seed {seed}: {why}\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
    })?;
    let hash = world.log.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok((hash, world.met))
}

impl World {
    fn new(seed: u64) -> World {
        let kinds: Arc<Kinds> = Arc::new(wishes::kinds());
        let limits = Arc::new(Limits { part_bytes: 400, ring_frames: 8, ..Limits::default() });
        let mut edge = Edge::new(EdgeId(0), kinds.clone(), limits.clone(), limits.rings_bytes);
        let shard = Shard::new(0, seed, kinds, limits, 0);
        let client = |number: usize| {
            let user = User::parse(&format!("user-{number}")).expect("a good user");
            let device = Device::parse("d").expect("a good device");
            let session = edge.open(Arc::new(Author { user, device }), Encoding::MessagePack);
            let allowed = Allowed { roles: BTreeSet::new(), objects: None };
            Client {
                session,
                allowed,
                renewed: 0,
                copies: BTreeMap::new(),
                views: BTreeMap::new(),
                asked: BTreeMap::new(),
            }
        };
        let clients: Vec<Client> = (0..=SESSIONS).map(client).collect();
        let (dice, sockets) = (Dice::new(seed), Sockets::default());
        let (inputs, mail, log) = (VecDeque::new(), VecDeque::new(), String::new());
        let mut world = World {
            dice,
            edge,
            shard,
            sockets,
            clients,
            inputs,
            mail,
            now_ms: 1_000,
            ids: 0,
            met: Met::default(),
            log,
        };
        world.entitle(0, Allowed { roles: BTreeSet::from(["red", "blue"]), objects: None });
        for object in wishes::OBJECTS {
            world.ask(0, wishes::follow(object, None, None));
        }
        world
    }

    fn step(&mut self) -> Result<(), String> {
        match self.dice.below(100) {
            0..=29 => self.wish(),
            30..=33 => self.renew(),
            34..=61 => self.shard_step(),
            62..=88 => self.edge_step(),
            89..=95 => self.flush(),
            _time => {
                self.now_ms += self.dice.below(200);
                let tick = Input::Tick(self.now_ms);
                self.handle(tick, 0);
            }
        }
        self.read()
    }

    fn wish(&mut self) {
        let at = self.dice.below(self.clients.len() as u64) as usize;
        self.ids += 1;
        let request = wishes::request(&mut self.dice, self.ids, at == 0);
        self.ask(at, request);
    }

    /// A client's request reaches the edge.
    fn ask(&mut self, at: usize, request: Request) {
        let client = &self.clients[at];
        let _ = writeln!(self.log, "{at} asks {request:?}");
        let must_fail = match &request {
            Request::Write(write) => {
                let hidden = wishes::named(write).any(|slot| !is_open(slot, &client.allowed.roles));
                let clears = wishes::clears(write) && client.allowed.roles.len() < 2;
                Some((write.id, hidden || clears || !client.allowed.lets(&write.object, Right::Write)))
            }
            Request::Send(send) => Some((send.id, !client.allowed.lets(&send.object, Right::Send))),
            _other => None,
        };
        let session = client.session;
        if let Request::Use(request) = &request
            && client.allowed.lets(&request.object, Right::Read)
        {
            self.clients[at].views.extend([wishes::view(request)]);
        }
        if let Some((Some(id), must_fail)) = must_fail {
            self.clients[at].asked.insert(id, must_fail);
        }
        let taken = self.edge.request(session, request, self.now_ms);
        taken.into_iter().for_each(|taken| self.carry_out(at, taken));
    }

    fn renew(&mut self) {
        let at = 1 + self.dice.below(SESSIONS as u64) as usize;
        let allowed = wishes::allowed(&mut self.dice);
        self.met.renewals += 1;
        self.entitle(at, allowed);
    }

    fn entitle(&mut self, at: usize, allowed: Allowed) {
        let _ = writeln!(self.log, "{at} has {allowed:?}");
        let rights: Rights = wishes::rights(&allowed);
        let client = &mut self.clients[at];
        client.allowed = allowed;
        client.renewed += 1;
        let session = client.session;
        let taken = self.edge.entitle(session, Some(Arc::new(rights)));
        taken.into_iter().for_each(|taken| self.carry_out(at, taken));
    }

    fn carry_out(&mut self, at: usize, taken: Taken) {
        let renewed = self.clients[at].renewed;
        match taken {
            Taken::Shard(_, input) => self.inputs.push_back(Sent { input, renewed }),
            Taken::Answer(event) => self.tell(at, &event),
            Taken::Home(..) | Taken::Token(_) => panic!("nobody asks for homes or shows tokens"),
        }
    }

    fn shard_step(&mut self) {
        if let Some(Sent { input, renewed }) = self.inputs.pop_front() {
            self.handle(input, renewed);
        }
    }

    fn handle(&mut self, input: Input, renewed: u64) {
        let mut effects = Effects::default();
        self.shard.handle(input, &mut effects);
        self.mail.extend(effects.deliveries.into_iter().map(|delivery| (renewed, delivery)));
    }

    /// A piece of mail reaches the edge.
    fn edge_step(&mut self) {
        let Some((renewed, delivery)) = self.mail.pop_front() else { return };
        let mut asks = Vec::new();
        match delivery {
            Delivery::Reply { session, event } => {
                let at = session.slot();
                // Answered by rights of which it has others now: that was the answer.
                if self.clients[at].renewed == renewed {
                    self.tell(at, &event);
                }
            }
            Delivery::Publish { channel, event, mark, .. } => {
                self.edge.publish(channel, &framed(&event), mark);
            }
            Delivery::Start { session, start } => {
                self.start(session, start, &mut asks);
            }
            Delivery::Left { session, object } => {
                self.edge.left(session, &object);
                self.tell(session.slot(), &Event::Released { object });
            }
            Delivery::Refused { session, object, turn, .. } => self.edge.refused(session, &object, turn),
            Delivery::Fleeting { .. } | Delivery::News { .. } | Delivery::Letter { .. } => {}
            Delivery::Roster(_) => {}
        }
        self.put(asks);
    }

    fn start(&mut self, session: SessionId, start: Start, asks: &mut Vec<slotcast_state::Ask>) {
        let client = &self.clients[session.slot()];
        let names: Vec<SlotName> = wishes::SLOTS.iter().map(|name| crate::wishes::slot(name)).collect();
        let shows_too_much = names
            .iter()
            .any(|name| start.audience.view.shows(name) && !is_open(name.as_str(), &client.allowed.roles));
        self.met.stale_starts += u64::from(shows_too_much);
        let parts = start
            .whole
            .as_ref()
            .map(|whole| whole.frames(|parts| parts.iter().map(|part| framed(part).into()).collect()));
        self.met.parts += u64::from(parts.is_some());
        let last = start.event.frame(|event| framed(event).into());
        let frames = Frames { parts, last };
        self.edge.start(session, start, frames, &mut self.sockets, asks);
    }

    fn flush(&mut self) {
        let mut asks = Vec::new();
        let budget = 1 + self.dice.below(4) as usize;
        self.edge.flush(budget, &mut self.sockets, &mut asks);
        self.edge.flush_parts(budget, &mut self.sockets, &mut asks);
        let full: Vec<SessionId> = self.sockets.full().collect();
        for session in full {
            if self.dice.percent(50) {
                self.sockets.drain(session);
                self.edge.drained(session, &mut self.sockets, &mut asks);
            }
        }
        self.put(asks);
        self.sockets.window = self.dice.below(3);
    }

    fn put(&mut self, asks: Vec<slotcast_state::Ask>) {
        for slotcast_state::Ask { session, object, cursor } in asks {
            let renewed = self.clients[session.slot()].renewed;
            self.inputs.push_back(Sent { input: Input::CatchUp { session, object, cursor }, renewed });
        }
    }

    fn tell(&mut self, at: usize, event: &Event) {
        self.sockets.answer(self.clients[at].session, framed(event));
    }

    /// All that is under way arrives; then each copy is what its session may see of the auditor's.
    fn rest(&mut self) -> Result<(), String> {
        self.sockets.window = u64::MAX;
        for _ in 0..100 {
            self.now_ms += 1_000;
            let tick = Input::Tick(self.now_ms);
            self.handle(tick, 0);
            while !self.inputs.is_empty() || !self.mail.is_empty() {
                self.shard_step();
                self.edge_step();
            }
            let (mut asks, full) = (Vec::new(), self.sockets.full().collect::<Vec<_>>());
            for session in full {
                self.sockets.drain(session);
                self.edge.drained(session, &mut self.sockets, &mut asks);
            }
            while !self.edge.flush(100, &mut self.sockets, &mut asks) {}
            while !self.edge.flush_parts(100, &mut self.sockets, &mut asks) {}
            self.put(asks);
            self.read()?;
        }
        self.compare()
    }
}
