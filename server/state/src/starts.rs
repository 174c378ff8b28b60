//! What those who began lately were told: whoever begins at the same point and is to be brought to the same one is told the same, and it is
//! made and encoded once. A herd that comes back has a few cursors, not one each.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use slotcast_protocol::{Change, ChangeKind, Cursor, Event, Record, SlotName, Value};

use crate::ids::ChannelId;
use crate::ring::Mark;

/// ms; what nobody has asked for in so long goes, at the latest after twice that.
const KEEP_MS: u64 = 1_000;
/// Of each of the two generations.
const STARTS_MAX: usize = 256;
/// bytes, of each of the two generations; one start may be larger, and is then its generation alone.
const BYTES_MAX: usize = 256 * 1024;
/// What a change or a record costs beside its name and value, in bytes.
const ENTRY_BYTES: usize = 128;

/// What leads from a point to another, and its frame.
#[derive(Debug)]
pub struct Told {
    event: Event,
    frame: OnceLock<Bytes>,
}

impl Told {
    /// The frame: made by `encode` for the first who asks, and the same for all after. They are of one audience, and so have one encoding.
    pub fn frame(&self, encode: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.frame.get_or_init(|| encode(&self.event)).clone()
    }
}

impl Deref for Told {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

/// From where to where, and for whom: what is told rests on nothing else, so what is kept is never out of date.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    /// An audience of an object, in one of its epochs.
    pub channel: ChannelId,
    pub from: Option<Cursor>,
    pub to: Mark,
    /// When the shared parts were made behind which the events are told.
    pub whole: Option<Mark>,
}

/// Of all objects of a shard. What is asked for moves to the younger of two generations; when that is full, or its time is over, the older
/// one goes and it takes its place.
#[derive(Default)]
pub(crate) struct Starts {
    young: Generation,
    old: Generation,
    turned_ms: u64,
}

#[derive(Default)]
struct Generation {
    told: BTreeMap<Way, Arc<Told>>,
    bytes: usize,
}

impl Starts {
    /// What was told to the last who went this way.
    pub fn find(&mut self, way: &Way) -> Option<Arc<Told>> {
        if let Some(told) = self.young.told.get(way) {
            return Some(told.clone());
        }
        let told = self.old.told.remove(way)?;
        self.put(way.clone(), told.clone());
        Some(told)
    }

    /// The same, made now if nobody has gone it.
    pub fn find_or_make(&mut self, way: Way, now_ms: u64, make: impl FnOnce() -> Event) -> Arc<Told> {
        self.find(&way).unwrap_or_else(|| self.keep(way, now_ms, make()))
    }

    /// Keeps it for those who come next.
    pub fn keep(&mut self, way: Way, now_ms: u64, event: Event) -> Arc<Told> {
        if self.is_empty() {
            self.turned_ms = now_ms;
        }
        let told = Arc::new(Told { event, frame: OnceLock::new() });
        self.put(way, told.clone());
        told
    }

    /// Drops those that no one has asked for for a while.
    pub fn forget(&mut self, now_ms: u64) {
        if self.next_ms().is_some_and(|next_ms| next_ms <= now_ms) {
            self.turned_ms = now_ms;
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// When there is something to forget, in ms.
    pub fn next_ms(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.turned_ms.saturating_add(KEEP_MS))
    }

    fn is_empty(&self) -> bool {
        self.young.told.is_empty() && self.old.told.is_empty()
    }

    fn put(&mut self, way: Way, told: Arc<Told>) {
        let bytes = weight(&told);
        let Generation { told: young, bytes: young_bytes } = &self.young;
        if young.len() == STARTS_MAX || *young_bytes + bytes > BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.bytes += bytes;
        self.young.told.insert(way, told);
    }
}

/// About what it holds, in bytes; its frame is as much again at the most.
fn weight(event: &Event) -> usize {
    let entry = |slot: Option<&SlotName>, value_bytes| {
        ENTRY_BYTES + slot.map_or(0, |slot| slot.as_str().len()) + value_bytes
    };
    let of_change = |Change { kind, .. }: &Change| entry(kind.slot(), value_bytes(kind));
    let of_record = |Record { slot, value, .. }: &Record| entry(Some(slot), value.as_ref().map_or(0, length));
    let mut bytes = ENTRY_BYTES;
    if let Event::Diff(diff) = event {
        bytes += diff.changes.iter().map(of_change).sum::<usize>();
    }
    if let Event::Snapshot(snapshot) = event {
        bytes += snapshot.slots.iter().map(of_record).sum::<usize>();
    }
    bytes
}

fn value_bytes(kind: &ChangeKind) -> usize {
    match kind {
        ChangeKind::Set { value, .. } => length(value),
        ChangeKind::Patch { value, .. } => value.as_ref().map_or(0, length),
        ChangeKind::Append { items, .. } => items.iter().map(length).sum(),
        ChangeKind::Delete { .. } | ChangeKind::Clear => 0,
    }
}

fn length(value: &Value) -> usize {
    value.bytes().len()
}
