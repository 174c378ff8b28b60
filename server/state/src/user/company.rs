//! What decides about messages and is kept outside the homes, so that it is there whether a home is in memory or not: which objects each user uses at
//! this moment, and the users' own lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{ObjectName, User};

use crate::ids::SessionId;
use crate::user::policy::Relations;

/// Bounded by the sessions and by the objects that each may use, and by the lists that there are.
#[derive(Default)]
pub(crate) struct Company {
    uses: BTreeMap<User, BTreeMap<ObjectName, BTreeSet<SessionId>>>,
    relations: BTreeMap<User, Arc<Relations>>,
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

    pub fn relate(&mut self, user: User, relations: Arc<Relations>) {
        self.relations.insert(user, relations);
    }

    pub fn relations(&self, user: &User) -> Arc<Relations> {
        self.relations.get(user).cloned().unwrap_or_default()
    }
}
