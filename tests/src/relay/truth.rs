//! What has happened to every user, as the commits say: entries by incarnation and number, messages by who sent them, and a shadow that is kept
//! by the commits alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{Device, Limits, Matter, User};
use slotcast_state::{At, Author, Deed, Ending, Filed, Letter, Outcome, UserCommit, UserContents};

#[derive(Default)]
pub struct Truth {
    limits: Arc<Limits>,
    shadows: BTreeMap<User, UserContents>,
    /// Every entry that there ever was and no crash has taken.
    entries: BTreeMap<(User, u64, u64), Filed>,
    /// Where the messages are, by recipient and its incarnation, sender, id.
    messages: BTreeMap<(User, u64, Author, u64), At>,
    /// Messages that were refused: an answer that a crash has taken may be another one later.
    refused: BTreeSet<(Device, u64)>,
    /// Up to where some device has a user's inbox, and has been read, in this life of the server.
    reached: BTreeMap<User, u64>,
}

impl Truth {
    pub fn new(limits: Arc<Limits>) -> Truth {
        Truth { limits, ..Truth::default() }
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.shadows.keys()
    }

    pub fn shadow(&self, user: &User) -> Option<&UserContents> {
        self.shadows.get(user)
    }

    pub fn entry(&self, user: &User, epoch: u64, seq: u64) -> Option<&Filed> {
        self.entries.get(&(user.clone(), epoch, seq))
    }

    /// Those above `from`, up to `to`.
    pub fn between(&self, user: &User, epoch: u64, from: u64, to: u64) -> impl Iterator<Item = &Filed> {
        let key = |seq| (user.clone(), epoch, seq);
        self.entries.range(key(from + 1)..key((to + 1).max(from + 1))).map(|(_, filed)| filed)
    }

    /// Where a message lies in the recipient's inbox as it is now.
    pub fn message(&self, to: &User, from: &Author, id: u64) -> Option<(u64, At)> {
        let epoch = self.shadows.get(to)?.epoch();
        let from = Author { user: from.user.clone(), device: from.device.clone() };
        self.messages.get(&(to.clone(), epoch, from, id)).map(|at| (epoch, *at))
    }

    /// Whether a later receipt or `seen` about the same user has taken an entry's place.
    pub fn is_replaced(&self, user: &User, epoch: u64, filed: &Filed) -> bool {
        let about = |matter: &Matter| match matter {
            Matter::Receipt { user, .. } => Some((false, user.clone())),
            Matter::Seen { user, .. } => Some((true, user.clone())),
            Matter::Message { .. } | Matter::Copy { .. } => None,
        };
        let own = about(&filed.entry.matter);
        let mut later = self.between(user, epoch, filed.entry.seq, u64::MAX - 1);
        own.is_some() && later.any(|other| about(&other.entry.matter) == own)
    }

    /// A home writes to another.
    pub fn written(&mut self, letter: &Letter) {
        if let Letter::Told { device, id, ending: Ending::NotNow(_) | Ending::Final(Outcome::Refused(_)) } =
            letter
        {
            self.refused.insert((device.clone(), *id));
        }
    }

    /// Whether a message was ever refused.
    pub fn was_refused(&self, device: &Device, id: u64) -> bool {
        self.refused.contains(&(device.clone(), id))
    }

    /// A shard says that this has happened.
    pub fn committed(&mut self, commit: &UserCommit) -> Result<(), String> {
        let UserCommit { user, epoch, deed, .. } = commit;
        let filed = match deed {
            Deed::Filed(filed) => Some(filed.clone()),
            Deed::Told { device, copy, .. } => {
                copy.clone().map(|entry| Filed { entry, device: Some(device.clone()) })
            }
            Deed::Reached { seq, .. } => {
                let reached = self.reached.entry(user.clone()).or_default();
                *reached = (*reached).max(*seq);
                None
            }
        };
        if let Some(filed) = filed {
            self.filed(user, *epoch, filed)?;
        }
        let shadow = self.shadows.entry(user.clone()).or_insert_with(|| UserContents::new(*epoch));
        if shadow.epoch() != *epoch {
            *shadow = UserContents::new(*epoch);
        }
        shadow.apply(commit, &self.limits).map_err(|fault| format!("{user}: {fault}"))?;
        match shadow.entries().len() {
            many if many > self.limits.inbox_messages => Err(format!("{user} has {many} entries")),
            _some => Ok(()),
        }
    }

    fn filed(&mut self, user: &User, epoch: u64, filed: Filed) -> Result<(), String> {
        let (seq, time_ms) = (filed.entry.seq, filed.entry.time_ms);
        match (&filed.entry.matter, &filed.device) {
            (Matter::Message { from, id, .. }, Some(device)) => {
                let author = Author { user: from.clone(), device: device.clone() };
                let key = (user.clone(), epoch, author, *id);
                if let Some(before) = self.messages.insert(key, At { seq, time_ms }) {
                    return Err(format!("{from}'s {id} is stored twice for {user}: {before:?} and {seq}"));
                }
            }
            (Matter::Receipt { user: by, delivered, read }, _) => {
                let reached = self.reached.get(by).copied().unwrap_or(0);
                if *delivered > reached.max(*read) {
                    return Err(format!("a receipt of {by} for {delivered}, and he has {reached}"));
                }
            }
            (Matter::Seen { read, .. }, _) => {
                let reached = self.reached.entry(user.clone()).or_default();
                *reached = (*reached).max(*read);
            }
            (Matter::Message { .. } | Matter::Copy { .. }, _) => {}
        }
        let before = self.entries.insert((user.clone(), epoch, seq), filed);
        before.map_or(Ok(()), |before| Err(format!("{user}: entry {seq} is there twice: {before:?}")))
    }

    /// What a store has of a user is the user.
    pub fn stands(&self, user: &User, contents: &UserContents) -> Result<(), String> {
        match self.shadows.get(user) {
            Some(shadow) if shadow == contents => Ok(()),
            Some(shadow) => Err(format!("{user} is stored as {contents:?}, not {shadow:?}")),
            None => Err(format!("{user} is stored, and nothing has happened to them")),
        }
    }

    /// The server has crashed; these are left, and the others begin anew.
    pub fn crash(&mut self, survivors: BTreeMap<User, UserContents>) -> Result<(), String> {
        for (user, left) in &survivors {
            let shadow = self.shadows.get(user).ok_or_else(|| format!("{user} is left and never was"))?;
            if shadow.epoch() != left.epoch() || shadow.last() < left.last() {
                return Err(format!("more is left of {user} than there was"));
            }
            let end = (user.clone(), left.epoch(), left.last());
            self.entries.retain(|key, _| (&key.0, key.1) != (user, left.epoch()) || *key <= end);
            self.messages.retain(|key, at| (&key.0, key.1) != (user, left.epoch()) || at.seq <= left.last());
        }
        self.shadows = survivors;
        Ok(())
    }
}
