//! The stored objects that nobody follows, and the users of whom no one is there, that are still in memory. When they are too many bytes, the one that was left
//! first goes first.

use std::collections::BTreeMap;

use crate::name::Name;

/// An object's or user's place in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: u64,
    bytes: usize,
}

#[derive(Default)]
pub(crate) struct Idle {
    queue: BTreeMap<u64, Name>,
    next: u64,
    bytes: usize,
}

impl Idle {
    pub fn enter(&mut self, name: Name, bytes: usize) -> Place {
        self.next += 1;
        self.bytes += bytes;
        self.queue.insert(self.next, name);
        Place { number: self.next, bytes }
    }

    pub fn leave(&mut self, place: Place) {
        if self.queue.remove(&place.number).is_some() {
            self.bytes -= place.bytes;
        }
    }

    /// Who is to go, if there is more than `bytes_max`. Whoever is asked for must [`Idle::leave`].
    pub fn first_over(&self, bytes_max: usize) -> Option<&Name> {
        self.queue.values().next().filter(|_| self.bytes > bytes_max)
    }
}
