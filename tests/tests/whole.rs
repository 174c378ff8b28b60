//! Snapshots of large objects are made once and shared, for as long as joins come and as little has changed; and what leads from a cursor
//! to the present is made once for all who come with it.

use std::sync::Arc;

use slotcast_protocol::{
    Cursor, Device, Encoding, Event, Life, Limits, ObjectName, Op, Pattern, Snapshot, User, Write,
};
use slotcast_state::{
    Audience, Author, Delivery, EdgeId, Effects, Input, SessionId, Shard, Start, Told, View, Whole,
};
use slotcast_tests::copy::Copy;
use slotcast_tests::vectors::value;
use slotcast_tests::wishes;

const SLOTS: u64 = 100;

/// A shard with one object of a hundred slots, which its writer follows through a small view.
struct House {
    shard: Shard,
    object: ObjectName,
    sessions: u32,
    writer: SessionId,
}

impl House {
    fn new() -> House {
        House::remembering(1_000)
    }

    /// Deletions for so many versions.
    fn remembering(resync_depth: u64) -> House {
        let limits = Arc::new(Limits { part_bytes: 300, ..Limits::default() });
        let kinds = Arc::new(wishes::kinds(30_000, resync_depth));
        let shard = Shard::new(0, 7, kinds, limits, 0);
        let (object, writer) = (wishes::object("room/1"), SessionId::new(EdgeId(0), 1, 0));
        let mut house = House { shard, object, sessions: 0, writer };
        house.tick(1_000);
        house.writer = house.join(audience(&["none"])).0;
        (0..SLOTS).for_each(|number| house.set(&format!("s{number:02}"), "first"));
        house
    }

    fn handle(&mut self, input: Input) -> Effects {
        let mut effects = Effects::default();
        self.shard.handle(input, &mut effects);
        effects
    }

    fn tick(&mut self, now_ms: u64) {
        self.handle(Input::Tick(now_ms));
    }

    fn join(&mut self, audience: Audience) -> (SessionId, Start) {
        self.join_from(audience, None)
    }

    fn join_from(&mut self, audience: Audience, cursor: Option<Cursor>) -> (SessionId, Start) {
        self.sessions += 1;
        let (session, object) = (SessionId::new(EdgeId(0), self.sessions, 0), self.object.clone());
        let author = author();
        let input = Input::Use { session, author, object, audience, cursor, covered: false, turn: 1 };
        match self.handle(input).deliveries.pop() {
            Some(Delivery::Start { start, .. }) => (session, start),
            other => panic!("{other:?} instead of a start"),
        }
    }

    /// The whole that a new follower of everything is given; with it he has what the object is now.
    fn all(&mut self) -> Arc<Whole> {
        let (session, start) = self.join(audience(&["*"]));
        let mut copy = Copy::default();
        start.told().for_each(|event| copy.take(event).expect("it follows"));
        let object = self.object.clone();
        match self.handle(Input::Fingerprint { session, object }).deliveries.pop() {
            Some(Delivery::Reply { event: Event::Fingerprint { version, md5, .. }, .. }) => {
                assert_eq!((copy.have, copy.fingerprint()), (version, md5));
            }
            other => panic!("{other:?} instead of a fingerprint"),
        }
        start.whole.expect("it is a large object")
    }

    /// What one is told who was away since then.
    fn told_since(&mut self, version: u64) -> Arc<Told> {
        let epoch = self.join(audience(&["none"])).1.epoch;
        let (_, start) = self.join_from(audience(&["*"]), Some(Cursor { epoch, version, sends: Some(0) }));
        match &**start.event {
            Event::Diff(diff) => assert_eq!((diff.from, diff.to), (version, start.mark.version)),
            other => panic!("{other:?} instead of a diff"),
        }
        start.event
    }

    fn write(&mut self, ops: Vec<Op>) {
        let (object, session) = (self.object.clone(), self.writer);
        let write = Write { id: None, object, epoch: None, seen: 0, conditions: Vec::new(), ops, at: None };
        let effects = self.handle(Input::Write { session, author: author(), write });
        assert!(!effects.commits.is_empty(), "{:?}", effects.deliveries);
    }

    fn set(&mut self, slot: &str, text: &str) {
        let (slot, value) = (wishes::slot(slot), Some(value(&text.into())));
        self.write(vec![Op::Set { slot, value, life: Life::default() }]);
    }
}

fn author() -> Arc<Author> {
    let user = User::parse("al").expect("a good user");
    Arc::new(Author { user, device: Device::parse("d").expect("a good device") })
}

fn audience(patterns: &[&str]) -> Audience {
    let patterns = patterns.iter().map(|pattern| Pattern::parse(pattern).expect("a good pattern")).collect();
    Audience { view: View::new(Some(patterns)), encoding: Encoding::MessagePack, rate: None }
}

#[test]
fn joins_share_it_whatever_is_written_between_them() {
    let mut house = House::new();
    let first = house.all();
    assert!(first.parts().len() > 2);
    house.set("s50", "other");
    house.set("s99", "other");
    let second = house.all();
    assert!(Arc::ptr_eq(&first, &second));
    assert!(!Arc::ptr_eq(&first, &house.join(audience(&["s*"])).1.whole.expect("it is large, too")));
    assert!(Arc::ptr_eq(&first, &house.all()));
}

#[test]
fn it_is_made_anew_when_a_quarter_has_changed() {
    let mut house = House::new();
    let first = house.all();
    (0..SLOTS / 5).for_each(|number| house.set(&format!("s{number:02}"), "other"));
    assert!(Arc::ptr_eq(&first, &house.all()));
    (0..SLOTS / 3).for_each(|number| house.set(&format!("s{number:02}"), "other"));
    assert!(!Arc::ptr_eq(&first, &house.all()));
}

#[test]
fn deletions_since_are_in_the_last_part_or_it_is_made_anew() {
    let mut house = House::remembering(3);
    let first = house.all();
    house.write(vec![Op::Delete { slot: wishes::slot("s50") }]);
    assert!(Arc::ptr_eq(&first, &house.all()));
    (0..5).for_each(|_| house.set("s00", "other"));
    assert!(!Arc::ptr_eq(&first, &house.all()), "the deletion is forgotten");
}

#[test]
fn a_clear_leaves_none() {
    let mut house = House::new();
    let first = house.all();
    house.write(vec![Op::Clear]);
    let (_, start) = house.join(audience(&["*"]));
    assert!(start.whole.is_none());
    assert!(matches!(&**start.event, Event::Snapshot(Snapshot { slots, parts: 1, .. }) if slots.is_empty()));
    (0..SLOTS).for_each(|number| house.set(&format!("s{number:02}"), "second"));
    assert!(!Arc::ptr_eq(&first, &house.all()));
}

#[test]
fn it_goes_ten_seconds_after_its_last_use() {
    let mut house = House::new();
    let first = house.all();
    house.tick(9_000);
    assert!(Arc::ptr_eq(&first, &house.all()));
    // Its last part is kept for no more than two seconds.
    [10_000, 11_000].into_iter().for_each(|now_ms| house.tick(now_ms));
    assert_eq!(house.shard.next_deadline(), Some(19_000));
    house.tick(18_999);
    assert_eq!(Arc::strong_count(&first), 2);
    house.tick(19_000);
    assert_eq!(Arc::strong_count(&first), 1);
    assert_eq!(house.shard.next_deadline(), None);
}

#[test]
fn of_many_audiences_few_are_kept() {
    let mut house = House::new();
    let views = ["*", "s*", "s0*", "s1*", "s2*", "s3*", "s4*"];
    let wholes: Vec<_> =
        views.iter().map(|view| house.join(audience(&[view, "s5*", "s6*", "s7*"])).1.whole).collect();
    let kept = wholes.iter().flatten().filter(|whole| Arc::strong_count(whole) > 1).count();
    assert_eq!((wholes.iter().flatten().count(), kept), (views.len(), 4));
}

#[test]
fn who_was_away_since_then_is_told_the_same() {
    let mut house = House::new();
    let [first, other] = [90, 95].map(|version| house.told_since(version));
    assert!(!Arc::ptr_eq(&first, &other));
    assert!(Arc::ptr_eq(&first, &house.told_since(90)));
    assert!(Arc::ptr_eq(&other, &house.told_since(95)));
    house.set("s50", "other");
    assert!(!Arc::ptr_eq(&first, &house.told_since(90)));
}

#[test]
fn a_last_part_is_told_behind_its_own_whole() {
    let mut house = House::new();
    let first = house.all();
    house.set("s50", "other");
    assert!(Arc::ptr_eq(&first, &house.all()));
    // Those of other audiences take its place.
    for view in ["s*", "s0*", "s1*", "s2*"] {
        assert!(house.join(audience(&[view, "s5*", "s6*", "s7*"])).1.whole.is_some());
    }
    assert!(!Arc::ptr_eq(&first, &house.all()));
}

#[test]
fn what_was_told_goes_when_nobody_asks_for_it() {
    let mut house = House::new();
    let told = house.told_since(90);
    for now_ms in [1_500, 2_000, 2_500, 3_000] {
        house.tick(now_ms);
        assert!(Arc::ptr_eq(&told, &house.told_since(90)), "at {now_ms}");
    }
    assert_eq!(house.shard.next_deadline(), Some(4_000));
    [4_000, 5_000].into_iter().for_each(|now_ms| house.tick(now_ms));
    assert_eq!((Arc::strong_count(&told), house.shard.next_deadline()), (1, None));
}

/// How many of these are still kept.
fn kept(told: &[Arc<Told>]) -> usize {
    told.iter().filter(|told| Arc::strong_count(told) > 1).count()
}

#[test]
fn of_what_was_told_little_is_kept() {
    let mut house = House::new();
    (0..1_000).for_each(|number| house.set("s00", &number.to_string()));
    let told: Vec<_> = (0..1_000).map(|version| house.told_since(version)).collect();
    let count = kept(&told);
    assert!((200..=512).contains(&count) && count == kept(&told[1_000 - count..]), "{count} are kept");
    house.set("s00", &"x".repeat(30_000));
    house.set("s01", &"x".repeat(30_000));
    let told: Vec<_> = (1_000..1_020).map(|version| house.told_since(version)).collect();
    let count = kept(&told);
    assert!((4..=10).contains(&count) && count == kept(&told[20 - count..]), "{count} large ones are kept");
}
