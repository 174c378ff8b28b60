//! How an object, a user or a roster in memory stands to the store: whether that has all of it, and whether it is about to leave memory.

use crate::effects::Stored;
use crate::idle::{Idle, Place};
use crate::name::Name;

#[derive(Debug, Default)]
pub(crate) struct Keeping {
    /// Its place among the idle.
    place: Option<Place>,
    /// It is to leave memory when the store has it.
    leaving: bool,
    /// It holds more than was last handed to the store.
    dirty: bool,
    /// So often it was handed to the store, which has not yet said that it has it.
    storing: u32,
}

impl Keeping {
    /// Something has happened to it that the store must have.
    pub fn change(&mut self) {
        self.dirty = true;
    }

    /// Whether the store has all of it.
    pub fn is_stored(&self) -> bool {
        !self.dirty && self.storing == 0
    }

    /// Whether it is to leave memory.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// All of it, for the store; None if the store has it or is being told.
    pub fn store(
        &mut self,
        name: impl FnOnce() -> Name,
        contents: impl FnOnce() -> Vec<u8>,
    ) -> Option<Stored> {
        let dirty = std::mem::take(&mut self.dirty);
        self.storing += u32::from(dirty);
        dirty.then(|| Stored { name: name(), contents: contents() })
    }

    /// What happens after it was handed to the store in the same turn is in the same batch, and before it: so it must be in it.
    pub fn store_again(&mut self, stored: Option<&mut Stored>, contents: impl FnOnce() -> Vec<u8>) {
        if let Some(stored) = stored.filter(|_| self.dirty) {
            stored.contents = contents();
            self.dirty = false;
        }
    }

    /// The store has what it was handed first of all that it has not confirmed.
    pub fn kept(&mut self) {
        self.storing = self.storing.saturating_sub(1);
    }

    /// Someone needs it.
    pub fn stay(&mut self) {
        self.leaving = false;
    }

    /// It has its place in the queue while it is idle; the caller says under which name and how heavy it is.
    pub fn settle(&mut self, is_idle: bool, idle: &mut Idle, entry: impl FnOnce() -> (Name, usize)) {
        match (is_idle, self.place) {
            (true, None) => {
                let (name, weight) = entry();
                self.place = Some(idle.enter(name, weight));
            }
            (false, Some(place)) => {
                idle.leave(place);
                self.place = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Its turn has come to leave memory.
    pub fn leave(&mut self, idle: &mut Idle) {
        self.place.take().into_iter().for_each(|place| idle.leave(place));
        self.leaving = true;
    }
}
