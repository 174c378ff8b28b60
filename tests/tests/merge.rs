//! `merge.json`: what one operation makes of what a slot holds, asked of a shard.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use slotcast_protocol::{
    Device, Door, Encoding, Event, Limits, ObjectName, Request, SlotName, User, Value, json as wire,
};
use slotcast_state::{Audience, Author, Delivery, EdgeId, Effects, Input, Kinds, SessionId, Shard, View};
use slotcast_tests::vectors::{hex, load, name, rows};

/// A shard with one session that follows `k`.
struct Desk {
    shard: Shard,
    session: SessionId,
    author: Arc<Author>,
}

impl Desk {
    fn new() -> Self {
        let user = User::parse("alice").expect("a good user");
        let device = Device::parse("d").expect("a good device");
        let mut desk = Desk {
            shard: Shard::new(0, 1, Arc::new(Kinds::default()), Arc::new(Limits::default()), 0),
            session: SessionId::new(EdgeId(0), 1, 0),
            author: Arc::new(Author { user, device }),
        };
        desk.follow();
        desk
    }

    /// The object's slots as a fresh follower gets them.
    fn follow(&mut self) -> Vec<(SlotName, Option<Value>)> {
        let (session, author) = (self.session, self.author.clone());
        let audience = Audience { view: View::default(), encoding: Encoding::MessagePack, rate: None };
        let object = ObjectName::parse("k").expect("a good object");
        let input = Input::Use { session, author, object, audience, cursor: None, covered: false, turn: 1 };
        let mut effects = Effects::default();
        self.shard.handle(input, &mut effects);
        let [Delivery::Start { start, .. }] = &effects.deliveries[..] else { panic!("a start") };
        let Event::Snapshot(snapshot) = &**start.event else { panic!("a snapshot") };
        snapshot.slots.iter().map(|record| (record.slot.clone(), record.value.clone())).collect()
    }

    fn write(&mut self, op: &Json) -> Event {
        let text = json!({"type": "write", "object": "k", "ops": [op]}).to_string();
        let Ok(Request::Write(write)) = wire::request(Door::Objects, &text, &Limits::default()) else {
            panic!("{text}")
        };
        let (session, author) = (self.session, self.author.clone());
        let mut effects = Effects::default();
        self.shard.handle(Input::Write { session, author, write }, &mut effects);
        let Some(Delivery::Reply { event, .. }) = effects.deliveries.into_iter().next() else {
            panic!("a reply comes first")
        };
        event
    }
}

#[test]
fn rows_hold() {
    let file = load("merge");
    for row in rows(&file, "rows") {
        let mut desk = Desk::new();
        if !row["held"].is_null() {
            desk.write(&json!({"op": "set", "slot": "s", "value": row["held"]}));
        }
        let before = desk.follow();
        let event = desk.write(&row["op"]);
        let after = desk.follow();
        match event {
            Event::Success(success) => {
                assert!(row["code"].is_null(), "{}: was taken", name(row));
                assert_eq!(success.changed, row["same"].is_null(), "{}", name(row));
            }
            Event::Reject(reject) => {
                assert_eq!(reject.fault.code.name(), row["code"], "{}: {}", name(row), reject.fault);
                assert_eq!(before, after, "{}", name(row));
                let shown: Vec<_> = reject.winners.into_iter().map(|winner| winner.value).collect();
                let held = before.iter().map(|(_, value)| value.clone()).next().flatten();
                assert_eq!(shown, [held], "{}", name(row));
            }
            other => panic!("{}: {other:?}", name(row)),
        }
        let value = after.into_iter().next().and_then(|(_, value)| value).map(|value| hex(value.bytes()));
        if row["gone"] == true {
            assert_eq!(value, None, "{}", name(row));
        }
        if let Some(wanted) = row["becomes_hex"].as_str() {
            assert_eq!(value.as_deref(), Some(wanted), "{}", name(row));
        }
    }
}
