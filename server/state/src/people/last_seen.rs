//! When users who have left were seen last; of too many the one that left first is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::{State, Status, User};

pub(super) struct LastSeen {
    users_max: usize,
    at_ms: BTreeMap<User, u64>,
    /// In the order of their leaving; whoever leaves again and again takes no one else's place.
    order: BTreeSet<(u64, User)>,
}

impl LastSeen {
    pub fn new(users_max: usize) -> Self {
        LastSeen { users_max, at_ms: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// The user was there until now.
    pub fn note(&mut self, user: &User, now_ms: u64) {
        let before = self.at_ms.insert(user.clone(), now_ms);
        before.map(|at_ms| self.order.remove(&(at_ms, user.clone())));
        self.order.insert((now_ms, user.clone()));
        while self.order.len() > self.users_max {
            let Some((_, user)) = self.order.pop_first() else { return };
            self.at_ms.remove(&user);
        }
    }

    /// Of one who has left, if it is remembered.
    pub fn status(&self, user: &User) -> Option<Status> {
        let since_ms = Some(*self.at_ms.get(user)?);
        Some(Status { state: State::Offline, body: None, since_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ones_are_remembered() {
        let user = |name: &str| User::parse(name).expect("a good user");
        let mut seen = LastSeen::new(2);
        for (name, at_ms) in [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("c", 5), ("c", 6)] {
            seen.note(&user(name), at_ms);
        }
        let since = |name: &str| seen.status(&user(name)).and_then(|status| status.since_ms);
        assert_eq!((since("a"), since("b"), since("c")), (Some(3), None, Some(6)));
    }
}
