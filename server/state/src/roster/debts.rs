//! Owners whose other sides are still to hear something, and when they are told again.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::User;

/// From one telling to the next, in ms.
const AGAIN_MS: u64 = 5_000;

#[derive(Debug, Default)]
pub(crate) struct Debts {
    by_owner: BTreeMap<User, u64>,
    by_time: BTreeSet<(u64, User)>,
}

impl Debts {
    /// Whether the owner owes something, as of now.
    pub fn note(&mut self, owner: &User, owes: bool, now_ms: u64) {
        match (self.by_owner.get(owner), owes) {
            (None, true) => {
                let at_ms = now_ms + AGAIN_MS;
                self.by_owner.insert(owner.clone(), at_ms);
                self.by_time.insert((at_ms, owner.clone()));
            }
            (Some(at_ms), false) => {
                self.by_time.remove(&(*at_ms, owner.clone()));
                self.by_owner.remove(owner);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The next one whose time has come; no debtor any more until noted again.
    pub fn due(&mut self, now_ms: u64) -> Option<User> {
        self.by_time.first().filter(|(at_ms, _)| *at_ms <= now_ms)?;
        let (_, owner) = self.by_time.pop_first()?;
        self.by_owner.remove(&owner);
        Some(owner)
    }

    /// When someone's time comes, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        self.by_time.first().map(|(at_ms, _)| *at_ms)
    }
}
