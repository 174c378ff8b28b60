//! The stored objects that nobody follows and that are still in memory. When they are too many bytes, the one that was left first goes
//! first.

use std::collections::BTreeMap;

use slotcast_protocol::ObjectName;

/// An object's place in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: u64,
    bytes: usize,
}

#[derive(Default)]
pub(crate) struct Idle {
    queue: BTreeMap<u64, ObjectName>,
    next: u64,
    bytes: usize,
}

impl Idle {
    pub fn enter(&mut self, object: ObjectName, bytes: usize) -> Place {
        self.next += 1;
        self.bytes += bytes;
        self.queue.insert(self.next, object);
        Place { number: self.next, bytes }
    }

    pub fn leave(&mut self, place: Place) {
        if self.queue.remove(&place.number).is_some() {
            self.bytes -= place.bytes;
        }
    }

    /// Who is to go, if there is more than `bytes_max`. Whoever is asked for must [`Idle::leave`].
    pub fn first_over(&self, bytes_max: usize) -> Option<&ObjectName> {
        self.queue.values().next().filter(|_| self.bytes > bytes_max)
    }
}
