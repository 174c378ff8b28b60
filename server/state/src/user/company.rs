//! Which objects each user uses at this moment. It is kept outside the homes, so that it is there whether a home is in memory or not.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::{ObjectName, User};

use crate::ids::SessionId;

/// Bounded by the sessions and by the objects that each may use.
#[derive(Default)]
pub(crate) struct Company {
    uses: BTreeMap<User, BTreeMap<ObjectName, BTreeSet<SessionId>>>,
}

impl Company {
    pub fn join(&mut self, user: &User, object: ObjectName, session: SessionId) {
        self.uses.entry(user.clone()).or_default().entry(object).or_default().insert(session);
    }

    pub fn leave(&mut self, user: &User, object: &ObjectName, session: SessionId) {
        let Some(objects) = self.uses.get_mut(user) else { return };
        let Some(sessions) = objects.get_mut(object) else { return };
        sessions.remove(&session);
        if sessions.is_empty() {
            objects.remove(object);
        }
        if objects.is_empty() {
            self.uses.remove(user);
        }
    }

    /// The objects that the user uses.
    pub fn of(&self, user: &User) -> BTreeSet<ObjectName> {
        self.uses.get(user).map_or_else(BTreeSet::new, |objects| objects.keys().cloned().collect())
    }
}
