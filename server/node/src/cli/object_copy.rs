//! A client's copy of one object, kept as section 5 of the protocol says, and the news that each frame brings.

use std::collections::BTreeMap;

use slotcast_protocol::{
    Change, ChangeKind, Cursor, Diff, Fault, Path, Record, Sent, SlotName, Snapshot, User, Value,
};

use super::place::value_at;
use super::value::limits;

/// What someone who looks on should be told.
#[derive(Debug)]
pub enum News {
    /// The whole object came; what differs from before follows.
    Whole { epoch: u64, version: u64, slots: usize, anew: bool },
    /// Versions `first` to `last` arrived as one.
    Folded { first: u64, last: u64 },
    /// So many sends were lost.
    Skipped(u64),
    /// A slot changed.
    Slot { version: u64, by: Option<User>, slot: SlotName, what: What },
    /// So many slots went at once.
    Cleared { version: u64, by: User, slots: usize },
    /// A `send`.
    Sent(Sent),
}

/// What happened to a slot.
#[derive(Debug)]
pub enum What {
    /// From what it was, if it was there.
    Set { old: Option<Value>, new: Value },
    /// It is gone.
    Deleted { old: Option<Value> },
    /// A place inside it.
    Patched { path: Path, old: Option<Value>, new: Option<Value> },
    /// Another item.
    Appended { item: Value },
}

/// The frame does not continue what is held: the object must be used anew.
#[derive(Debug)]
pub struct Gap(pub String);

/// Slots, and how far they have come.
#[derive(Default)]
pub struct ObjectCopy {
    cursor: Option<Cursor>,
    slots: BTreeMap<SlotName, Record>,
    /// Parts of a snapshot whose last part is still to come.
    parts: Vec<Record>,
    /// Whether only some slots are in view: then a jump of versions is nothing special.
    partial: bool,
}

impl ObjectCopy {
    /// Holds nothing yet. `partial` says that it will not follow all slots.
    pub fn new(partial: bool) -> Self {
        ObjectCopy { partial, ..ObjectCopy::default() }
    }

    /// For `use` after a cut; None before the first snapshot is complete.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// In the order of their names.
    pub fn slots(&self) -> impl Iterator<Item = &Record> {
        self.slots.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Replaces the copy, once the last part is there.
    pub fn take_snapshot(&mut self, snapshot: Snapshot) -> Vec<News> {
        let Snapshot { epoch, version, sends, slots, more, skipped, part, .. } = snapshot;
        if part == 1 {
            self.parts.clear();
        }
        self.parts.extend(slots);
        if more {
            return Vec::new();
        }
        let anew = self.cursor.is_some_and(|cursor| cursor.epoch != epoch);
        self.cursor = Some(Cursor { epoch, version, sends: Some(sends) });
        let records = std::mem::take(&mut self.parts).into_iter();
        let mut new: BTreeMap<SlotName, Record> =
            records.map(|record| (record.slot.clone(), record)).collect();
        new.retain(|_, record| record.value.is_some());
        let old = std::mem::replace(&mut self.slots, new);
        let mut news = vec![News::Whole { epoch, version, slots: self.slots.len(), anew }];
        news.extend((skipped > 0).then_some(News::Skipped(skipped)));
        news.extend(self.differences(version, old));
        news
    }

    fn differences(&self, version: u64, mut old: BTreeMap<SlotName, Record>) -> Vec<News> {
        let mut news = Vec::new();
        for (slot, Record { version, by, value, .. }) in &self.slots {
            let old = old.remove(slot).and_then(|record| record.value);
            if let Some(new) = value.clone().filter(|new| old.as_ref() != Some(new)) {
                let (slot, what) = (slot.clone(), What::Set { old, new });
                news.push(News::Slot { version: *version, by: Some(by.clone()), slot, what });
            }
        }
        let gone = old.into_iter();
        news.extend(gone.map(|(slot, record)| News::Slot {
            version,
            by: None,
            slot,
            what: What::Deleted { old: record.value },
        }));
        news
    }

    /// Applies what is newer than the copy.
    pub fn take_diff(&mut self, diff: Diff) -> Result<Vec<News>, Gap> {
        let cursor = self.cursor.as_mut().filter(|cursor| diff.from <= cursor.version);
        let cursor = cursor.ok_or_else(|| Gap(format!("a diff from version {} does not fit", diff.from)))?;
        let have = cursor.version;
        cursor.version = have.max(diff.to);
        cursor.sends = cursor.sends.map(|sends| sends + diff.skipped);
        let mut news = Vec::new();
        if diff.to > have + 1 && !self.partial {
            news.push(News::Folded { first: have + 1, last: diff.to });
        }
        news.extend((diff.skipped > 0).then_some(News::Skipped(diff.skipped)));
        for change in diff.changes.into_iter().filter(|change| change.version > have) {
            self.change(change, &mut news).map_err(|fault| Gap(format!("a change does not fit: {fault}")))?;
        }
        Ok(news)
    }

    /// Counts a send.
    pub fn take_sent(&mut self, sent: Sent) -> News {
        if let Some(sends) = self.cursor.as_mut().and_then(|cursor| cursor.sends.as_mut()) {
            *sends += 1;
        }
        News::Sent(sent)
    }

    fn change(&mut self, change: Change, news: &mut Vec<News>) -> Result<(), Fault> {
        let Change { version, by, kind } = change;
        let mut told = |slot: &SlotName, what| {
            news.push(News::Slot { version, by: Some(by.clone()), slot: slot.clone(), what });
        };
        match kind {
            ChangeKind::Set { slot, value } => {
                let old = self.put(version, &by, &slot, value.clone());
                told(&slot, What::Set { old, new: value });
            }
            ChangeKind::Delete { slot } => {
                let old = self.slots.remove(&slot).and_then(|record| record.value);
                told(&slot, What::Deleted { old });
            }
            ChangeKind::Patch { slot, path, value } => {
                let held = self.held(&slot).cloned().unwrap_or_else(|| Value::trusted([0xc0]));
                if let Some(patched) = slotcast_state::patch(&slot, &held, &path, value.as_ref(), &limits())?
                {
                    self.put(version, &by, &slot, patched);
                }
                told(&slot, What::Patched { old: value_at(&held, &path), path, new: value });
            }
            ChangeKind::Append { slot, items, keep } => {
                for item in items.iter() {
                    let longer = slotcast_state::append(&slot, self.held(&slot), item, keep)?;
                    self.put(version, &by, &slot, longer);
                    told(&slot, What::Appended { item: item.clone() });
                }
            }
            ChangeKind::Clear => {
                let before = self.slots.len();
                self.slots.retain(|slot, _| slot.status_of().is_some());
                news.push(News::Cleared { version, by, slots: before - self.slots.len() });
            }
        }
        Ok(())
    }

    fn held(&self, slot: &SlotName) -> Option<&Value> {
        self.slots.get(slot).and_then(|record| record.value.as_ref())
    }

    /// What was there before.
    fn put(&mut self, version: u64, by: &User, slot: &SlotName, value: Value) -> Option<Value> {
        let record = Record { slot: slot.clone(), version, by: by.clone(), value: Some(value) };
        self.slots.insert(slot.clone(), record).and_then(|record| record.value)
    }
}
