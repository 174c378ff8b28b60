//! Revoking edits that are done and may not be called so yet: some home can still say yes.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::User;
use slotcast_protocol::roster::Mark;

use crate::roster::lease::HomeId;

/// One of them.
#[derive(Debug)]
pub(crate) struct Wait {
    pub ticket: u64,
    /// How far the list must be wherever it is served.
    pub mark: Mark,
    /// Those that may serve an older one.
    pub homes: BTreeSet<HomeId>,
    /// Others, of an earlier run, may do so until then.
    pub until_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Waits(BTreeMap<User, Vec<Wait>>);

impl Waits {
    pub fn push(&mut self, owner: &User, wait: Wait) {
        self.0.entry(owner.clone()).or_default().push(wait);
    }

    /// How many there are of an owner.
    pub fn count(&self, owner: &User) -> usize {
        self.0.get(owner).map_or(0, Vec::len)
    }

    pub fn owners(&self) -> Vec<User> {
        self.0.keys().cloned().collect()
    }

    /// After `change`, those of the owner that have nothing to wait for any more.
    pub fn finish(&mut self, owner: &User, now_ms: u64, change: impl FnMut(&mut Wait)) -> Vec<Wait> {
        let Some(waits) = self.0.get_mut(owner) else { return Vec::new() };
        waits.iter_mut().for_each(change);
        let is_over = |wait: &mut Wait| wait.homes.is_empty() && wait.until_ms <= now_ms;
        let finished = waits.extract_if(.., is_over).collect();
        if waits.is_empty() {
            self.0.remove(owner);
        }
        finished
    }

    /// When one of them may be over by itself, in ms.
    pub fn next_deadline(&self, now_ms: u64) -> Option<u64> {
        self.0.values().flatten().map(|wait| wait.until_ms).filter(|until_ms| *until_ms > now_ms).min()
    }
}
