//! Work for engines, as shards would bring it, and what there must be of it afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use slotcast_node::engine::{Batch, Kept};
use slotcast_protocol::reader::Reader;
use slotcast_protocol::roster::Edit;
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{
    Change, ChangeKind, Code, Device, Durability, Entry, Fault, Limits, Matter, ObjectName, SlotName, User,
    Value,
};
use slotcast_state::roster::{self, List};
use slotcast_state::{
    Answer, At, Author, Commit, Deed, Filed, Kinds, Lived, Name, Outcome, Stored, UserCommit,
};

use crate::dice::Dice;
use crate::vectors::value;

/// What one shard puts to the engine at a time.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub shard: u16,
    pub commits: Vec<Commit>,
    pub users: Vec<UserCommit>,
    pub rosters: Vec<roster::Commit>,
    pub stores: Vec<Stored>,
}

impl Work {
    pub fn batch(&self, expected: u64) -> Batch {
        let mut commits = Writer::default();
        self.commits.iter().for_each(|commit| commit.encode(&mut commits));
        self.users.iter().for_each(|commit| commit.encode(&mut commits));
        self.rosters.iter().for_each(|commit| commit.encode(&mut commits));
        let (names, stores) = (self.names().collect(), self.stores.clone());
        Batch { shard: self.shard, expected, commits: commits.0, names, stores }
    }

    /// What the commits are about.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        let objects = self.commits.iter().map(|commit| commit.object.clone().into());
        let users = self.users.iter().map(|commit| commit.user.clone().into());
        let rosters = self.rosters.iter().map(|commit| Name::Roster(commit.owner.clone()));
        objects.chain(users).chain(rosters)
    }
}

/// Objects and users as they should be: made by the same commits, and by nothing else.
#[derive(Debug, Default, PartialEq)]
pub struct Wanted(BTreeMap<Name, Kept>);

/// All of them as they are at a moment, by [`Kept::encode`].
pub type Shown = BTreeMap<Name, Arc<[u8]>>;

impl Wanted {
    pub fn kept(&self, name: &Name) -> Option<&Kept> {
        self.0.get(name)
    }

    pub fn all(&self) -> impl Iterator<Item = (&Name, &Kept)> {
        self.0.iter()
    }

    /// As `before`, with what a group is about as it is now.
    pub fn shown(&self, before: &Shown, group: &[Work]) -> Shown {
        let mut shown = before.clone();
        for name in group.iter().flat_map(Work::names) {
            let now = self.0[&name].encode();
            shown.insert(name, now.into());
        }
        shown
    }

    /// Does a commit that was made here.
    fn take(&mut self, name: Name, encode: impl FnOnce(&mut Writer)) {
        let mut writer = Writer::default();
        encode(&mut writer);
        let (before, mut reader) = (self.0.remove(&name), Reader::new(&writer.0));
        let kept = Kept::replay(before, &mut reader, &name, &Kinds::default(), &Limits::default());
        self.0.insert(name, kept.expect("the commit follows"));
    }

    /// The object or user, whole.
    pub fn stored(&self, name: &Name) -> Stored {
        Stored { name: name.clone(), contents: self.0[name].encode() }
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
        let decode = |name, bytes: &Arc<[u8]>| Kept::decode(name, bytes).expect("it was encoded here");
        let wanted = there.iter().map(|(name, bytes)| (name.clone(), decode(name, bytes)));
        Maker { wanted: Wanted(wanted.collect()), ids: 1_000_000, ..Maker::new(0) }
    }

    /// The object of this number; even ones belong to shard 0.
    pub fn object(number: u64) -> Name {
        ObjectName::parse(&format!("disk/{number}")).expect("a good name").into()
    }

    /// The user of this number; even ones belong to shard 0.
    pub fn user(number: u64) -> User {
        User::parse(&format!("user {number}")).expect("a good user")
    }

    pub fn shard(name: &Name) -> u16 {
        let text = name.to_string();
        let number = text.rsplit(['/', ' ']).next().and_then(|number| number.parse::<u64>().ok());
        (number.expect("the name ends in its number") % u64::from(SHARDS)) as u16
    }

    /// A commit of any kind to an object.
    pub fn commit(&mut self, number: u64) -> Commit {
        self.ids += 1;
        let name = Maker::object(number);
        let object = name.object().expect("it is one").clone();
        let (epoch, version, sends) = match self.wanted.kept(&name) {
            Some(Kept::Object(before)) => (before.epoch(), before.version(), before.sends()),
            Some(Kept::User(_) | Kept::Roster(_)) | None => (number + 1, 0, 0),
        };
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
        self.wanted.take(name, |writer| commit.encode(writer));
        commit
    }

    /// A commit of any kind to a user.
    pub fn user_commit(&mut self, number: u64) -> UserCommit {
        self.ids += 1;
        let (user, id, time_ms) = (Maker::user(number), self.ids, 1_000 + self.ids);
        let (epoch, last) = match self.wanted.kept(&user.clone().into()) {
            Some(Kept::User(before)) => (before.epoch(), before.last()),
            Some(Kept::Object(_) | Kept::Roster(_)) | None => (number + 1, 0),
        };
        let text = "x".repeat(self.dice.between(1, 300) as usize);
        let (body, device, other) =
            (value(&json!([id, text])), author(self.dice.below(3)).device.clone(), Maker::user(7));
        let entry = |matter| Entry { seq: last + 1, time_ms, matter };
        let filed = |matter| Deed::Filed(Filed { entry: entry(matter), device: Some(device.clone()) });
        let refused = Outcome::Refused(Fault::new(Code::InboxFull, "to"));
        let deed = match self.dice.below(8) {
            0 => Deed::Reached { device, seq: self.dice.below(last + 1) },
            1 => filed(Matter::Receipt { user: other, delivered: id, read: id / 2 }),
            2 => filed(Matter::Seen { user: other, read: id }),
            3 => Deed::Told { device, id, outcome: refused, copy: None },
            4 => {
                let copy = entry(Matter::Copy { to: other, id, body, kind: None, at: id });
                Deed::Told { device, id, outcome: Outcome::Stored(At { seq: id, time_ms }), copy: Some(copy) }
            }
            _message => filed(Matter::Message { from: other, id, body, kind: None }),
        };
        let durability = Durability::Disk;
        let commit = UserCommit { user: user.clone(), durability, epoch, at_ms: time_ms, deed };
        self.wanted.take(user.into(), |writer| commit.encode(writer));
        commit
    }

    /// An edit of any kind of a user's roster; None if it changes nothing.
    pub fn roster_commit(&mut self, number: u64) -> Option<roster::Commit> {
        self.ids += 1;
        let owner = Maker::user(number);
        let name = Name::Roster(owner.clone());
        let mut list = match self.wanted.kept(&name) {
            Some(Kept::Roster(list)) => List::clone(list),
            Some(Kept::Object(_) | Kept::User(_)) | None => List::new(owner, number + 1),
        };
        let other = User::parse(&format!("other {}", self.dice.below(5))).expect("a good user");
        let edit = match self.dice.below(6) {
            0 => Edit::Remove(other),
            1 => Edit::Block(other),
            2 => Edit::Unblock(other),
            3 => Edit::Approve { user: other, on: true },
            _ask => Edit::Ask(other),
        };
        let commit = list.edit(&edit, 1_000 + self.ids, &Limits::default()).ok()??;
        self.wanted.take(name, |writer| commit.encode(writer));
        Some(commit)
    }

    /// A batch of a shard, about some of the objects below `objects`.
    pub fn work(&mut self, shard: u16, objects: u64) -> Work {
        let mine = objects / u64::from(SHARDS);
        let count = if self.dice.percent(6) { 40 } else { self.dice.between(1, 4) };
        let numbers: Vec<u64> =
            (0..count).map(|_| self.dice.below(mine) * u64::from(SHARDS) + u64::from(shard)).collect();
        let commits = numbers.iter().map(|number| self.commit(*number)).collect();
        let users = match self.dice.percent(40) {
            true => numbers.iter().map(|number| self.user_commit(*number)).collect(),
            false => Vec::new(),
        };
        let rosters = match self.dice.percent(40) {
            true => numbers.iter().filter_map(|number| self.roster_commit(*number)).collect(),
            false => Vec::new(),
        };
        Work { shard, commits, users, rosters, stores: Vec::new() }
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
