//! A simple client as the page describes it: copies, cursors, unanswered requests with their ids, and the wish to do something.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use slotcast_protocol::{
    Cursor, Device, Encoding, ObjectName, Pattern, Rate, Request, Send, SendName, Use, User,
};
use slotcast_state::View;

use crate::copy::Copy;
use crate::dice::Dice;
use crate::json_wire;
use crate::sim::socket::{Socket, unframe};
use crate::sim::world::{What, World};
use crate::vectors::value;
use crate::wishes;

pub struct Client {
    pub user: User,
    pub device: Device,
    pub encoding: Encoding,
    /// Repeats its writes at once behind `use`, with their epoch; else it waits for the answer to `use`.
    pipelines: bool,
    /// Puts its count of sends into cursors.
    counts_sends: bool,
    pub socket: Option<usize>,
    pub welcomed: bool,
    inbox: Vec<u8>,
    pub rooms: BTreeMap<ObjectName, Room>,
    next_id: u64,
    /// It left and never comes back.
    pub gone: bool,
}

/// What a client has of one object.
#[derive(Default)]
pub struct Room {
    pub wanted: bool,
    pub view: Option<Vec<Pattern>>,
    pub rate: Option<Rate>,
    /// Frames under way may be of a use with a rate.
    pub rated: bool,
    /// The views that frames under way may be of; the last is the one that counts.
    pub views: Vec<View>,
    pub copy: Copy,
    /// Whether the count of sends is known.
    pub counts: bool,
    /// The copy before the parts of a snapshot: its epoch and version, and its sends if they were counted.
    pub before: Option<(u64, u64, Option<u64>)>,
    /// A `use` without a cursor was sent behind another, so that lost sends are not told.
    pub used_again: bool,
    /// Before the first answer to `use` of this connection.
    pub waiting: bool,
    /// `release`s without an answer.
    pub releases: u64,
    pub unanswered: VecDeque<Pending>,
    /// So many of them were sent on this connection.
    pub sent: usize,
    /// The server has crashed since.
    pub crossed: bool,
    /// Versions of successes of this connection.
    pub acknowledged: BTreeSet<u64>,
    /// Requests that were answered long ago.
    answered: Vec<Pending>,
}

/// A request that wants an answer.
#[derive(Clone)]
pub struct Pending {
    pub id: Option<u64>,
    pub epoch: u64,
    pub request: Request,
}

impl Client {
    pub fn new(number: u64, dice: &mut Dice) -> Self {
        let user = User::parse(dice.pick(&wishes::USERS)).expect("a good user");
        let device = Device::parse(&format!("device-{number}")).expect("a good device");
        Client {
            user,
            device,
            encoding: World::encoding(dice),
            pipelines: dice.percent(50),
            counts_sends: dice.percent(75),
            socket: None,
            welcomed: false,
            inbox: Vec::new(),
            rooms: BTreeMap::new(),
            next_id: 1,
            gone: false,
        }
    }
}

impl Room {
    /// Whatever was asked is answered; ready for more.
    fn is_calm(&self) -> bool {
        self.wanted && !self.waiting && self.releases == 0 && self.copy.complete
    }

    fn cursor(&self, counts_sends: bool) -> Option<Cursor> {
        let sends = |cursor: Cursor| cursor.sends.filter(|_| counts_sends && self.counts);
        self.copy.cursor().map(|cursor| Cursor { sends: sends(cursor), ..cursor })
    }

    /// An answer has come to the oldest request.
    pub fn answer(&mut self) -> Pending {
        self.sent -= 1;
        self.unanswered.pop_front().expect("the caller has looked")
    }

    /// Kept, to be repeated by mistake.
    pub fn remember(&mut self, pending: Pending) {
        if pending.id.is_some() && self.answered.len() < 12 {
            self.answered.push(pending);
        }
    }
}

impl World {
    pub fn act(&mut self, at: usize) {
        if self.clients[at].gone {
            return;
        }
        if !self.quiet {
            let pause = self.dice.between(1, 30);
            self.put(self.now_ms + pause, What::Act { client: at });
        }
        let Some(socket) = self.clients[at].socket else {
            if self.quiet || self.dice.percent(40) {
                self.connect(at);
            }
            return;
        };
        if self.quiet {
            return;
        }
        if self.dice.percent(self.weather.cuts) {
            return self.cut(at, socket);
        }
        if self.clients[at].welcomed {
            self.wish(at);
        }
    }

    fn wish(&mut self, at: usize) {
        let object = self.some_object();
        self.clients[at].rooms.entry(object.clone()).or_default();
        let room = &self.clients[at].rooms[&object];
        if !room.wanted {
            if room.releases == 0 {
                self.follow(at, &object);
            }
            return;
        }
        if room.copy.is_in_parts() && room.releases == 0 && self.dice.percent(20) {
            return self.change_use(at, &object);
        }
        let room = &self.clients[at].rooms[&object];
        if !room.is_calm() {
            return;
        }
        let full = room.unanswered.len() >= self.weather.limits.inflight;
        match self.dice.below(100) {
            roll if roll < self.weather.uses => self.change_use(at, &object),
            roll if roll < self.weather.uses + self.weather.sends && !full => self.send(at, &object),
            98.. => self.speak(at, &Request::Fingerprint { object }),
            95.. => self.repeat_old(at, &object),
            _write if !full => self.write(at, &object),
            _full => {}
        }
    }

    fn some_object(&mut self) -> ObjectName {
        match self.dice.below(self.weather.objects + 1) {
            0 => wishes::object("still/0"),
            number if number <= self.weather.stored => wishes::object(&format!("safe/{number}")),
            number => wishes::object(&format!("room/{number}")),
        }
    }

    fn connect(&mut self, at: usize) {
        let edge = self.dice.below(self.edges.len() as u64) as usize;
        let window = self.weather.window as usize;
        let encoding = self.clients[at].encoding;
        self.sockets.all.push(Socket {
            client: at,
            edge,
            encoding,
            session: None,
            client_open: true,
            server_open: true,
            up_until_ms: u64::MAX,
            up_ms: 0,
            down_ms: 0,
            held: Vec::new(),
            under_way: 0,
            window,
            full: false,
        });
        let client = &mut self.clients[at];
        client.socket = Some(self.sockets.all.len() - 1);
        let (device, user) = (Some(client.device.clone()), Some(client.user.clone()));
        self.log.line(format!("{} client {at}: connects to edge {edge}", self.now_ms));
        self.speak(at, &Request::Hello { token: None, device, user });
    }

    /// The server was gone.
    pub fn lose(&mut self, socket: usize) {
        let at = self.sockets.all[socket].client;
        if self.clients[at].socket == Some(socket) {
            self.clients[at].rooms.values_mut().for_each(|room| room.crossed = true);
            self.cut(at, socket);
        }
    }

    /// The connection is lost, with what is under way; the server finds out later.
    pub fn cut(&mut self, at: usize, socket: usize) {
        self.tally.cuts += 1;
        let until = self.now_ms + self.delay();
        let noticed = until + self.delay() * 2;
        self.sockets.all[socket].client_open = false;
        self.sockets.all[socket].up_until_ms = until;
        self.put(noticed, What::Noticed { socket });
        let gone = !self.quiet && self.dice.percent(3);
        let client = &mut self.clients[at];
        let within_parts = client.rooms.values().any(|room| room.copy.is_in_parts());
        self.tally.cuts_within_parts += u64::from(within_parts);
        self.tally.cuts_within_a_frame += u64::from(!client.inbox.is_empty());
        client.inbox.clear();
        (client.socket, client.welcomed, client.gone) = (None, false, gone);
        client.rooms.retain(|_, room| room.wanted);
        for room in client.rooms.values_mut() {
            room.copy.cut();
            if room.used_again || room.releases > 0 {
                // It may be of the patterns before.
                room.copy = Copy::default();
            }
            room.acknowledged.clear();
            room.before = None;
            room.unanswered.retain(|pending| pending.id.is_some());
            (room.sent, room.releases, room.used_again) = (0, 0, false);
        }
        self.log.line(format!("{} client {at}: cut", self.now_ms));
        if self.quiet {
            self.put(self.now_ms, What::Act { client: at });
        }
    }

    /// After `welcome`: everything that is wanted, from where it was.
    pub fn resume(&mut self, at: usize) {
        let wanted: Vec<_> = self.clients[at].rooms.keys().cloned().collect();
        for object in wanted {
            let counts_sends = self.clients[at].counts_sends;
            let room = self.clients[at].rooms.get_mut(&object).expect("it was just there");
            let cursor = room.cursor(counts_sends);
            room.counts &= cursor.is_some_and(|cursor| cursor.sends.is_some());
            room.waiting = true;
            room.views = vec![wishes::shows(&room.view)];
            let (slots, rate) = (room.view.clone(), room.rate);
            room.rated = rate.is_some();
            self.speak(at, &Request::Use(Use { object: object.clone(), cursor, slots, rate }));
            if self.clients[at].pipelines {
                self.retry(at, &object);
            }
        }
    }

    /// The first answer to `use` has come.
    pub fn resumed(&mut self, at: usize, object: &ObjectName) {
        let room = self.clients[at].rooms.get_mut(object).expect("the answer is about it");
        (room.waiting, room.crossed) = (false, false);
        if !self.clients[at].pipelines {
            let room = self.clients[at].rooms.get_mut(object).expect("the answer is about it");
            let epoch = room.copy.epoch;
            room.unanswered.retain(|pending| pending.epoch == epoch);
            self.retry(at, object);
        }
    }

    fn retry(&mut self, at: usize, object: &ObjectName) {
        let room = self.clients[at].rooms.get_mut(object).expect("the caller has it");
        let requests: Vec<_> = room.unanswered.iter().skip(room.sent).map(|p| p.request.clone()).collect();
        room.sent = room.unanswered.len();
        self.tally.retries += requests.len() as u64;
        requests.iter().for_each(|request| self.speak(at, request));
    }

    fn follow(&mut self, at: usize, object: &ObjectName) {
        let (view, rate) = (wishes::view(&mut self.dice), wishes::rate(&mut self.dice));
        let room = self.clients[at].rooms.get_mut(object).expect("the caller has it");
        let (acknowledged, answered) =
            (std::mem::take(&mut room.acknowledged), std::mem::take(&mut room.answered));
        let (slots, rated) = (view.clone(), rate.is_some());
        *room = Room {
            wanted: true,
            waiting: true,
            view,
            rate,
            rated,
            acknowledged,
            answered,
            ..Room::default()
        };
        room.views = vec![wishes::shows(&slots)];
        self.speak(at, &Request::Use(Use { object: object.clone(), cursor: None, slots, rate }));
    }

    /// Other patterns, or away, or away and back in one breath.
    fn change_use(&mut self, at: usize, object: &ObjectName) {
        let (view, rate) = (wishes::view(&mut self.dice), wishes::rate(&mut self.dice));
        let choice = self.dice.below(4);
        let room = self.clients[at].rooms.get_mut(object).expect("the caller has it");
        let request = Request::Use(Use { object: object.clone(), cursor: None, slots: view.clone(), rate });
        let within_parts = u64::from(room.copy.is_in_parts());
        if choice < 2 {
            self.tally.second_uses += 1;
            self.tally.uses_within_parts += within_parts;
            room.views.push(wishes::shows(&view));
            (room.view, room.used_again) = (view, true);
            (room.rate, room.rated) = (rate, room.rated || rate.is_some());
            return self.speak(at, &request);
        }
        if !room.unanswered.is_empty() {
            return;
        }
        self.tally.releases += 1;
        self.tally.releases_within_parts += within_parts;
        room.releases += 1;
        room.wanted = false;
        self.speak(at, &Request::Release { object: object.clone() });
        if choice == 2 {
            self.tally.releases_with_use_behind += 1;
            let room = self.clients[at].rooms.get_mut(object).expect("the caller has it");
            room.views.push(wishes::shows(&view));
            (room.view, room.wanted, room.waiting) = (view, true, true);
            (room.rate, room.rated) = (rate, room.rated || rate.is_some());
            self.speak(at, &request);
        }
    }

    fn write(&mut self, at: usize, object: &ObjectName) {
        self.tags += 1;
        let tag = self.tags;
        let client = &self.clients[at];
        let copy = &client.rooms[object].copy;
        let mut write = match self.dice.percent(15) {
            true => wishes::increment(object, copy),
            false => wishes::write(&mut self.dice, object, client.user.as_str(), copy, tag),
        };
        if self.weather.big_values && self.dice.percent(80) {
            grow(&mut write, tag);
        }
        let epoch = copy.epoch;
        write.id = self.fresh_id(at);
        write.epoch = (self.clients[at].pipelines || self.dice.percent(50)).then_some(epoch);
        self.pend(at, object, Pending { id: write.id, epoch, request: Request::Write(write) });
    }

    fn send(&mut self, at: usize, object: &ObjectName) {
        self.tags += 1;
        let (name, value) = (SendName::parse("wave").expect("a good name"), value(&self.tags.into()));
        self.clients[at].next_id += 1;
        let (id, epoch) = (Some(self.clients[at].next_id), self.clients[at].rooms[object].copy.epoch);
        // A send has no epoch: who pipelines gives it no id, and never repeats it.
        let id = id.filter(|_| !self.clients[at].pipelines);
        if id.is_none() && self.has_loose(at) {
            return;
        }
        let request = Request::Send(Send { id, object: object.clone(), name, value });
        self.pend(at, object, Pending { id, epoch, request });
    }

    /// An id that rises with gaps; now and then none, if no other without one is under way.
    fn fresh_id(&mut self, at: usize) -> Option<u64> {
        if self.dice.percent(8) && !self.has_loose(at) {
            return None;
        }
        self.clients[at].next_id += self.dice.between(1, 2);
        Some(self.clients[at].next_id)
    }

    fn has_loose(&self, at: usize) -> bool {
        let mut pending = self.clients[at].rooms.values().flat_map(|room| &room.unanswered);
        pending.any(|pending| pending.id.is_none())
    }

    /// By mistake: what was answered long ago, with the epoch that it was for.
    fn repeat_old(&mut self, at: usize, object: &ObjectName) {
        let room = &self.clients[at].rooms[object];
        if room.answered.is_empty() || room.unanswered.len() >= self.weather.limits.inflight {
            return;
        }
        let mut pending = self.dice.pick(&room.answered);
        let epoch = pending.epoch;
        match &mut pending.request {
            Request::Write(write) => write.epoch = Some(epoch),
            _send if epoch == room.copy.epoch => {}
            _send => return,
        }
        self.pend(at, object, pending);
    }

    /// There was no room; the same request again, if none that came later was answered, or never more.
    pub fn no_room(&mut self, at: usize, object: &ObjectName, pending: Pending) {
        let room = &self.clients[at].rooms[object];
        if room.is_calm() && room.unanswered.is_empty() && pending.id.is_some() && self.dice.percent(60) {
            self.tally.tried_again_for_room += 1;
            self.pend(at, object, pending);
        }
    }

    fn pend(&mut self, at: usize, object: &ObjectName, pending: Pending) {
        self.speak(at, &pending.request);
        let room = self.clients[at].rooms.get_mut(object).expect("the caller has it");
        room.unanswered.push_back(pending);
        room.sent += 1;
    }

    fn speak(&mut self, at: usize, request: &Request) {
        let client = &self.clients[at];
        let message = match client.encoding {
            Encoding::MessagePack => request.encode(),
            Encoding::Json => json_wire::request_text(request).into_bytes(),
        };
        let socket = client.socket.expect("who speaks is connected");
        self.log.line(format!("{} client {at}: {}", self.now_ms, json_wire::request_text(request)));
        let arrives = self.up(socket);
        self.put(arrives, What::ToServer { socket, message });
    }

    /// Bytes reach the client; whole frames are heard.
    pub fn listen(&mut self, socket: usize, bytes: Vec<u8>) -> Result<(), String> {
        let at = self.sockets.all[socket].client;
        self.clients[at].inbox.extend(bytes);
        while let Some(message) = unframe(&mut self.clients[at].inbox) {
            self.hear(at, socket, &message)?;
        }
        Ok(())
    }
}

/// A value of many bytes, so that snapshots come in parts.
fn grow(write: &mut slotcast_protocol::Write, tag: u64) {
    for op in &mut write.ops {
        if let slotcast_protocol::Op::Set { value: Some(content), .. } = op {
            *content = value(&format!("{tag:>30000}").into());
        }
    }
}
