//! Brings any cursor up to date: a late joiner's, a resumed page's, a slow follower's. One diff from the slots that are newer, or,
//! for another epoch or past what is remembered of deletions, a snapshot.

use std::sync::Arc;

use slotcast_protocol::{Change, ChangeKind, Cursor, Diff, Event, ObjectName, Record, Snapshot};

use crate::contents::Contents;
use crate::followers::{Audience, View};
use crate::ids::ChannelId;
use crate::object::{Moment, Object};
use crate::ring::Mark;
use crate::slots::{Slot, record};
use crate::starts::{Starts, Told, Way};
use crate::whole::Whole;

impl Object {
    /// What leads from `cursor` to the present: the parts that are shared, if the object is large, and the events behind them.
    pub(crate) fn catch_up(
        &mut self,
        (channel, cursor): (ChannelId, Option<Cursor>),
        audience: &Audience,
        moment: &Moment<'_>,
        starts: &mut Starts,
    ) -> (Option<Arc<Whole>>, Arc<Told>) {
        let way = Way { channel, from: cursor, to: self.mark(), whole: None };
        let usable = cursor.filter(|cursor| {
            cursor.epoch == self.contents.epoch
                && cursor.version <= self.contents.version
                && cursor.version >= self.contents.slots.floor()
        });
        match usable {
            Some(cursor) => {
                let diff = || Event::Diff(self.contents.diff_since(&self.name, cursor, &audience.view));
                (None, starts.find_or_make(way, moment.now_ms, diff))
            }
            None => self.snapshot(way, audience, moment, starts),
        }
    }

    /// The answer to one who gets the rest from a ring.
    pub(crate) fn nothing_since(&self, version: u64) -> Event {
        let (object, changes) = (self.name.clone(), Vec::new());
        Event::Diff(Diff { object, from: version, to: version, changes, skipped: 0 })
    }

    /// In parts from a whole that someone else has been given, if there is one and not too much has changed since; else anew.
    fn snapshot(
        &mut self,
        way: Way,
        audience: &Audience,
        moment: &Moment<'_>,
        starts: &mut Starts,
    ) -> (Option<Arc<Whole>>, Arc<Told>) {
        let (view, part_bytes, now_ms) = (&audience.view, moment.limits.part_bytes, moment.now_ms);
        let skipped = self.contents.skipped(way.from);
        if let Some(whole) = self.wholes.find(audience, now_ms) {
            let way = Way { whole: Some(whole.mark()), ..way.clone() };
            let told = starts.find(&way).or_else(|| {
                let changed = self.changed_since(&whole, view, part_bytes)?;
                Some(starts.keep(way, now_ms, self.last_part(&whole, changed, skipped)))
            });
            if let Some(told) = told {
                return (Some(whole), told);
            }
        }
        if let Some(told) = starts.find(&way) {
            return (None, told);
        }
        let (mut parts, bytes) = self.records_in_parts(view, part_bytes);
        if parts.len() == 1 {
            let slots = parts.pop().expect("there is one");
            let told = starts.keep(way, now_ms, self.part(slots, self.mark(), 1, 1, skipped));
            return (None, told);
        }
        let count = parts.len() as u64 + 1;
        let parts = parts.into_iter().zip(1..);
        let parts = parts.map(|(slots, number)| self.part(slots, self.mark(), number, count, 0)).collect();
        let whole = Arc::new(Whole::new(self.mark(), bytes, parts));
        self.wholes.keep(audience.clone(), whole.clone(), now_ms);
        let way = Way { whole: Some(whole.mark()), ..way };
        let told = starts.keep(way, now_ms, self.last_part(&whole, Vec::new(), skipped));
        (Some(whole), told)
    }

    /// The last part leads from the whole to the present.
    fn last_part(&self, whole: &Whole, changed: Vec<Record>, skipped: u64) -> Event {
        let count = whole.parts().len() as u64 + 1;
        self.part(changed, self.mark(), count, count, skipped)
    }

    fn part(&self, slots: Vec<Record>, mark: Mark, part: u64, parts: u64, skipped: u64) -> Event {
        let (object, epoch, Mark { version, sends }) = (self.name.clone(), self.contents.epoch, mark);
        let more = part < parts;
        Event::Snapshot(Snapshot { object, epoch, version, sends, slots, more, skipped, part, parts })
    }

    /// The slots in view that have changed since the whole was made, as they are now. None if they are more than a part holds or a quarter of
    /// the whole, or if it is no longer known which they are: then the whole is to be made anew.
    fn changed_since(&self, whole: &Whole, view: &View, part_bytes: usize) -> Option<Vec<Record>> {
        let (slots, Mark { version, .. }) = (&self.contents.slots, whole.mark());
        if version < slots.floor() || slots.cleared().is_some_and(|cleared| cleared.version > version) {
            return None;
        }
        let (mut changed, mut bytes) = (Vec::new(), 0);
        let bytes_max = part_bytes.min(whole.bytes() / 4);
        for (name, version, author, slot) in slots.since(version).filter(|(name, ..)| view.shows(name)) {
            let (by, value) = (author.user.clone(), slot.map(|slot| slot.value.clone()));
            bytes += name.as_str().len() + value.as_ref().map_or(0, |value| value.bytes().len());
            if bytes > bytes_max {
                return None;
            }
            changed.push(Record { slot: name.clone(), version, by, value });
        }
        Some(changed)
    }

    /// The slots in view, and their bytes. No part is empty, but for the only one.
    fn records_in_parts(&self, view: &View, part_bytes: usize) -> (Vec<Vec<Record>>, usize) {
        let (mut parts, mut filled, mut total) = (vec![Vec::new()], 0, 0);
        for (name, slot) in self.contents.slots.iter().filter(|(name, _)| view.shows(name)) {
            let bytes = name.as_str().len() + slot.value.bytes().len();
            (filled, total) = (filled + bytes, total + bytes);
            let mut part = parts.last_mut().expect("there is always one");
            if filled > part_bytes && !part.is_empty() {
                parts.push(Vec::new());
                (part, filled) = (parts.last_mut().expect("it was just put there"), bytes);
            }
            part.push(record(name, slot));
        }
        (parts, total)
    }
}

impl Contents {
    /// Sends that whoever holds the cursor will not get.
    pub(crate) fn skipped(&self, cursor: Option<Cursor>) -> u64 {
        let of_this_epoch = cursor.filter(|cursor| cursor.epoch == self.epoch);
        let sends = of_this_epoch.and_then(|cursor| cursor.sends);
        sends.map_or(0, |sends| self.sends.saturating_sub(sends))
    }

    /// One diff from the slots that are newer than the cursor, which is of this epoch and not past what is remembered.
    pub(crate) fn diff_since(&self, object: &ObjectName, cursor: Cursor, view: &View) -> Diff {
        let mut changes = Vec::new();
        let mut cleared = self.slots.cleared().filter(|cleared| cleared.version > cursor.version);
        for (name, version, author, slot) in self.slots.since(cursor.version) {
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
        Diff { object: object.clone(), from: cursor.version, to: self.version, changes, skipped }
    }
}

fn kind_of(name: &slotcast_protocol::SlotName, slot: Option<&Slot>) -> ChangeKind {
    match slot {
        Some(slot) => ChangeKind::Set { slot: name.clone(), value: slot.value.clone() },
        None => ChangeKind::Delete { slot: name.clone() },
    }
}
