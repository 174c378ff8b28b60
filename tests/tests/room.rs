//! What a shard refuses when its objects take all the room that they may, or one of them is seen in too many ways.

use std::sync::Arc;

use slotcast_protocol::{
    Code, Device, Encoding, Event, Life, Limits, ObjectName, Op, Pattern, SlotName, User, Write,
};
use slotcast_state::{Audience, Author, Delivery, EdgeId, Effects, Input, SessionId, Shard, View};
use slotcast_tests::vectors::value;
use slotcast_tests::wishes;

struct Room {
    shard: Shard,
    author: Arc<Author>,
    turns: u32,
}

impl Room {
    fn new(limits: Limits) -> Room {
        let shard = Shard::new(0, 7, Arc::new(wishes::kinds(1_000, 1_000)), Arc::new(limits), 0);
        let user = User::parse("ada").expect("a good user");
        let author = Arc::new(Author { user, device: Device::parse("desk").expect("a good device") });
        let mut room = Room { shard, author, turns: 0 };
        room.handle(Input::Tick(1_000));
        room
    }

    fn handle(&mut self, input: Input) -> Vec<Delivery> {
        let mut effects = Effects::default();
        self.shard.handle(input, &mut effects);
        effects.deliveries
    }

    /// How the session is answered that wants to see these slots: None if it is let in, and what else it is told before a refusal.
    fn see(&mut self, session: u32, object: &ObjectName, slots: &str) -> Option<(Code, usize)> {
        self.turns += 1;
        let view = View::new(Some(vec![Pattern::parse(slots).expect("a good pattern")]));
        let audience = Audience { view, encoding: Encoding::MessagePack, rate: None };
        let (session, author, object) = (self.session(session), self.author.clone(), object.clone());
        let (turn, cursor, covered) = (self.turns, None, false);
        let mut told = self.handle(Input::Use { session, author, object, audience, cursor, covered, turn });
        match told.pop() {
            Some(Delivery::Start { .. }) => None,
            Some(Delivery::Refused { fault, .. }) => Some((fault.code, told.len())),
            other => panic!("{other:?}"),
        }
    }

    /// The answer to a write: None is a success.
    fn write(&mut self, session: u32, object: &ObjectName, op: Op) -> Option<Code> {
        let write = Write {
            id: None,
            object: object.clone(),
            epoch: None,
            seen: u64::from(u32::MAX),
            conditions: Vec::new(),
            ops: vec![op],
            at: None,
        };
        let write = Write { seen: 0, ..write };
        let (session, author) = (self.session(session), self.author.clone());
        let told = self.handle(Input::Write { session, author, write });
        let answer = told.into_iter().find_map(|delivery| match delivery {
            Delivery::Reply { event: Event::Success(_), .. } => Some(None),
            Delivery::Reply { event: Event::Reject(reject), .. } => Some(Some(reject.fault.code)),
            _other => None,
        });
        answer.expect("a write is answered")
    }

    fn session(&self, number: u32) -> SessionId {
        SessionId::new(EdgeId(0), number, 0)
    }
}

fn slot(number: usize) -> SlotName {
    SlotName::parse(&format!("s{number}")).expect("a good name")
}

fn set(number: usize, bytes: usize) -> Op {
    let text = serde_json::Value::from("x".repeat(bytes));
    Op::Set { slot: slot(number), value: Some(value(&text)), life: Life::default() }
}

#[test]
fn an_object_is_seen_in_so_many_ways() {
    let mut room = Room::new(Limits { audiences: 2, ..Limits::default() });
    let object = wishes::object("room/1");
    assert_eq!(room.see(1, &object, "a*"), None);
    assert_eq!(room.see(2, &object, "b*"), None);
    assert_eq!(room.see(3, &object, "c*"), Some((Code::TooMany, 0)));
    assert_eq!(room.see(3, &object, "b*"), None, "as another sees it");
    let refused = room.see(3, &object, "c*");
    assert_eq!(refused, Some((Code::TooMany, 1)), "it is told that it is let go, and why");
    assert_eq!(room.write(3, &object, set(1, 1)), Some(Code::NotUsed));
    let (session, object_left) = (room.session(2), object.clone());
    room.handle(Input::Release { session, object: object_left });
    assert_eq!(room.see(3, &object, "c*"), None, "there is room again");
}

#[test]
fn where_the_room_is_used_up_nothing_grows_and_what_goes_makes_room() {
    let mut room = Room::new(Limits { objects_bytes: 100_000, ..Limits::default() });
    let (object, other) = (wishes::object("room/1"), wishes::object("room/2"));
    assert_eq!(room.see(1, &object, "*"), None);
    let written =
        (0..100).take_while(|number| room.write(1, &object, set(*number, 10_000)).is_none()).count();
    assert_eq!(written, 10, "the last of them goes over it");
    assert_eq!(room.write(1, &object, set(50, 1)), Some(Code::StorageFull));
    assert_eq!(room.see(2, &object, "*"), None, "what is there can be seen");
    assert_eq!(room.see(2, &other, "*"), Some((Code::Unavailable, 0)));
    assert_eq!(room.write(1, &object, Op::Delete { slot: slot(0) }), None);
    assert_eq!(room.write(1, &object, set(50, 1)), None);
    assert_eq!(room.see(2, &other, "*"), None);
}

#[test]
fn an_object_that_is_over_weighs_nothing() {
    let mut room = Room::new(Limits::default());
    let object = wishes::object("room/1");
    assert_eq!(room.see(1, &object, "*"), None);
    (0..20).for_each(|number| assert_eq!(room.write(1, &object, set(number, 100)), None));
    assert!(room.shard.objects_weight() > 20 * 100);
    let session = room.session(1);
    room.handle(Input::Gone { session, objects: vec![object] });
    room.handle(Input::Tick(10_000));
    assert_eq!((room.shard.objects(), room.shard.objects_weight()), (0, 0));
}
