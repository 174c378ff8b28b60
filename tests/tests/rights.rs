//! What sessions may do and see: random rights that change while everything goes on, and stories of what chance does not meet.

use std::sync::Arc;

use slotcast_protocol::{Device, Encoding, Event, Life, Limits, Op, Reject, User, Write};
use slotcast_state::{
    Access, Audience, Author, Delivery, EdgeId, Effects, Input, Kind, Objects, Right, Rights, SessionId,
    Shard, View,
};
use slotcast_tests::vectors::value;
use slotcast_tests::wishes::{object, slot};
use slotcast_tests::{rights, seeds};

#[test]
fn nothing_hidden_ever_reaches_a_socket() {
    seeds::simulate(400, 20, |seed, _aloud| rights::run(seed));
}

/// A shard, and two sessions that use one object.
struct House(Shard);

const ALICE: u32 = 1;
const BOB: u32 = 2;

impl House {
    fn new(kind: Kind) -> House {
        let kinds = slotcast_state::Kinds { named: Default::default(), other: Arc::new(kind) };
        let shard = Shard::new(0, 7, Arc::new(kinds), Arc::new(Limits::default()), 0);
        let mut house = House(shard);
        for who in [ALICE, BOB] {
            let (encoding, rate) = (Encoding::Json, None);
            let audience = Audience { view: View::new(None), encoding, rate };
            let (session, author) = (session(who), author(who));
            let (object, cursor) = (object("room/1"), None);
            house.handle(Input::Use { session, author, object, audience, cursor, covered: false, turn: 1 });
        }
        house
    }

    fn handle(&mut self, input: Input) -> Vec<Delivery> {
        let mut effects = Effects::default();
        self.0.handle(input, &mut effects);
        effects.deliveries
    }

    fn write(&mut self, who: u32, id: u64, op: Op) -> Event {
        let (session, author) = (session(who), author(who));
        let (conditions, ops) = (Vec::new(), vec![op]);
        let write =
            Write { id: Some(id), object: object("room/1"), epoch: None, seen: 0, at: None, conditions, ops };
        match self.handle(Input::Write { session, author, write }).into_iter().next() {
            Some(Delivery::Reply { event, .. }) => event,
            other => panic!("{other:?} instead of an answer"),
        }
    }
}

fn session(who: u32) -> SessionId {
    SessionId::new(EdgeId(0), 1, who)
}

fn author(who: u32) -> Arc<Author> {
    let user = User::parse(&format!("user-{who}")).expect("a good user");
    Arc::new(Author { user, device: Device::parse("d").expect("a good device") })
}

fn once(name: &str) -> Op {
    Op::Once { slot: slot(name), value: value(&"x".into()), life: Life::default() }
}

#[test]
fn an_answer_that_is_given_again_is_without_what_is_hidden_by_then() {
    let mut house = House::new(Kind { hidden: rights::hidden(), ..Kind::default() });
    assert!(matches!(house.write(ALICE, 1, once("red.3")), Event::Success(_)));
    let winners = |event| match event {
        Event::Reject(Reject { winners, .. }) => winners.len(),
        other => panic!("{other:?} instead of a reject"),
    };
    assert_eq!(winners(house.write(BOB, 1, once("red.3"))), 1);
    let hidden = vec![slotcast_protocol::Pattern::parse("red.*").expect("a good pattern")];
    house.handle(Input::Hide { session: session(BOB), object: object("room/1"), hidden, turn: 2 });
    assert_eq!(winners(house.write(BOB, 1, once("red.3"))), 0);
}

#[test]
fn one_who_is_told_to_see_less_of_what_it_does_not_use() {
    let mut house = House::new(Kind::default());
    let (who, gone) = (session(BOB), object("room/1"));
    house.handle(Input::Gone { session: who, objects: vec![gone.clone()] });
    let told = house.handle(Input::Hide { session: who, object: gone, hidden: Vec::new(), turn: 2 });
    assert!(matches!(told[..], [Delivery::Refused { turn: 2, .. }]), "{told:?}");
}

#[test]
fn status_slots_are_never_hidden() {
    let all = vec![slotcast_protocol::Pattern::parse("*").expect("a good pattern")];
    let view = View::new(None).hiding(all);
    assert!(view.shows(&slot("@alice")));
    assert!(!view.shows(&slot("a")));
}

#[test]
fn the_narrowest_row_decides() {
    use Right::{Read, Send, Write};
    let rows: &[(&str, &[Right])] =
        &[("a/*", &[Read, Write]), ("a/x*", &[]), ("a/x/1", &[Read, Send]), ("b", &[Write])];
    let row = |(objects, may): &(&str, &[Right])| (Objects::parse(objects).expect("good"), may.to_vec());
    let rights = Rights::new(Vec::new(), Some(rows.iter().map(row).collect()));
    let kind = Kind { read: Access::Anyone, ..Kind::default() };
    for (name, right, wanted) in [
        ("a/1", Write, true),
        ("a/1", Send, false),
        ("a", Read, false),
        ("a/x", Read, false),
        ("a/x/1", Read, true),
        ("a/x/1", Write, false),
        ("b", Write, true),
        ("b/1", Write, false),
    ] {
        assert_eq!(kind.lets(Some(&rights), &object(name), right), wanted, "{name} {right:?}");
    }
}
