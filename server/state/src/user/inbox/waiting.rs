//! How much waits in an inbox, and from whom.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;

use slotcast_protocol::User;

/// Messages that no device has acknowledged.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Waiting {
    pub count: usize,
    pub bytes: usize,
    pub by_sender: BTreeMap<User, usize>,
}

impl Waiting {
    pub fn add(&mut self, from: &User, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
        *self.by_sender.entry(from.clone()).or_default() += 1;
    }

    pub fn remove(&mut self, from: &User, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
        if let Place::Occupied(mut count) = self.by_sender.entry(from.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
