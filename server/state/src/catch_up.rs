//! Brings any cursor up to date: a late joiner's, a resumed page's, a slow follower's. One diff from the slots that are newer, or,
//! for another epoch or past what is remembered of deletions, a snapshot.

use slotcast_protocol::{Change, ChangeKind, Cursor, Diff, Event, Snapshot};

use crate::contents::Contents;
use crate::followers::View;
use crate::object::Object;
use crate::slots::{Slot, record};

/// bytes of slots in one part of a snapshot
const PART_BYTES: usize = 64 * 1024;

impl Object {
    /// What leads from `cursor` to the present, as one or more events.
    pub(crate) fn catch_up(&self, cursor: Option<Cursor>, view: &View) -> Vec<Event> {
        let usable = cursor.filter(|cursor| {
            cursor.epoch == self.contents.epoch
                && cursor.version <= self.contents.version
                && cursor.version >= self.contents.slots.floor()
        });
        match usable {
            Some(cursor) => vec![Event::Diff(self.diff_since(cursor, view))],
            None => self.snapshot(self.skipped(cursor), view),
        }
    }

    /// The answer to one who gets the rest from a ring.
    pub(crate) fn nothing_since(&self, version: u64) -> Event {
        let (object, changes) = (self.name.clone(), Vec::new());
        Event::Diff(Diff { object, from: version, to: version, changes, skipped: 0 })
    }

    /// Sends that whoever holds the cursor will not get.
    fn skipped(&self, cursor: Option<Cursor>) -> u64 {
        let of_this_epoch = cursor.filter(|cursor| cursor.epoch == self.contents.epoch);
        let sends = of_this_epoch.and_then(|cursor| cursor.sends);
        sends.map_or(0, |sends| self.contents.sends.saturating_sub(sends))
    }

    fn diff_since(&self, cursor: Cursor, view: &View) -> Diff {
        let mut changes = Vec::new();
        let mut cleared = self.contents.slots.cleared().filter(|cleared| cleared.version > cursor.version);
        for (name, version, author, slot) in self.contents.slots.since(cursor.version) {
            if let Some(clear) = cleared.take_if(|clear| clear.version <= version) {
                changes.push(Change {
                    version: clear.version,
                    by: clear.author.user.clone(),
                    kind: ChangeKind::Clear,
                });
            }
            if view.shows(name) {
                changes.push(Change { version, by: author.user.clone(), kind: kind_of(name, slot) });
            }
        }
        if let Some(clear) = cleared {
            changes.push(Change {
                version: clear.version,
                by: clear.author.user.clone(),
                kind: ChangeKind::Clear,
            });
        }
        let skipped = self.skipped(Some(cursor));
        Diff { object: self.name.clone(), from: cursor.version, to: self.contents.version, changes, skipped }
    }

    fn snapshot(&self, skipped: u64, view: &View) -> Vec<Event> {
        let part = |slots, more| {
            let object = self.name.clone();
            let Contents { epoch, version, sends, .. } = self.contents;
            Event::Snapshot(Snapshot {
                object,
                epoch,
                version,
                sends,
                slots,
                more,
                skipped: if more { 0 } else { skipped },
                part: 1,
                parts: 1,
            })
        };
        let (mut parts, mut slots, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (name, slot) in self.contents.slots.iter().filter(|(name, _)| view.shows(name)) {
            bytes += name.as_str().len() + slot.value.bytes().len();
            if bytes > PART_BYTES && !slots.is_empty() {
                parts.push(part(std::mem::take(&mut slots), true));
                bytes = 0;
            }
            slots.push(record(name, slot));
        }
        parts.push(part(slots, false));
        number_parts(&mut parts);
        parts
    }
}

fn number_parts(events: &mut [Event]) {
    let count = events.len() as u64;
    for (event, number) in events.iter_mut().zip(1..) {
        if let Event::Snapshot(snapshot) = event {
            (snapshot.part, snapshot.parts) = (number, count);
        }
    }
}

fn kind_of(name: &slotcast_protocol::SlotName, slot: Option<&Slot>) -> ChangeKind {
    match slot {
        Some(slot) => ChangeKind::Set { slot: name.clone(), value: slot.value.clone() },
        None => ChangeKind::Delete { slot: name.clone() },
    }
}
