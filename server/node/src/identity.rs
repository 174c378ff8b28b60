//! Who is there: one live connection per user, device and door, and not too many of one user.

use std::sync::Arc;

use dashmap::DashMap;
use slotcast_protocol::{Device, Door, User};
use slotcast_state::{Author, SessionId};

/// All sessions of the server.
pub struct Identities {
    sessions_per_user: usize,
    objects: Present,
    relay: Present,
}

/// The sessions on one door. A map for each door, as its name in every key would cost every session 8 bytes, twice.
#[derive(Default)]
struct Present {
    live: DashMap<Arc<Author>, SessionId>,
    per_user: DashMap<User, usize>,
}

impl Identities {
    pub fn new(sessions_per_user: usize) -> Self {
        Identities { sessions_per_user, objects: Present::default(), relay: Present::default() }
    }

    /// Counts a new session of the user on a door; false if there are too many.
    pub fn admit(&self, user: &User, door: Door) -> bool {
        let mut count = self.at(door).per_user.entry(user.clone()).or_insert(0);
        let free = *count < self.sessions_per_user;
        *count += usize::from(free);
        free
    }

    /// Makes the session its author's live one on a door; the one before it.
    pub fn enter(&self, (author, door): (Arc<Author>, Door), session: SessionId) -> Option<SessionId> {
        self.at(door).live.insert(author, session)
    }

    /// The session has ended.
    pub fn leave(&self, (author, door): (&Arc<Author>, Door), session: SessionId) {
        self.at(door).live.remove_if(author, |_, live| *live == session);
        self.dismiss(&author.user, door);
    }

    /// Takes back an [`Identities::admit`].
    pub fn dismiss(&self, user: &User, door: Door) {
        let per_user = &self.at(door).per_user;
        if let Some(mut count) = per_user.get_mut(user) {
            *count -= 1;
        }
        per_user.remove_if(user, |_, count| *count == 0);
    }

    fn at(&self, door: Door) -> &Present {
        match door {
            Door::Objects => &self.objects,
            Door::Relay => &self.relay,
        }
    }
}

/// A device id for a client that brought none.
pub fn fresh_device(session: u64, now_ms: u64) -> Device {
    Device::parse(&format!("d{now_ms:x}-{session:x}")).expect("hex digits make a good name")
}
