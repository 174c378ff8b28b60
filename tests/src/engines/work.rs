//! Work for engines, as shards would bring it, and what there must be of it afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use slotcast_node::engine::Batch;
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{
    Change, ChangeKind, Code, Device, Durability, Fault, Limits, ObjectName, SlotName, User, Value,
};
use slotcast_state::{Answer, Author, Commit, Contents, Kind, Lived, Stored};

use crate::dice::Dice;
use crate::vectors::value;

/// What one shard puts to the engine at a time.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub shard: u16,
    pub commits: Vec<Commit>,
    pub stores: Vec<Stored>,
}

impl Work {
    pub fn batch(&self, expected: u64) -> Batch {
        let mut commits = Writer::default();
        self.commits.iter().for_each(|commit| commit.encode(&mut commits));
        let objects = self.commits.iter().map(|commit| commit.object.clone()).collect();
        Batch { shard: self.shard, expected, commits: commits.0, objects, stores: self.stores.clone() }
    }
}

/// Objects as they should be: made by the same commits, and by nothing else.
#[derive(Debug, Default, PartialEq)]
pub struct Wanted(BTreeMap<ObjectName, Contents>);

/// All objects as they are at a moment, by [`Contents::encode`].
pub type Shown = BTreeMap<ObjectName, Arc<[u8]>>;

impl Wanted {
    pub fn contents(&self, object: &ObjectName) -> Option<&Contents> {
        self.0.get(object)
    }

    pub fn objects(&self) -> impl Iterator<Item = (&ObjectName, &Contents)> {
        self.0.iter()
    }

    /// As `before`, with the objects of a group as they are now.
    pub fn shown(&self, before: &Shown, group: &[Work]) -> Shown {
        let mut shown = before.clone();
        for commit in group.iter().flat_map(|work| &work.commits) {
            shown.insert(commit.object.clone(), self.0[&commit.object].encode().into());
        }
        shown
    }

    fn take(&mut self, commit: &Commit) {
        let contents = self.0.entry(commit.object.clone()).or_insert_with(|| Contents::new(commit.epoch));
        let (depth, inflight) = (Kind::default().resync_depth, Limits::default().inflight);
        contents.replay(commit, depth, inflight).expect("the commit follows");
    }

    /// The object, whole.
    pub fn stored(&self, object: &ObjectName) -> Stored {
        Stored { object: object.clone(), contents: self.0[object].encode() }
    }
}

/// Two shards with their objects, whose commits are made up from a seed.
pub struct Maker {
    dice: Dice,
    pub wanted: Wanted,
    ids: u64,
}

pub const SHARDS: u16 = 2;

impl Maker {
    pub fn new(seed: u64) -> Maker {
        Maker { dice: Dice::new(seed), wanted: Wanted::default(), ids: 0 }
    }

    /// One who goes on from what is there.
    pub fn going_on(there: &Shown) -> Maker {
        let decode = |bytes: &Arc<[u8]>| Contents::decode(bytes).expect("it was encoded here");
        let wanted = there.iter().map(|(object, bytes)| (object.clone(), decode(bytes)));
        Maker { wanted: Wanted(wanted.collect()), ids: 1_000_000, ..Maker::new(0) }
    }

    /// The object of this number; even ones belong to shard 0.
    pub fn object(number: u64) -> ObjectName {
        ObjectName::parse(&format!("disk/{number}")).expect("a good name")
    }

    pub fn shard(number: u64) -> u16 {
        (number % u64::from(SHARDS)) as u16
    }

    /// A commit of any kind to an object.
    pub fn commit(&mut self, number: u64) -> Commit {
        self.ids += 1;
        let object = Maker::object(number);
        let before = self.wanted.contents(&object);
        let (version, sends) = before.map_or((0, 0), |before| (before.version(), before.sends()));
        let epoch = before.map_or(number + 1, Contents::epoch);
        let (kind, text) = (self.dice.below(10), "x".repeat(self.dice.between(1, 400) as usize));
        let text = if self.dice.percent(4) { text.repeat(20) } else { text };
        let value = value(&json!([self.ids, text]));
        let (change, answer, sends, lived) = match kind {
            0 => (None, Some(Answer::Refused(Fault::new(Code::Conflict, "price"))), sends, None),
            1 => (None, Some(Answer::Accepted { version, changed: false }), sends + 1, None),
            2 => (Some(ChangeKind::Clear), None, sends, None),
            3 => (Some(ChangeKind::Delete { slot: slot("a") }), None, sends, None),
            4 => (Some(set("t", value)), None, sends, Some(1_000_000)),
            5 | 6 => (Some(append(value)), None, sends, None),
            7 => (Some(set("a", value)), None, sends, None),
            _ => (Some(set(&format!("s{}", self.dice.below(6)), value)), None, sends, None),
        };
        let moved = u64::from(change.is_some());
        let version = version + moved;
        let author = author(self.dice.below(3));
        let by = author.user.clone();
        let lived = lived.map(|ms| Lived { slot: slot("t"), expires_ms: Some(ms + self.ids), tied: false });
        let changes: Vec<Change> = change.map(|kind| Change { version, by, kind }).into_iter().collect();
        let commit = Commit {
            object,
            durability: Durability::Disk,
            epoch,
            version,
            sends,
            at_ms: 1_000 + self.ids,
            author,
            id: Some(self.ids),
            answer: Some(answer.unwrap_or(Answer::Accepted { version, changed: true })),
            changes: changes.into(),
            lives: lived.into_iter().collect(),
        };
        self.wanted.take(&commit);
        commit
    }

    /// A batch of a shard, about some of the objects below `objects`.
    pub fn work(&mut self, shard: u16, objects: u64) -> Work {
        let mine = objects / u64::from(SHARDS);
        let count = if self.dice.percent(6) { 40 } else { self.dice.between(1, 4) };
        let numbers: Vec<u64> =
            (0..count).map(|_| self.dice.below(mine) * u64::from(SHARDS) + u64::from(shard)).collect();
        let commits = numbers.into_iter().map(|number| self.commit(number)).collect();
        Work { shard, commits, stores: Vec::new() }
    }

    /// One or both shards' batches.
    pub fn group(&mut self, objects: u64) -> Vec<Work> {
        let first = self.dice.below(u64::from(SHARDS)) as u16;
        let count = self.dice.between(1, u64::from(SHARDS)) as u16;
        (0..count).map(|place| self.work((first + place) % SHARDS, objects)).collect()
    }
}

fn author(number: u64) -> Arc<Author> {
    let user = User::parse(&format!("user-{number}")).expect("a good user");
    Arc::new(Author { user, device: Device::parse(&format!("device-{number}")).expect("a good device") })
}

fn slot(name: &str) -> SlotName {
    SlotName::parse(name).expect("a good slot")
}

fn set(name: &str, value: Value) -> ChangeKind {
    ChangeKind::Set { slot: slot(name), value }
}

fn append(item: Value) -> ChangeKind {
    ChangeKind::Append { slot: slot("log"), items: vec![item].into(), keep: 5 }
}
