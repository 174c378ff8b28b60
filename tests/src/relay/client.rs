//! A device as the page describes it: a cursor, messages without an answer, and the wish to say something.

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;
use slotcast_protocol::{
    Device, Encoding, InboxCursor, MessageKind, RelayRequest, Request, Signal, Tell, User,
};
use slotcast_state::SessionId;

use super::judge::Heard;
use super::people::Side;
use super::world::{What, World};
use crate::dice::Dice;
use crate::json_wire;
use crate::vectors::value;

const USERS: [&str; 4] = ["alice", "bob", "zoë", "dave"];

pub struct Client {
    pub user: User,
    pub device: Device,
    pub encoding: Encoding,
    pub session: Option<SessionId>,
    /// What it has, if it has ever opened and kept it.
    pub cursor: Option<InboxCursor>,
    /// What came since it last opened leads up to here, and it has acknowledged so much of that.
    pub position: u64,
    pub acknowledged_here: u64,
    /// `inbox` has come for each `open` of the connection; until then nothing is acknowledged.
    pub opened: bool,
    pub opening: u64,
    /// It was told that up to here some are gone.
    pub missed: u64,
    /// The highest that it has acknowledged, by incarnation.
    pub acknowledged: BTreeMap<u64, u64>,
    pub unanswered: VecDeque<Tell>,
    /// The first answers.
    pub heard: BTreeMap<u64, (Tell, Heard)>,
    /// Ids that were refused for now, or said again out of turn, and so may come behind later ones.
    pub again: Vec<u64>,
    next_id: u64,
    /// The server has crashed since it was connected.
    pub crossed: bool,
    pub side: Side,
}

impl Client {
    pub fn new(number: u64, users: u64, dice: &mut Dice) -> Client {
        Client {
            user: user(number % users),
            device: Device::parse(&format!("device-{number}")).expect("a good device"),
            encoding: dice.pick(&Encoding::ALL),
            session: None,
            cursor: None,
            position: 0,
            acknowledged_here: 0,
            opened: false,
            opening: 0,
            missed: 0,
            acknowledged: BTreeMap::new(),
            unanswered: VecDeque::new(),
            heard: BTreeMap::new(),
            again: Vec::new(),
            next_id: 1,
            crossed: false,
            side: Side::default(),
        }
    }
}

pub fn user(number: u64) -> User {
    User::parse(USERS[number as usize]).expect("a good user")
}

impl World {
    pub fn act(&mut self, at: usize) {
        if !self.quiet {
            let pause = self.dice.between(1, 30);
            self.put(self.now_ms + pause, What::Act { client: at });
        }
        let Some(session) = self.clients[at].session else {
            if self.quiet || self.dice.percent(40) {
                self.connect(at);
            }
            return;
        };
        if self.quiet {
            if self.weather.people && !self.clients[at].side.watches {
                self.ask_friends(at);
            }
            return self.catch_up(at);
        }
        if self.dice.percent(self.weather.cuts) {
            return self.cut(at, session);
        }
        if self.weather.people && self.dice.percent(30) {
            return self.wish_people(at);
        }
        self.wish(at);
    }

    fn wish(&mut self, at: usize) {
        let oldest = self.clients[at].unanswered.iter().map(|tell| tell.id).min();
        let begun = oldest.map_or(0, |oldest| self.clients[at].next_id + 1 - oldest);
        let inflight = self.limits.inflight as u64;
        match self.dice.below(100) {
            0..50 if begun < inflight => self.tell(at),
            50..75 => self.acknowledge(at),
            75..82 => self.read(at),
            82..88 => self.signal(at),
            88..91 => self.repeat_old(at),
            91..93 => self.open(at),
            _nothing => {}
        }
    }

    fn tell(&mut self, at: usize) {
        let to = user(self.dice.below(self.weather.users));
        let client = &mut self.clients[at];
        client.next_id += 1;
        let id = client.next_id;
        let body = value(&json!([client.device.as_str(), id]));
        let kind = self.dice.percent(30).then(|| MessageKind::parse("text").expect("a good kind"));
        let tell = Tell { id, to, body, kind, have: None };
        client.unanswered.push_back(tell.clone());
        self.note_shut(at, id, &tell.to);
        self.speak(at, RelayRequest::Tell(tell));
    }

    /// What is not needed: everything that has come, or less.
    fn acknowledge(&mut self, at: usize) {
        let client = &self.clients[at];
        if client.opened {
            let seq = self.dice.between(client.acknowledged_here, client.position);
            self.acknowledge_to(at, seq);
        }
    }

    fn acknowledge_to(&mut self, at: usize, seq: u64) {
        let client = &mut self.clients[at];
        let epoch = client.cursor.expect("the caller has looked").epoch;
        let acknowledged = client.acknowledged.entry(epoch).or_default();
        *acknowledged = (*acknowledged).max(seq);
        client.acknowledged_here = seq;
        self.speak(at, RelayRequest::Ack { seq });
    }

    /// At the end: everything is acknowledged, until nothing more comes.
    pub fn catch_up(&mut self, at: usize) {
        let client = &self.clients[at];
        if client.opened && client.acknowledged_here < client.position {
            self.acknowledge_to(at, client.position);
        }
    }

    fn read(&mut self, at: usize) {
        let user = user(self.dice.below(self.weather.users));
        let client = &self.clients[at];
        let Some(InboxCursor { seq, .. }) = client.cursor.filter(|_| client.opened) else { return };
        let seq = self.dice.below(seq + 1);
        self.speak(at, RelayRequest::Read { user, seq });
    }

    fn signal(&mut self, at: usize) {
        let to = user(self.dice.below(self.weather.users));
        let (kind, body) = (MessageKind::parse("typing").expect("a good kind"), value(&json!(true)));
        self.speak(at, RelayRequest::Signal(Signal { id: None, to, kind, body }));
    }

    /// By mistake: what was answered long ago.
    fn repeat_old(&mut self, at: usize) {
        let client = &self.clients[at];
        let waits = |tell: &Tell| client.unanswered.iter().any(|other| other.id == tell.id);
        let heard = client.heard.values().map(|(tell, _)| tell);
        let heard: Vec<Tell> = heard.filter(|tell| !waits(tell)).cloned().collect();
        if heard.is_empty() {
            return;
        }
        let tell = self.dice.pick(&heard);
        self.clients[at].unanswered.push_front(tell.clone());
        self.clients[at].again.push(tell.id);
        self.tally.repeated += 1;
        self.speak(at, RelayRequest::Tell(tell));
    }

    fn connect(&mut self, at: usize) {
        let session = self.open_line(at);
        self.log.line(format!("{} client {at} connects", self.now_ms));
        let client = &mut self.clients[at];
        (client.session, client.opening) = (Some(session), 0);
        self.open(at);
        let unanswered: Vec<Tell> = self.clients[at].unanswered.iter().cloned().collect();
        self.tally.repeated += unanswered.len() as u64;
        unanswered.into_iter().for_each(|tell| self.speak(at, RelayRequest::Tell(tell)));
        if self.weather.people {
            self.connect_people(at);
        }
    }

    fn open(&mut self, at: usize) {
        let client = &mut self.clients[at];
        (client.opened, client.opening) = (false, client.opening + 1);
        let cursor = client.cursor;
        if let Some(InboxCursor { epoch, seq }) = cursor {
            // To bring a cursor is to say that one has so much.
            let acknowledged = client.acknowledged.entry(epoch).or_default();
            *acknowledged = (*acknowledged).max(seq);
        }
        self.speak(at, RelayRequest::Open { cursor });
    }

    /// The connection is lost, with what is under way; the server finds out later.
    fn cut(&mut self, at: usize, session: SessionId) {
        self.tally.cuts += 1;
        self.log.line(format!("{} client {at}: cut", self.now_ms));
        let noticed = self.now_ms + self.delay() * 3;
        self.put(noticed, What::Noticed { session });
        self.leave_line(at, session);
        if self.dice.percent(self.weather.wipes) {
            self.tally.wiped += 1;
            self.clients[at].cursor = None;
        }
    }

    /// The client is done with a connection.
    pub fn leave_line(&mut self, at: usize, session: SessionId) {
        self.lines.get_mut(&session).expect("it was opened").client = None;
        let client = &mut self.clients[at];
        (client.session, client.opened) = (None, false);
        if self.quiet {
            self.put(self.now_ms, What::Act { client: at });
        }
    }

    /// What was refused for now, if it is still to be said on this connection.
    pub fn say_again(&mut self, at: usize, id: u64, session: Option<SessionId>) {
        let client = &self.clients[at];
        let tell = client.unanswered.iter().find(|tell| tell.id == id).cloned();
        if let Some(tell) = tell.filter(|_| client.session == session) {
            self.speak(at, RelayRequest::Tell(tell));
        }
    }

    pub fn speak(&mut self, at: usize, request: RelayRequest) {
        let Client { encoding, session: Some(session), .. } = self.clients[at] else { return };
        let request = Request::Relay(request);
        self.log.line(format!("{} client {at}: {}", self.now_ms, json_wire::request_text(&request)));
        let bytes = match encoding {
            Encoding::MessagePack => request.encode(),
            Encoding::Json => json_wire::request_text(&request).into_bytes(),
        };
        let arrives = self.in_order(session.number(), u64::MAX);
        self.put(arrives, What::ToServer { session, bytes });
    }
}
