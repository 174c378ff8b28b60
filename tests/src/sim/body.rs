//! The server's body in the simulation: it carries inputs and mail between edges and shards, as `server/node` does.

use std::sync::Arc;

use slotcast_protocol::{Door, Encoding, Event, Fault, ObjectName, Request, json};
use slotcast_state::{
    Ask, Author, ChannelId, Delivery, Edge, Effects, Frames, Input, Mark, SessionId, Shard, Sink, Start,
    Taken,
};

use crate::ledger::Ledger;
use crate::sim::engine::Engine;
use crate::sim::socket::frame;
use crate::sim::world::{What, World};

/// An edge, and whether a flush is due.
pub struct EdgeDesk {
    pub edge: Edge,
    pub flush_due: bool,
}

/// A shard, its ledger and its store.
pub struct ShardDesk {
    pub shard: Shard,
    pub ledger: Ledger,
    pub engine: Engine,
    pub wakes_ms: Option<u64>,
}

/// From a shard to an edge.
pub enum Mail {
    Reply { session: SessionId, event: Event },
    Frame { channel: ChannelId, frame: Vec<u8>, mark: Mark },
    Start { session: SessionId, start: Box<Start>, frames: Frames },
    Left { session: SessionId, object: ObjectName },
    Refused { session: SessionId, object: ObjectName, turn: u32, fault: Fault },
}

fn encoded(event: &Event, encoding: Encoding) -> Vec<u8> {
    let bytes = event.encode();
    match encoding {
        Encoding::MessagePack => frame(&bytes),
        Encoding::Json => frame(json::event_text(&bytes).as_bytes()),
    }
}

impl World {
    pub fn shard_of(&self, object: &ObjectName) -> usize {
        let sum: usize = object.as_str().bytes().map(usize::from).sum();
        sum % self.shards.len()
    }

    /// A client's message reaches its edge.
    pub fn serve(&mut self, at: usize, message: &[u8]) -> Result<(), String> {
        let socket = &self.sockets.all[at];
        if !socket.server_open || self.now_ms > socket.up_until_ms {
            return Ok(());
        }
        let limits = &self.weather.limits;
        let request = match socket.encoding {
            Encoding::MessagePack => Request::decode(Door::Objects, message, limits),
            Encoding::Json => {
                json::request(Door::Objects, std::str::from_utf8(message).map_err(|_| "UTF-8")?, limits)
            }
        };
        let request = request.map_err(|refused| format!("a client's message is refused: {refused:?}"))?;
        let Some(session) = socket.session else { return self.hello(at, request) };
        let edge = socket.edge;
        match self.edges[edge].edge.request(session, request, self.now_ms) {
            Some(Taken::Shard(object, input)) => {
                if let Input::Use { covered: true, .. } = &input {
                    self.tally.covered_starts += 1;
                }
                self.for_shard(edge, self.shard_of(&object), input);
            }
            Some(Taken::Answer(event)) => self.reply(edge, session, &event),
            Some(Taken::Home(..)) => return Err("no one here has a home".to_owned()),
            Some(Taken::Token(_)) => return Err("no one here has a token".to_owned()),
            None => {}
        }
        self.settle();
        Ok(())
    }

    fn hello(&mut self, at: usize, request: Request) -> Result<(), String> {
        let Request::Hello { user: Some(user), device: Some(device), .. } = request else {
            return Err(format!("first a hello, not {request:?}"));
        };
        let (edge, encoding) = (self.sockets.all[at].edge, self.sockets.all[at].encoding);
        let older = self.sockets.all[..at].iter().position(|socket| {
            socket.server_open && socket.session.is_some() && socket.client == self.sockets.all[at].client
        });
        if let Some(older) = older {
            self.tally.replaced += 1;
            let delay = if self.sockets.all[older].edge == edge { 0 } else { self.delay() };
            self.put(self.now_ms + delay, What::Noticed { socket: older });
        }
        let author = Arc::new(Author { user, device });
        let session = self.edges[edge].edge.open(author.clone(), encoding);
        self.sockets.all[at].session = Some(session);
        self.sockets.by_session.insert(session, at);
        let welcome = slotcast_protocol::Welcome {
            session: format!("{:x}", session.number()),
            user: author.user.clone(),
            device: author.device.clone(),
            time_ms: self.now_ms,
            limits: Vec::new(),
            expires_ms: None,
        };
        self.reply(edge, session, &Event::Welcome(welcome));
        self.settle();
        Ok(())
    }

    /// The server closes a connection, if it has not yet.
    pub fn close(&mut self, at: usize) {
        let socket = &mut self.sockets.all[at];
        if !std::mem::take(&mut socket.server_open) {
            return;
        }
        let (edge, session) = (socket.edge, socket.session);
        let Some(session) = session else { return };
        let objects = self.edges[edge].edge.close(session);
        self.sockets.by_session.remove(&session);
        for shard in 0..self.shards.len() {
            let of_shard: Vec<_> =
                objects.iter().filter(|object| self.shard_of(object) == shard).cloned().collect();
            if !of_shard.is_empty() {
                self.for_shard(edge, shard, Input::Gone { session, objects: of_shard });
            }
        }
    }

    fn reply(&mut self, edge: usize, session: SessionId, event: &Event) {
        if let Some(encoding) = self.edges[edge].edge.encoding(session) {
            self.sockets.hold(session, &encoded(event, encoding));
        }
    }

    fn for_shard(&mut self, edge: usize, shard: usize, input: Input) {
        let at = self.in_order(edge, 100 + shard);
        self.put(at, What::ToShard { shard, input });
    }

    fn for_edge(&mut self, shard: usize, edge: usize, mail: Mail) {
        let at = self.in_order(100 + shard, edge);
        self.put(at, What::ToEdge { edge, mail });
    }

    /// A shard takes an input, or None for the time alone.
    pub fn work(&mut self, shard: usize, input: Option<Input>) -> Result<(), String> {
        let desk = &mut self.shards[shard];
        let mut effects = Effects::default();
        desk.ledger.run(&mut desk.shard, Input::Tick(self.now_ms), &mut effects)?;
        if let Some(input) = input {
            desk.ledger.run(&mut desk.shard, input, &mut effects)?;
        }
        let next = desk.shard.next_deadline();
        if desk.wakes_ms != next {
            desk.wakes_ms = next;
            if let Some(next) = next {
                self.put(next.max(self.now_ms), What::Wake { shard });
            }
        }
        for commit in &effects.commits {
            let (object, version, changes) = (&commit.object, commit.version, commit.changes.len());
            self.log.line(format!("{} shard {shard}: {object} {version}, {changes} changes", self.now_ms));
        }
        self.hand_over(shard, &mut effects)?;
        effects.deliveries.into_iter().for_each(|delivery| self.deliver(shard, delivery));
        Ok(())
    }

    pub fn deliver(&mut self, shard: usize, delivery: Delivery) {
        match delivery {
            Delivery::Reply { session, event } => {
                self.for_edge(shard, session.edge().0.into(), Mail::Reply { session, event });
            }
            Delivery::Publish { channel, encoding, edges, event, mark } => {
                let frame = encoded(&event, encoding);
                for edge in edges {
                    self.for_edge(shard, edge.0.into(), Mail::Frame { channel, frame: frame.clone(), mark });
                }
            }
            Delivery::Start { session, start } => {
                let encoding = start.audience.encoding;
                let last = start.event.frame(|event| encoded(event, encoding).into());
                let each =
                    |parts: &[Event]| parts.iter().map(|part| encoded(part, encoding).into()).collect();
                let parts = start.whole.as_ref().map(|whole| whole.frames(each));
                let frames = Frames { parts, last };
                let mail = Mail::Start { session, start: Box::new(start), frames };
                self.for_edge(shard, session.edge().0.into(), mail);
            }
            Delivery::Left { session, object } => {
                self.for_edge(shard, session.edge().0.into(), Mail::Left { session, object });
            }
            Delivery::Refused { session, object, turn, fault } => {
                let mail = Mail::Refused { session, object, turn, fault };
                self.for_edge(shard, session.edge().0.into(), mail);
            }
            Delivery::Fleeting { .. } | Delivery::News { .. } | Delivery::Letter { .. } => {
                unreachable!("no one here has a home")
            }
            Delivery::Roster(_) => unreachable!("no one here has a list"),
        }
    }

    /// Mail reaches an edge.
    pub fn open_mail(&mut self, edge: usize, mail: Mail) {
        let mut asks = Vec::new();
        match mail {
            Mail::Reply { session, event } => self.reply(edge, session, &event),
            Mail::Frame { channel, frame, mark } => {
                self.edges[edge].edge.publish(channel, &frame, mark);
                self.flush_soon(edge);
            }
            Mail::Start { session, start, frames } => {
                if !self.sockets.is_open(session) {
                    self.tally.put_offs += 1;
                }
                let desk = &mut self.edges[edge];
                desk.edge.start(session, *start, frames, &mut self.sockets, &mut asks);
                self.flush_soon(edge);
            }
            Mail::Left { session, object } => {
                self.edges[edge].edge.left(session, &object);
                self.reply(edge, session, &Event::Released { object });
            }
            Mail::Refused { session, object, turn, fault } => {
                self.edges[edge].edge.refused(session, &object, turn);
                self.reply(edge, session, &Event::Error { fault, object: Some(object) });
            }
        }
        self.ask(edge, asks);
        self.settle();
    }

    fn flush_soon(&mut self, edge: usize) {
        if !std::mem::replace(&mut self.edges[edge].flush_due, true) {
            let delay = self.dice.below(8);
            self.put(self.now_ms + delay, What::Flush { edge });
        }
    }

    pub fn flush(&mut self, edge: usize) -> Result<(), String> {
        self.edges[edge].flush_due = false;
        let budget = self.dice.between(1, self.weather.flush_budget) as usize;
        let mut asks = Vec::new();
        let (pieces, cut) = (self.sockets.pieces, self.edges[edge].edge.rings_cut_bytes());
        let done = self.edges[edge].edge.flush(budget, &mut self.sockets, &mut asks);
        self.tally.ring_pieces += self.sockets.pieces - pieces;
        self.tally.rings_cut += u64::from(self.edges[edge].edge.rings_cut_bytes() > cut);
        let kept = self.edges[edge].edge.rings_bytes();
        if done && kept > self.limits.rings_bytes {
            return Err(format!("the rings of edge {edge} hold {kept} bytes"));
        }
        let given = !done || self.edges[edge].edge.flush_parts(budget, &mut self.sockets, &mut asks);
        self.ask(edge, asks);
        if !done || !given {
            self.tally.flushes_cut_short += u64::from(!done);
            self.flush_soon(edge);
        }
        self.settle();
        Ok(())
    }

    fn ask(&mut self, edge: usize, asks: Vec<Ask>) {
        for Ask { session, object, cursor } in asks {
            self.tally.asks += 1;
            let shard = self.shard_of(&object);
            self.for_shard(edge, shard, Input::CatchUp { session, object, cursor });
        }
    }

    /// Everything that the windows take goes on its way, and who was full and is empty is served again.
    pub fn settle(&mut self) {
        while let Some(at) = self.sockets.touched.pop() {
            let socket = &mut self.sockets.all[at];
            let room = socket.window.saturating_sub(socket.under_way);
            let count = room.min(socket.held.len());
            if count > 0 && socket.server_open {
                let bytes: Vec<u8> = socket.held.drain(..count).collect();
                socket.under_way += count;
                self.transmit(at, bytes);
            }
            let socket = &mut self.sockets.all[at];
            if socket.full && socket.held.is_empty() && socket.server_open {
                socket.full = false;
                self.tally.drains += 1;
                let (edge, session) = (socket.edge, socket.session.expect("who was pushed to has a session"));
                let mut asks = Vec::new();
                let pieces = self.sockets.pieces;
                self.edges[edge].edge.drained(session, &mut self.sockets, &mut asks);
                self.tally.ring_pieces += self.sockets.pieces - pieces;
                self.ask(edge, asks);
            }
        }
    }

    /// In one piece or in two.
    fn transmit(&mut self, at: usize, mut bytes: Vec<u8>) {
        let cut = self.dice.below(bytes.len() as u64 * 2) as usize;
        if cut > 0 && cut < bytes.len() {
            let rest = bytes.split_off(cut);
            let arrives = self.down(at);
            self.put(arrives, What::ToClient { socket: at, bytes });
            bytes = rest;
        }
        let arrives = self.down(at);
        self.put(arrives, What::ToClient { socket: at, bytes });
    }
}
