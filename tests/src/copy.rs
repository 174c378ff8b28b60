//! How a client keeps a copy of an object: section 5 of `protocol.md` and no more. The vectors of `apply.json`, the model tests
//! and the simulated clients all use it.

use std::collections::BTreeMap;

use slotcast_protocol::{
    Change, ChangeKind, Cursor, Diff, Event, Limits, Record, Sent, SlotName, Snapshot, User, Value,
};
use slotcast_state::{append, md5_of, patch};

/// A slot of the copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub version: u64,
    pub by: User,
    pub value: Value,
}

/// A copy of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy {
    pub epoch: u64,
    pub have: u64,
    pub sends: u64,
    pub slots: BTreeMap<SlotName, Held>,
    /// False until the first snapshot is whole.
    pub complete: bool,
    /// The last part of a snapshot that has come, if others follow it.
    parts: Option<(u64, u64)>,
}

/// Something that must not happen.
#[derive(Debug, PartialEq)]
pub struct Broken(pub String);

impl Copy {
    /// With these slots, complete.
    pub fn new(epoch: u64, have: u64, sends: u64, records: Vec<Record>) -> Self {
        let mut copy = Copy { epoch, have, sends, complete: true, ..Copy::default() };
        records.into_iter().for_each(|record| copy.put(record));
        copy
    }

    /// For the next `use`; None as long as there is nothing to go on from.
    pub fn cursor(&self) -> Option<Cursor> {
        let Copy { epoch, have, sends, .. } = *self;
        self.complete.then_some(Cursor { epoch, version: have, sends: Some(sends) })
    }

    /// What a cut leaves: a snapshot of which parts are missing is worth nothing.
    pub fn cut(&mut self) {
        if self.is_in_parts() {
            *self = Copy::default();
        }
    }

    /// Whether parts of a snapshot are still to come.
    pub fn is_in_parts(&self) -> bool {
        self.parts.is_some()
    }

    /// Takes whatever is about the object.
    pub fn take(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Snapshot(snapshot) => self.take_snapshot(snapshot),
            Event::Diff(diff) => self.take_diff(diff),
            Event::Sent(sent) => self.take_sent(sent),
            Event::Welcome(_) | Event::Success(_) | Event::Reject(_) | Event::Error { .. } => Ok(()),
            Event::Fingerprint { .. } | Event::Pong { .. } | Event::Released { .. } => Ok(()),
            Event::Goaway { .. } | Event::Renewed { .. } | Event::Close { .. } => Ok(()),
            Event::Relay(_) => Ok(()),
        }
    }

    fn take_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Broken> {
        let Snapshot { epoch, version, sends, slots, more, part, parts, .. } = snapshot;
        if *part == 1 {
            *self = Copy::default();
        } else if self.parts != Some((part - 1, *parts)) {
            return broken(format!("part {part} of {parts} after {:?}", self.parts));
        } else if self.epoch != *epoch || self.have > *version || *more && self.have != *version {
            return broken(format!("a part of version {version} after one of {}", self.have));
        }
        if *more != (part < parts) {
            return broken(format!("part {part} of {parts} says {more}"));
        }
        (self.epoch, self.have, self.sends) = (*epoch, *version, *sends);
        for record in slots {
            if *more && (self.slots.contains_key(&record.slot) || record.value.is_none()) {
                return broken(format!("{} in part {part} of {parts}", record.slot));
            }
            self.put(record.clone());
        }
        (self.parts, self.complete) = (more.then_some((*part, *parts)), !more);
        Ok(())
    }

    fn take_diff(&mut self, diff: &Diff) -> Result<(), Broken> {
        if !self.complete || diff.from > self.have {
            return broken(format!("a diff from {} with {} at hand", diff.from, self.have));
        }
        let newer: Vec<_> = diff.changes.iter().filter(|change| change.version > self.have).collect();
        for change in newer {
            self.apply(change)?;
        }
        self.have = self.have.max(diff.to);
        self.sends += diff.skipped;
        Ok(())
    }

    fn take_sent(&mut self, _sent: &Sent) -> Result<(), Broken> {
        if self.is_in_parts() {
            return broken("a send between the parts of a snapshot".to_owned());
        }
        self.sends += 1;
        Ok(())
    }

    fn apply(&mut self, change: &Change) -> Result<(), Broken> {
        let Change { version, by, kind } = change;
        let held = |value| Held { version: *version, by: by.clone(), value };
        match kind {
            ChangeKind::Set { slot, value } => _ = self.slots.insert(slot.clone(), held(value.clone())),
            ChangeKind::Delete { slot } => _ = self.slots.remove(slot),
            ChangeKind::Clear => self.slots.retain(|slot, _| slot.status_of().is_some()),
            ChangeKind::Append { slot, items, keep } => {
                let mut value = self.slots.get(slot).map(|held| held.value.clone());
                for item in items.iter() {
                    let longer = append(slot, value.as_ref(), item, *keep);
                    value = Some(longer.map_err(|fault| Broken(fault.to_string()))?);
                }
                if let Some(value) = value {
                    self.slots.insert(slot.clone(), held(value));
                }
            }
            ChangeKind::Patch { slot, path, value } => {
                let old = self.slots.get(slot).ok_or_else(|| Broken(format!("{slot} is not there")))?;
                let patched = patch(slot, &old.value, path, value.as_ref(), &Limits::default());
                match patched.map_err(|fault| Broken(fault.to_string()))? {
                    Some(patched) => _ = self.slots.insert(slot.clone(), held(patched)),
                    None => return broken(format!("{slot}: the patch removes nothing")),
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, record: Record) {
        let Record { slot, version, by, value } = record;
        match value {
            Some(value) => _ = self.slots.insert(slot, Held { version, by, value }),
            None => _ = self.slots.remove(&slot),
        }
    }

    /// As the server would give it for these slots.
    pub fn fingerprint(&self) -> String {
        md5_of(self.slots.len(), self.slots.iter().map(|(slot, held)| (slot, &held.value)))
    }
}

fn broken(why: String) -> Result<(), Broken> {
    Err(Broken(why))
}
