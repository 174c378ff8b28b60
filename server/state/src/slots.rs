//! The slots of one object, in the order of their names and in the order of their last changes, with the deletions that are
//! still remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{Record, SlotName, Value};

use crate::ids::{Author, SessionId};

/// A slot that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub value: Value,
    pub version: u64,
    pub author: Arc<Author>,
    /// The version of the newest change by anyone but `author`; [`Slots::put`] knows it.
    pub by_another: u64,
    pub expires_ms: Option<u64>,
    pub tied_to: Option<SessionId>,
}

/// A slot that was deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tombstone {
    pub version: u64,
    pub author: Arc<Author>,
    pub by_another: u64,
}

/// A `clear`, which stands for the tombstones of all slots that it met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cleared {
    pub version: u64,
    pub author: Arc<Author>,
}

/// Every slot and tombstone is in `by_version` once, under the version of its last change.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Slots {
    present: BTreeMap<SlotName, Slot>,
    gone: BTreeMap<SlotName, Tombstone>,
    by_version: BTreeSet<(u64, SlotName)>,
    gone_by_version: BTreeSet<(u64, SlotName)>,
    expiries: BTreeSet<(u64, SlotName)>,
    cleared: Option<Cleared>,
    /// The version of the newest deletion that was forgotten.
    floor: u64,
    bytes: usize,
}

impl Slots {
    pub fn get(&self, slot: &SlotName) -> Option<&Slot> {
        self.present.get(slot)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&SlotName, &Slot)> {
        self.present.iter()
    }

    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// The deletions that are remembered.
    pub fn gone(&self) -> impl Iterator<Item = (&SlotName, &Tombstone)> {
        self.gone.iter()
    }

    /// Slots and deletions.
    pub fn count(&self) -> usize {
        self.by_version.len()
    }

    /// Bytes of names and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn cleared(&self) -> Option<&Cleared> {
        self.cleared.as_ref()
    }

    /// A cursor below this cannot be brought up to date by a diff: deletions are missing from it.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    pub fn next_expiry(&self) -> Option<u64> {
        self.expiries.first().map(|(at, _)| *at)
    }

    pub fn expired(&self, now_ms: u64) -> Vec<SlotName> {
        self.expiries.iter().take_while(|(at, _)| *at <= now_ms).map(|(_, slot)| slot.clone()).collect()
    }

    /// What may not outlive the sessions that made it.
    pub fn of_sessions(&self) -> Vec<SlotName> {
        let bound =
            self.present.iter().filter(|(name, slot)| name.status_of().is_some() || slot.tied_to.is_some());
        bound.map(|(name, _)| name.clone()).collect()
    }

    pub fn tied_to(&self, session: SessionId) -> Vec<SlotName> {
        let tied = self.present.iter().filter(|(_, slot)| slot.tied_to == Some(session));
        tied.map(|(name, _)| name.clone()).collect()
    }

    /// The version that an `if` compares with: 0 for what is not there.
    pub fn version_of(&self, slot: &SlotName) -> u64 {
        self.present.get(slot).map_or(0, |slot| slot.version)
    }

    /// The slot as it is, for winners and snapshots.
    pub fn record(&self, name: &SlotName) -> Record {
        if let Some(slot) = self.present.get(name) {
            return record(name, slot);
        }
        let gone = self.gone.get(name).map(|gone| (gone.version, &gone.author));
        let cleared = self.cleared.as_ref().filter(|_| name.status_of().is_none());
        let last = gone.or(cleared.map(|cleared| (cleared.version, &cleared.author)));
        let (version, by) =
            last.map_or((0, slotcast_protocol::User::server()), |(version, by)| (version, by.user.clone()));
        Record { slot: name.clone(), version, by, value: None }
    }

    /// Whether someone other than `author` changed the slot after `seen`. Where that is forgotten the answer is yes.
    pub fn changed_by_another(&self, slot: &SlotName, seen: u64, author: &Author) -> bool {
        self.newest_by_another(slot, author) > seen
    }

    /// The version of the newest change of a slot by anyone but `author`. A `clear` changes every slot, and what was before it
    /// no longer counts.
    fn newest_by_another(&self, slot: &SlotName, author: &Author) -> u64 {
        let newest =
            |version: u64, by: &Author, by_another: u64| if by == author { by_another } else { version };
        if let Some(present) = self.present.get(slot) {
            return newest(present.version, &present.author, present.by_another);
        }
        if let Some(gone) = self.gone.get(slot) {
            return newest(gone.version, &gone.author, gone.by_another);
        }
        let cleared = self.cleared.as_ref().filter(|_| slot.status_of().is_none());
        self.floor.max(cleared.map_or(0, |cleared| newest(cleared.version, &cleared.author, 0)))
    }

    /// What changed after `version`, oldest first; None as the slot where it was deleted.
    pub fn since(&self, version: u64) -> impl Iterator<Item = (&SlotName, u64, &Arc<Author>, Option<&Slot>)> {
        self.by_version.range((version + 1, SlotName::least())..).map(|(version, name)| {
            match self.present.get(name) {
                Some(slot) => (name, *version, &slot.author, Some(slot)),
                None => (name, *version, &self.gone[name].author, None),
            }
        })
    }

    /// Empty, with the memory of what was before; to be filled by [`Slots::restore`] and [`Slots::restore_gone`].
    pub fn restored(floor: u64, cleared: Option<Cleared>) -> Self {
        Slots { floor, cleared, ..Slots::default() }
    }

    pub fn put(&mut self, name: SlotName, mut slot: Slot) {
        slot.by_another = self.newest_by_another(&name, &slot.author);
        self.restore(name, slot);
    }

    /// Puts a slot just as it is.
    pub fn restore(&mut self, name: SlotName, slot: Slot) {
        self.take(&name);
        self.bytes += name.as_str().len() + slot.value.bytes().len();
        self.by_version.insert((slot.version, name.clone()));
        if let Some(at) = slot.expires_ms {
            self.expiries.insert((at, name.clone()));
        }
        self.present.insert(name, slot);
    }

    pub fn delete(&mut self, name: SlotName, version: u64, author: Arc<Author>) {
        let by_another = self.newest_by_another(&name, &author);
        self.restore_gone(name, Tombstone { version, author, by_another });
    }

    /// Puts a deletion just as it is.
    pub fn restore_gone(&mut self, name: SlotName, gone: Tombstone) {
        self.take(&name);
        self.by_version.insert((gone.version, name.clone()));
        self.gone_by_version.insert((gone.version, name.clone()));
        self.gone.insert(name, gone);
    }

    /// All but status slots go, and with them the tombstones that the clear makes needless.
    pub fn clear(&mut self, version: u64, author: Arc<Author>) {
        let names = self.present.keys().chain(self.gone.keys());
        let names: Vec<_> = names.filter(|name| name.status_of().is_none()).cloned().collect();
        names.iter().for_each(|name| self.take(name));
        self.cleared = Some(Cleared { version, author });
    }

    /// Forgets the deletions that are more than `depth` versions old.
    pub fn forget(&mut self, version: u64, depth: u64) {
        while let Some((deleted_at, _)) = self.gone_by_version.first()
            && deleted_at.saturating_add(depth) < version
        {
            let (deleted_at, name) = self.gone_by_version.pop_first().expect("there is a first");
            self.by_version.remove(&(deleted_at, name.clone()));
            self.gone.remove(&name);
            self.floor = deleted_at;
        }
    }

    fn take(&mut self, name: &SlotName) {
        if let Some(slot) = self.present.remove(name) {
            self.bytes -= name.as_str().len() + slot.value.bytes().len();
            self.by_version.remove(&(slot.version, name.clone()));
            if let Some(at) = slot.expires_ms {
                self.expiries.remove(&(at, name.clone()));
            }
        } else if let Some(gone) = self.gone.remove(name) {
            self.by_version.remove(&(gone.version, name.clone()));
            self.gone_by_version.remove(&(gone.version, name.clone()));
        }
    }
}

/// A slot as a record.
pub(crate) fn record(name: &SlotName, slot: &Slot) -> Record {
    let (version, by) = (slot.version, slot.author.user.clone());
    Record { slot: name.clone(), version, by, value: Some(slot.value.clone()) }
}
