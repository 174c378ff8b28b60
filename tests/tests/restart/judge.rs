//! Holds what a server has against what its clients know.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use slotcast_protocol::{Event, ObjectName, Request};
use slotcast_tests::copy::Copy;
use slotcast_tests::real::server::Server;
use slotcast_tests::real::session::Session;
use slotcast_tests::vectors::form;

use super::loads::{self, Answered, SHORT_MS, Wrote};
use super::world::World;

/// What a run of stops has shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub rounds: u64,
    pub answered: u64,
    pub in_doubt: u64,
    /// Of those in doubt, writes that were done.
    pub survived: u64,
    pub start_ms: u64,
    pub start_ms_max: u64,
}

impl Figures {
    pub fn print(&self, what: &str) {
        let Figures { rounds, answered, in_doubt, survived, start_ms, start_ms_max } = self;
        println!(
            "{what}: {rounds} stops, {answered} acknowledged and all there, {in_doubt} in doubt, of which {survived} \
             were done; {} ms per start, {start_ms_max} at the most",
            start_ms / rounds.max(&1)
        );
    }

    pub fn started(&mut self, ms: u64) {
        self.rounds += 1;
        self.start_ms += ms;
        self.start_ms_max = self.start_ms_max.max(ms);
    }
}

/// An item of an object's log.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    by: String,
    version: u64,
    tag: String,
}

/// After a stop and a new start: everything that was acknowledged is there once, nothing that was never sent; then what is in doubt is
/// settled by repeating it, and all copies become equal.
pub fn judge(world: &mut World, server: &Server, before: usize, figures: &mut Figures) {
    figures.in_doubt += world.in_doubt() as u64;
    figures.answered += (world.answered() - before) as u64;
    for number in 0..world.objects.len() {
        let over = world.stopped.elapsed() > Duration::from_millis(SHORT_MS);
        let fresh = fresh(server.address, &world.objects[number]);
        figures.survived += holds(world, number, &fresh) as u64;
        sessions_are_gone(&fresh, over);
        followers_saw_no_other(world, number, &fresh);
    }
    for follower in &mut world.followers {
        follower.resume(server.address);
    }
    world.repeat(server);
    for number in 0..world.objects.len() {
        let object = &world.objects[number];
        let fresh = loop {
            world.followers.iter_mut().for_each(|follower| follower.catch_up(object));
            let fresh = self::fresh(server.address, object);
            if world.followers.iter().all(|follower| follower.copies[object].have == fresh.have) {
                break fresh;
            }
            assert!(world.stopped.elapsed() < Duration::from_secs(60), "{object} does not come to rest");
        };
        holds(world, number, &fresh);
        for follower in &world.followers {
            let copy = &follower.copies[object];
            assert!(slots(copy) == slots(&fresh), "{object}: {copy:?} was kept, and {fresh:?} is fresh");
            assert_eq!((copy.epoch, copy.sends), (fresh.epoch, fresh.sends), "{object}: epoch and sends");
        }
    }
}

/// A copy by someone who had none.
fn fresh(address: SocketAddr, object: &ObjectName) -> Copy {
    let mut session = Session::open(address, "judge", "judge", false).expect("the server goes on");
    session.follow(object, None, None);
    let mut copy = Copy::default();
    while !copy.complete {
        let event = session.hear().expect("the server goes on");
        assert!(matches!(event, Event::Snapshot(_)), "{event:?} instead of a snapshot");
        copy.take(&event).expect("a snapshot fits on nothing");
    }
    copy
}

/// How many of the writes in doubt are there.
fn holds(world: &World, number: usize, copy: &Copy) -> usize {
    let object = &world.objects[number];
    let items = log(copy);
    assert!(items.windows(2).all(|pair| pair[0].version < pair[1].version), "{object}: versions rise");
    let ours: BTreeMap<String, &Wrote> = written(world, number);
    let mut there = BTreeMap::new();
    for item in &items {
        let wrote =
            ours.get(&item.tag).unwrap_or_else(|| panic!("{object} holds {item:?}, which nobody sent"));
        assert!(item.tag.starts_with(&format!("{}.", item.by)), "{object}: {item:?} by another");
        assert!(there.insert(&item.tag, item.version).is_none(), "{object} holds {item:?} twice");
        if wrote.answer.is_some() {
            let then = Answered::Success { version: item.version, changed: true };
            assert_eq!(wrote.answer, Some(then), "{object}: {item:?} was answered otherwise");
        }
    }
    for (tag, wrote) in &ours {
        if let Some(Answered::Success { .. }) = wrote.answer {
            assert!(there.contains_key(tag), "{object}: {tag} was acknowledged and is lost: {wrote:?}");
        }
    }
    in_order(world, number, &there);
    model(object, &items, &ours, copy);
    sends(world, number, copy);
    ours.iter().filter(|(tag, wrote)| wrote.answer.is_none() && there.contains_key(tag)).count()
}

/// The writes to an object, by their tags.
fn written(world: &World, number: usize) -> BTreeMap<String, &Wrote> {
    let tagged = world.writers.iter().flat_map(|writer| {
        let writes = writer.wrote.iter().filter(|wrote| wrote.object == number && !wrote.is_send());
        writes.map(|wrote| (loads::tag(&writer.user, wrote.id), wrote))
    });
    tagged.collect()
}

/// One device's writes are done in the order in which it sent them; of those in doubt nothing is there behind one that is not, unless that
/// one could have been rejected.
fn in_order(world: &World, number: usize, there: &BTreeMap<&String, u64>) {
    for writer in &world.writers {
        let mine = writer.wrote.iter().filter(|wrote| wrote.object == number && !wrote.is_send());
        let versions: Vec<u64> =
            mine.filter_map(|wrote| there.get(&loads::tag(&writer.user, wrote.id)).copied()).collect();
        assert!(versions.is_sorted(), "{}: {} is out of order", world.objects[number], writer.user);
    }
}

/// The other slots follow from the log.
fn model(object: &ObjectName, items: &[Item], ours: &BTreeMap<String, &Wrote>, copy: &Copy) {
    let mut slots = BTreeMap::new();
    for item in items {
        if let Request::Write(write) = &ours[&item.tag].request {
            loads::apply(&mut slots, &write.ops);
        }
    }
    let lasting = |slot: &str| {
        !(slot == "log" || slot == "short" || slot.starts_with("tied.") || slot.starts_with('@'))
    };
    slots.retain(|slot, _| lasting(slot));
    let there = copy.slots.iter().filter(|(slot, _)| lasting(slot.as_str()));
    let there: BTreeMap<String, Json> =
        there.map(|(slot, held)| (slot.as_str().to_owned(), form(&held.value))).collect();
    assert_eq!(there, slots, "{object}: what is there, and what its log makes of it");
    let last = items.last().map_or(0, |item| item.version);
    assert!(copy.have >= last, "{object}: version {} and an item of {last}", copy.have);
}

fn sends(world: &World, number: usize, copy: &Copy) {
    let all = world.writers.iter().flat_map(|writer| &writer.wrote);
    let sends: Vec<_> = all.filter(|wrote| wrote.object == number && wrote.is_send()).collect();
    let done = |wrote: &&&Wrote| matches!(wrote.answer, Some(Answered::Success { .. }));
    let (done, open) =
        (sends.iter().filter(done).count(), sends.iter().filter(|wrote| wrote.answer.is_none()).count());
    let range = done as u64..=(done + open) as u64;
    assert!(range.contains(&copy.sends), "{}: {} sends, not {range:?}", world.objects[number], copy.sends);
}

/// What was a session's own, or had its time, is not there after a stop.
fn sessions_are_gone(copy: &Copy, short_is_over: bool) {
    for slot in copy.slots.keys().map(|slot| slot.as_str()) {
        assert!(!slot.starts_with('@') && !slot.starts_with("tied."), "{slot} outlived its session");
        assert!(slot != "short" || !short_is_over, "{slot} outlived its time");
    }
}

/// What a follower saw before the stop still holds.
fn followers_saw_no_other(world: &World, number: usize, now: &Copy) {
    let object = &world.objects[number];
    let items = log(now);
    for copy in world.followers.iter().map(|follower| &follower.copies[object]).filter(|copy| copy.complete) {
        assert_eq!(copy.epoch, now.epoch, "{object}: another epoch");
        assert!(copy.have <= now.have, "{object}: at {} and a follower saw {}", now.have, copy.have);
        assert!(copy.sends <= now.sends, "{object}: a follower got a send that is taken back");
        assert!(items.starts_with(&log(copy)), "{object}: a follower saw what is not there any more");
    }
}

fn log(copy: &Copy) -> Vec<Item> {
    let held = copy.slots.get(&loads::slot("log")).map(|held| form(&held.value));
    let items = held.as_ref().and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let text = |item: &Json, name: &str| item[name].as_str().expect("the server stamps").to_owned();
    let version = |item: &Json| item["v"].as_u64().expect("the server stamps");
    items
        .iter()
        .map(|item| Item { by: text(item, "by"), version: version(item), tag: text(item, "item") })
        .collect()
}

/// The slots in a form that does not depend on the encoding in which they came.
fn slots(copy: &Copy) -> BTreeMap<&str, (u64, &str, Json)> {
    let slots = copy.slots.iter();
    slots.map(|(slot, held)| (slot.as_str(), (held.version, held.by.as_str(), form(&held.value)))).collect()
}

/// ms since then.
pub fn since(moment: Instant) -> u64 {
    moment.elapsed().as_millis() as u64
}
