//! The recent changes of a list: whom they were about, so that a client that was away is told of these people alone.

use std::collections::{BTreeSet, VecDeque};

use slotcast_protocol::User;

/// Changes that are remembered; older ones are forgotten.
const CHANGES_MAX: usize = 1_000;

/// So long, in ms: 30 days.
const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// Rev, ms, who; the revs have no gap.
    changes: VecDeque<(u64, u64, Vec<User>)>,
}

impl Log {
    /// Adds the change that made `rev`.
    pub fn push(&mut self, rev: u64, at_ms: u64, users: Vec<User>) {
        self.changes.push_back((rev, at_ms, users));
        while self.changes.len() > CHANGES_MAX || self.is_old(at_ms) {
            self.changes.pop_front();
        }
    }

    /// Rev, ms, who; the oldest first.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = &(u64, u64, Vec<User>)> {
        self.changes.iter()
    }

    pub fn clear(&mut self) {
        self.changes.clear();
    }

    /// Whom the changes after `rev` were about; None if they are not all remembered. `now` is the newest rev.
    pub fn since(&self, rev: u64, now: u64) -> Option<BTreeSet<&User>> {
        let missing = now.checked_sub(rev)? as usize;
        let first = self.changes.len().checked_sub(missing)?;
        Some(self.changes.range(first..).flat_map(|(_, _, users)| users).collect())
    }

    fn is_old(&self, now_ms: u64) -> bool {
        self.changes.front().is_some_and(|(_, at_ms, _)| at_ms.saturating_add(KEPT_MS) < now_ms)
    }
}
