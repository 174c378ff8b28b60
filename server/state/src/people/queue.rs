//! Users whose statuses are to be passed on: each once, with the newest there is when its turn comes, and no more letters a second than the limit
//! says.

use std::collections::{BTreeSet, VecDeque};

use slotcast_protocol::User;

/// Letters that may be written at once are those of so many ms; a user with many friends may pass it once.
const BURST_MS: u64 = 20;

pub(super) struct Queue {
    users: VecDeque<User>,
    queued: BTreeSet<User>,
    per_s: u64,
    /// Thousandths of a letter.
    left: i64,
    at_ms: u64,
}

impl Queue {
    pub fn new(per_s: usize) -> Self {
        let (users, queued) = (VecDeque::new(), BTreeSet::new());
        Queue { users, queued, per_s: per_s as u64, left: 0, at_ms: 0 }
    }

    /// At the end, unless the user is in it.
    pub fn push(&mut self, user: &User) {
        if self.queued.insert(user.clone()) {
            self.users.push_back(user.clone());
        }
    }

    /// The next one, if letters may be written now.
    pub fn pop(&mut self, now_ms: u64) -> Option<User> {
        if self.users.is_empty() {
            return None;
        }
        let back = now_ms.saturating_sub(self.at_ms).saturating_mul(self.per_s);
        let burst = (self.per_s * BURST_MS).max(1_000);
        self.left = self.left.saturating_add(back as i64).min(burst as i64);
        self.at_ms = now_ms;
        if self.left <= 0 {
            return None;
        }
        let user = self.users.pop_front()?;
        self.queued.remove(&user);
        // Looking is not for nothing either.
        self.left -= 1_000;
        Some(user)
    }

    /// So many letters were written.
    pub fn spent(&mut self, letters: usize) {
        self.left -= letters as i64 * 1_000;
    }

    /// When the next one may have its turn, in ms.
    pub fn next_ms(&self) -> Option<u64> {
        let missing = (1 - self.left).max(0) as u64;
        (!self.users.is_empty()).then(|| self.at_ms + missing.div_ceil(self.per_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_once_and_no_more_letters_than_the_rate() {
        let user = |number: usize| User::parse(&format!("u{number}")).expect("a good user");
        let mut queue = Queue::new(10_000);
        for number in (0..100).chain(0..100) {
            queue.push(&user(number));
        }
        let (mut now_ms, mut served) = (5_000, Vec::new());
        while let Some(at_ms) = queue.next_ms() {
            now_ms = at_ms.max(now_ms);
            let begun = served.len();
            while let Some(user) = queue.pop(now_ms) {
                queue.spent(99);
                served.push(user);
            }
            assert!(served.len() - begun <= 3, "a burst of 20 ms is 200 letters");
        }
        assert_eq!(served, (0..100).map(user).collect::<Vec<_>>());
        let least_ms = 100 * 100 / 10 - 40;
        assert!((least_ms..least_ms + 100).contains(&(now_ms - 5_000)), "{now_ms}");
    }
}
