//! What of an object outlives its followers, and how a commit that was logged is done to it again.

use std::sync::Arc;

use slotcast_protocol::{Code, Fault, Record, SlotName, Value};

use crate::answers::Answers;
use crate::commit::Commit;
use crate::ids::Author;
use crate::slots::{Slot, Slots, record};
use crate::write::Accepted;

/// The state of an object: what its followers see, and the answers that make retries harmless.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    pub(crate) epoch: u64,
    pub(crate) version: u64,
    pub(crate) sends: u64,
    pub(crate) slots: Slots,
    pub(crate) answers: Answers,
}

impl Contents {
    /// An object at version 0.
    pub fn new(epoch: u64) -> Self {
        Contents { epoch, ..Contents::default() }
    }

    /// Its incarnation.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Another incarnation with the same slots: no cursor of the old one leads on from here.
    pub fn begin_anew(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The number of its last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Sends so far.
    pub fn sends(&self) -> u64 {
        self.sends
    }

    /// Whether nothing has ever happened to it, so that there is nothing to keep.
    pub fn is_blank(&self) -> bool {
        self.version == 0 && self.sends == 0 && self.answers.is_empty()
    }

    /// Does a commit that was logged once more. `resync_depth` and `inflight` are those of the object's kind and of the limits; a fault
    /// means that the commit does not follow from what is there.
    pub fn replay(&mut self, commit: &Commit, resync_depth: u64, inflight: usize) -> Result<(), Fault> {
        let moved = u64::from(!commit.changes.is_empty());
        if commit.epoch != self.epoch || Some(commit.version) != self.version.checked_add(moved) {
            let (epoch, version) = (self.epoch, self.version);
            let (then, at) = (commit.epoch, commit.version);
            let what = format!("version {at} of epoch {then} does not follow {version} of {epoch}");
            return Err(Fault::new(Code::BadField, what));
        }
        if moved > 0 {
            let accepted = Accepted::again(&self.slots, commit)?;
            accepted.commit(&mut self.slots, commit.version, &commit.author);
            self.version = commit.version;
            self.slots.forget(self.version, resync_depth);
        }
        self.sends = commit.sends;
        if let Some(answer) = &commit.answer {
            self.answers.keep(&commit.author, commit.id, answer.clone(), commit.at_ms, inflight);
        }
        Ok(())
    }

    /// All slots, in the order of their names.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.slots.iter().map(|(name, slot)| record(name, slot))
    }

    /// The slots that do not belong to sessions, in the order of their names.
    pub fn lasting_records(&self) -> impl Iterator<Item = Record> + '_ {
        let lasting =
            self.slots.iter().filter(|(name, slot)| name.status_of().is_none() && slot.tied_to.is_none());
        lasting.map(|(name, slot)| record(name, slot))
    }

    /// When a slot's time is over, in ms of the Unix clock; None if it has none.
    pub fn expires_ms(&self, slot: &SlotName) -> Option<u64> {
        self.slots.get(slot)?.expires_ms
    }

    /// Puts a slot as if it had been written by `author` as the next version.
    pub fn import(&mut self, slot: SlotName, value: Value, author: Arc<Author>, expires_ms: Option<u64>) {
        self.version += 1;
        let version = self.version;
        let slot_now = Slot { value, version, author, by_another: 0, expires_ms, tied_to: None };
        self.slots.put(slot, slot_now);
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        const SLOT: usize = 320;
        const ANSWER: usize = 96;
        self.slots.bytes() + self.slots.count() * SLOT + self.answers.len() * ANSWER + 512
    }
}
