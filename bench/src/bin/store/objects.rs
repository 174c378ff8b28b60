//! Objects, their contents and their commits, as the parts of the benchmark need them.

use slotcast_node::engine::Batch;
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Change, ChangeKind, Device, Durability, ObjectName, SlotName, User, Value};
use slotcast_state::{Answer, Author, Commit, Contents, Stored};
use std::sync::Arc;

pub const EPOCH: u64 = 1;

pub fn object(number: usize) -> ObjectName {
    ObjectName::parse(&format!("bench/{number}")).expect("a good name")
}

pub fn slot(number: usize) -> SlotName {
    SlotName::parse(&format!("s{number}")).expect("a good name")
}

pub fn author(number: usize) -> Arc<Author> {
    let name = format!("u{number}");
    let user = User::parse(&name).expect("a good name");
    Arc::new(Author { user, device: Device::parse(&name).expect("a good name") })
}

/// A binary of so many bytes, header included.
pub fn value(bytes: usize) -> Value {
    let len = bytes.clamp(2, 257) - 2;
    let mut packed = vec![0xc4, len as u8];
    packed.resize(len + 2, 0x2e);
    Value::trusted(packed)
}

/// The object with all its slots set, at the version of their number.
pub fn stored(object: &ObjectName, slots: usize, value: &Value, author: &Arc<Author>) -> Stored {
    let mut contents = Contents::new(EPOCH);
    (0..slots).for_each(|number| contents.import(slot(number), value.clone(), author.clone(), None));
    Stored { name: object.clone().into(), contents: contents.encode() }
}

/// One `set`, as the object's `version`.
pub fn commit(
    object: &ObjectName,
    version: u64,
    slot: SlotName,
    value: &Value,
    author: &Arc<Author>,
) -> Commit {
    let kind = ChangeKind::Set { slot, value: value.clone() };
    Commit {
        object: object.clone(),
        durability: Durability::Disk,
        epoch: EPOCH,
        version,
        sends: 0,
        at_ms: 1_700_000_000_000,
        author: author.clone(),
        id: Some(version),
        answer: Some(Answer::Accepted { version, changed: true }),
        changes: [Change { version, by: author.user.clone(), kind }].into(),
        lives: Vec::new(),
    }
}

/// A batch of commits.
pub fn batch(expected: u64, commits: &[Commit], stores: Vec<Stored>) -> Batch {
    let mut writer = Writer::default();
    commits.iter().for_each(|commit| commit.encode(&mut writer));
    let names = commits.iter().map(|commit| commit.object.clone().into()).collect();
    Batch { shard: 0, expected, commits: writer.0, names, stores }
}
