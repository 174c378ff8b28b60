//! What an edge's rings keep, all together, and what those are told who lag where a ring has let go of what they lack.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use slotcast_protocol::{
    Cursor, Device, Encoding, Event, Life, Limits, Op, Rate, Request, Send, SendName, Use, User, Write,
};
use slotcast_state::{
    Author, Delivery, Edge, EdgeId, Effects, Flow, Frames, Input, SessionId, Shard, Sink, Taken,
};
use slotcast_tests::copy::Copy;
use slotcast_tests::vectors::value;
use slotcast_tests::wishes::{self, object, slot};

/// Those that are full take nothing.
#[derive(Default)]
struct Sockets {
    full: BTreeSet<SessionId>,
    told: Vec<(SessionId, Event)>,
}

impl Sink for Sockets {
    fn is_open(&self, session: SessionId) -> bool {
        !self.full.contains(&session)
    }

    fn push(&mut self, session: SessionId, frames: Bytes) -> Flow {
        let mut rest = &frames[..];
        while let Some((bytes, after)) = rest.split_first_chunk::<4>() {
            let (event, after) = after.split_at(u32::from_be_bytes(*bytes) as usize);
            let event = Event::decode(event).expect("a good event").expect("one that is known");
            self.told.push((session, event));
            rest = after;
        }
        Flow::Open
    }
}

fn framed(event: &Event) -> Bytes {
    let bytes = event.encode();
    [&(bytes.len() as u32).to_be_bytes(), &bytes[..]].concat().into()
}

/// A shard, an edge, and what is under way between them.
struct House {
    shard: Shard,
    edge: Edge,
    sockets: Sockets,
    inputs: VecDeque<Input>,
    now_ms: u64,
    copies: BTreeMap<(SessionId, String), Copy>,
    /// What the edge has asked for those who lag.
    asks: usize,
    sends_received: usize,
}

impl House {
    fn new(rings_bytes: usize) -> House {
        let (kinds, limits) = (Arc::new(wishes::kinds(30_000, 1_000)), Arc::new(Limits::default()));
        let shard = Shard::new(0, 7, kinds.clone(), limits.clone(), 0);
        let edge = Edge::new(EdgeId(0), kinds, limits, rings_bytes);
        let (sockets, inputs, copies) = (Sockets::default(), VecDeque::new(), BTreeMap::new());
        House { shard, edge, sockets, inputs, now_ms: 1_000, copies, asks: 0, sends_received: 0 }
    }

    fn open(&mut self, user: &str) -> SessionId {
        let user = User::parse(user).expect("a good user");
        let device = Device::parse("d").expect("a good device");
        self.edge.open(Arc::new(Author { user, device }), Encoding::MessagePack)
    }

    /// A session that follows an object.
    fn join(&mut self, user: &str, name: &str) -> SessionId {
        let session = self.open(user);
        self.follow(session, name, None, None);
        self.turn();
        session
    }

    fn follow(&mut self, session: SessionId, name: &str, cursor: Option<Cursor>, rate: Option<u64>) {
        let rate = rate.map(|rate| Rate::new(rate).expect("a good rate"));
        self.request(session, Request::Use(Use { object: object(name), cursor, slots: None, rate }));
    }

    fn write(&mut self, session: SessionId, name: &str, bytes: usize) {
        let (slot, value) = (slot("last.a"), Some(value(&"x".repeat(bytes).into())));
        let ops = vec![Op::Set { slot, value, life: Life::default() }];
        let (object, conditions) = (object(name), Vec::new());
        let write = Write { id: None, object, epoch: None, seen: 0, conditions, ops, at: None };
        self.request(session, Request::Write(write));
    }

    fn send(&mut self, session: SessionId, name: &str) {
        let (object, value) = (object(name), value(&"hello".into()));
        let name = SendName::parse("wave").expect("a good name");
        self.request(session, Request::Send(Send { id: None, object, name, value }));
    }

    fn request(&mut self, session: SessionId, request: Request) {
        match self.edge.request(session, request, self.now_ms) {
            Some(Taken::Shard(_, input)) => self.inputs.push_back(input),
            other => panic!("{other:?} instead of something for the shard"),
        }
    }

    /// Turns until nothing is under way, a second each.
    fn turn(&mut self) {
        loop {
            self.now_ms += 1_000;
            self.inputs.push_front(Input::Tick(self.now_ms));
            while let Some(input) = self.inputs.pop_front() {
                self.handle(input);
            }
            self.flush();
            if self.inputs.is_empty() {
                break;
            }
        }
    }

    /// One input goes through the shard, and what comes of it to the edge.
    fn handle(&mut self, input: Input) {
        let (mut effects, mut asks) = (Effects::default(), Vec::new());
        self.shard.handle(input, &mut effects);
        for delivery in effects.deliveries {
            match delivery {
                Delivery::Publish { channel, event, mark, .. } => {
                    self.edge.publish(channel, &framed(&event), mark)
                }
                Delivery::Start { session, start } => {
                    let frames = Frames { parts: None, last: start.event.frame(framed) };
                    self.edge.start(session, start, frames, &mut self.sockets, &mut asks);
                }
                Delivery::Left { session, object } => self.edge.left(session, &object),
                Delivery::Reply { .. } => {}
                other => panic!("{other:?} in a house of one room"),
            }
        }
        self.ask(asks);
    }

    fn flush(&mut self) {
        let mut asks = Vec::new();
        assert!(self.edge.flush(1_000, &mut self.sockets, &mut asks));
        self.ask(asks);
        self.listen();
    }

    fn drain(&mut self, session: SessionId) {
        let mut asks = Vec::new();
        self.sockets.full.remove(&session);
        self.edge.drained(session, &mut self.sockets, &mut asks);
        self.ask(asks);
        self.turn();
    }

    fn ask(&mut self, asks: Vec<slotcast_state::Ask>) {
        self.asks += asks.len();
        let input =
            |slotcast_state::Ask { session, object, cursor }| Input::CatchUp { session, object, cursor };
        self.inputs.extend(asks.into_iter().map(input));
    }

    fn listen(&mut self) {
        for (session, event) in std::mem::take(&mut self.sockets.told) {
            let object = match &event {
                Event::Snapshot(snapshot) => &snapshot.object,
                Event::Diff(diff) => &diff.object,
                Event::Sent(sent) => &sent.object,
                other => panic!("{other:?} in a channel"),
            };
            self.sends_received += usize::from(matches!(event, Event::Sent(_)));
            let copy = self.copies.entry((session, object.to_string())).or_default();
            copy.take(&event).expect("it follows");
        }
    }

    fn copy(&self, session: SessionId, name: &str) -> &Copy {
        &self.copies[&(session, name.to_owned())]
    }
}

/// Bob's socket is full while alice writes ten times and sends three. What the edge asked for him then, and how many of the sends he got.
fn lag(rings_bytes: usize, rate: Option<u64>) -> (usize, usize) {
    let mut house = House::new(rings_bytes);
    let (alice, bob) = (house.join("alice", "a"), house.join("bob", "a"));
    if rate.is_some() {
        house.follow(bob, "a", None, rate);
        house.turn();
    }
    house.sockets.full.insert(bob);
    (1..=10).for_each(|bytes| {
        house.write(alice, "a", 100 * bytes);
        house.turn();
        if bytes > 7 {
            house.send(alice, "a");
            house.turn();
        }
        assert!(house.edge.rings_bytes() <= rings_bytes);
    });
    assert_eq!((house.asks, house.sends_received), (0, 3), "alice has them");
    house.drain(bob);
    let (ours, theirs) = (house.copy(bob, "a"), house.copy(alice, "a"));
    assert_eq!((ours.have, ours.sends, ours.fingerprint()), (10, 3, theirs.fingerprint()));
    house.write(alice, "a", 5);
    house.turn();
    assert_eq!(house.copy(bob, "a").have, 11, "it goes on");
    assert_eq!(house.copy(bob, "a").fingerprint(), house.copy(alice, "a").fingerprint());
    (house.asks, house.sends_received - 3)
}

#[test]
fn who_lags_is_told_by_a_diff_what_the_ring_let_go_of() {
    for rate in [None, Some(20)] {
        assert_eq!(lag(1_000_000, rate), (0, 3), "all is in the ring, at {rate:?}");
        assert_eq!(lag(1_500, rate), (1, 0), "a diff counts the sends as skipped, at {rate:?}");
        assert_eq!(lag(1, rate), (1, 0), "nothing is ever in the ring, at {rate:?}");
    }
}

#[test]
fn who_has_room_has_everything_before_a_ring_is_cut() {
    let mut house = House::new(1);
    let (alice, bob) = (house.join("alice", "a"), house.join("bob", "a"));
    (1..=10).for_each(|version| {
        house.write(alice, "a", 1_000);
        house.send(alice, "a");
        house.turn();
        assert_eq!((house.copy(bob, "a").have, house.copy(bob, "a").sends), (version, version));
    });
    assert_eq!((house.asks, house.edge.rings_bytes()), (0, 0));
    assert!(house.edge.rings_cut_bytes() > 10_000);
}

#[test]
fn a_cursor_that_was_covered_when_its_session_came_is_brought_up_to_date() {
    let mut house = House::new(1);
    let (alice, bob) = (house.join("alice", "a"), house.join("bob", "a"));
    house.write(alice, "a", 10);
    house.send(alice, "a");
    house.turn();
    let had = house.copy(bob, "a").clone();
    house.edge.close(bob);
    // Alice's word is before bob's, and has not come to the edge yet when he is back.
    house.write(alice, "a", 20);
    let bob = house.open("bob");
    house.copies.insert((bob, "a".to_owned()), had.clone());
    house.follow(bob, "a", had.cursor(), None);
    assert!(matches!(house.inputs[1], Input::Use { covered: true, .. }));
    let write = house.inputs.pop_front().expect("alice's");
    house.handle(write);
    house.flush();
    assert_eq!(house.edge.rings_bytes(), 0);
    house.turn();
    let (ours, theirs) = (house.copy(bob, "a"), house.copy(alice, "a"));
    assert_eq!((house.asks, ours.have, ours.sends), (1, 2, 1));
    assert_eq!(ours.fingerprint(), theirs.fingerprint());
}

#[test]
fn whoever_fills_many_rings_loses_what_he_put_there_and_a_small_busy_one_keeps_its_frames() {
    let mut house = House::new(60_000);
    let greedy: Vec<String> = (0..20).map(|number| format!("greedy/{number}")).collect();
    let (alice, bob, carol) =
        (house.join("alice", "a"), house.join("bob", "a"), house.join("carol", &greedy[0]));
    greedy.iter().skip(1).for_each(|name| house.follow(carol, name, None, None));
    house.turn();
    house.sockets.full.extend([bob]);
    for turn in 0..200 {
        greedy.iter().for_each(|name| house.write(carol, name, 1_000));
        if turn % 20 == 0 {
            house.write(alice, "a", 30);
            house.send(alice, "a");
        }
        house.turn();
        assert!(house.edge.rings_bytes() <= 60_000);
    }
    assert!(house.edge.rings_bytes() > 50_000, "no more goes than must");
    house.drain(bob);
    assert_eq!((house.asks, house.copy(bob, "a").have, house.sends_received), (0, 10, 20));
}

#[test]
fn what_is_kept_goes_with_the_last_follower() {
    let mut house = House::new(1_000_000);
    let (alice, bob) = (house.join("alice", "a"), house.join("bob", "a"));
    house.follow(alice, "b", None, None);
    house.turn();
    for name in ["a", "b", "b"] {
        house.write(alice, name, 1_000);
        house.turn();
    }
    let all = house.edge.rings_bytes();
    house.request(alice, Request::Release { object: object("b") });
    house.turn();
    let one = house.edge.rings_bytes();
    assert!(one > 1_000 && all > 3 * one - 10 && all < 3 * one + 10, "{one} of {all}");
    house.edge.close(alice);
    assert_eq!(house.edge.rings_bytes(), one, "bob is still there");
    house.edge.close(bob);
    assert_eq!((house.edge.rings_bytes(), house.edge.rings_cut_bytes()), (0, 0));
    let dave = house.join("dave", "c");
    house.write(dave, "c", 1_000);
    house.turn();
    assert!(house.edge.rings_bytes().abs_diff(one) < 10, "and it is counted from nothing");
}
