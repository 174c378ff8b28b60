//! A user's log of entries: one order, a number each, and what makes room for what.
//!
//! A message that no device has acknowledged is *waiting*: it stays until its days are over, and when those that wait fill the inbox their senders
//! are refused. All else makes room for what is new, the oldest first.

#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeMap;

use slotcast_protocol::{Code, Device, Entry, Fault, Limits, Matter, User};

use waiting::Waiting;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// bytes that an entry takes beside its names and body, about
const ENTRY_BYTES: usize = 64;

/// An entry, and the device that made it: the sender's of a message, the user's own of a copy or a `seen`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filed {
    pub entry: Entry,
    pub device: Option<Device>,
}

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inbox {
    entries: BTreeMap<u64, Filed>,
    last: u64,
    /// Some device has acknowledged everything up to here.
    delivered: u64,
    /// The highest number of those that had to make room.
    lost_to: u64,
    bytes: usize,
    waiting: Waiting,
    /// The one receipt and the one `seen` that there may be about a user.
    marks: BTreeMap<(bool, User), u64>,
}

impl Inbox {
    /// Without entries; to be filled by [`Inbox::restore`].
    pub fn restored(last: u64, delivered: u64, lost_to: u64) -> Self {
        Inbox { last, delivered, lost_to, ..Inbox::default() }
    }

    /// The number of the newest entry that there ever was.
    pub fn last(&self) -> u64 {
        self.last
    }

    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    pub fn lost_to(&self) -> u64 {
        self.lost_to
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Filed> {
        self.entries.values()
    }

    /// The first entry above `seq` that is for the device.
    pub fn next_for(&self, device: &Device, seq: u64) -> Option<&Filed> {
        self.entries.range(seq + 1..).map(|(_, filed)| filed).find(|filed| filed.is_for(device))
    }

    /// The receipt, or the `seen`, about a user.
    pub fn mark(&self, seen: bool, user: &User) -> Option<&Matter> {
        let seq = self.marks.get(&(seen, user.clone()))?;
        self.entries.get(seq).map(|filed| &filed.entry.matter)
    }

    /// Whether there is a message of a user's among the entries up to `seq`.
    pub fn has_from(&self, user: &User, seq: u64) -> bool {
        let is_from = |matter: &Matter| matches!(matter, Matter::Message { from, .. } if from == user);
        self.entries.range(..=seq).any(|(_, filed)| is_from(&filed.entry.matter))
    }

    /// Whether there is room for a message of so many bytes.
    pub fn room(&self, from: &User, bytes: usize, limits: &Limits) -> Result<(), Fault> {
        let full = |limit: &str| Err(Fault::new(Code::InboxFull, format!("to: {limit} is reached")));
        let of_sender = self.waiting.by_sender.get(from).copied().unwrap_or(0);
        match self {
            _ if of_sender >= limits.inbox_per_sender => full("inbox_per_sender"),
            _ if self.waiting.count >= limits.inbox_messages => full("inbox_messages"),
            _ if self.waiting.bytes + bytes + ENTRY_BYTES > limits.inbox_bytes => full("inbox_bytes"),
            _room => Ok(()),
        }
    }

    /// Puts an entry at the end; what is in its way goes.
    pub fn append(&mut self, filed: Filed, limits: &Limits) {
        if let Some(mark) = filed.mark()
            && let Some(before) = self.marks.get(&mark).copied()
        {
            self.remove(before);
        }
        self.last = filed.entry.seq;
        let now_ms = filed.entry.time_ms;
        self.restore(filed);
        self.forget(now_ms, limits);
        while self.entries.len() > limits.inbox_messages || self.bytes > limits.inbox_bytes {
            let first = self.entries.values().find(|filed| !self.waits(filed));
            let Some(seq) = first.map(|filed| filed.entry.seq) else { return };
            self.lose(seq);
        }
    }

    /// Puts an entry just as it is.
    pub fn restore(&mut self, filed: Filed) {
        let bytes = filed.bytes();
        self.bytes += bytes;
        if let Some(from) = self.waiting_from(&filed) {
            self.waiting.add(&from, bytes);
        }
        if let Some(mark) = filed.mark() {
            self.marks.insert(mark, filed.entry.seq);
        }
        self.entries.insert(filed.entry.seq, filed);
    }

    /// Some device has everything up to `seq`. The senders of what was waiting, and up to where it came from them.
    pub fn deliver(&mut self, seq: u64) -> Vec<(User, u64)> {
        let mut senders = BTreeMap::new();
        for (_, filed) in self.entries.range(self.delivered + 1..(seq + 1).max(self.delivered + 1)) {
            if let Matter::Message { from, .. } = &filed.entry.matter {
                self.waiting.remove(from, filed.bytes());
                senders.insert(from.clone(), filed.entry.seq);
            }
        }
        self.delivered = self.delivered.max(seq);
        senders.into_iter().collect()
    }

    /// Entries whose days are over go.
    pub fn forget(&mut self, now_ms: u64, limits: &Limits) {
        while self.next_expiry(limits).is_some_and(|at| at <= now_ms) {
            let (seq, _) = self.entries.first_key_value().expect("one has expired");
            self.lose(*seq);
        }
    }

    /// When the days of the oldest are over, in ms.
    pub fn next_expiry(&self, limits: &Limits) -> Option<u64> {
        let (_, oldest) = self.entries.first_key_value()?;
        Some(oldest.entry.time_ms.saturating_add(limits.inbox_days * DAY_MS))
    }

    fn lose(&mut self, seq: u64) {
        self.lost_to = self.lost_to.max(seq);
        self.remove(seq);
    }

    fn remove(&mut self, seq: u64) {
        let Some(filed) = self.entries.remove(&seq) else { return };
        let bytes = filed.bytes();
        self.bytes -= bytes;
        if let Some(from) = self.waiting_from(&filed) {
            self.waiting.remove(&from, bytes);
        }
        if let Some(mark) = filed.mark() {
            self.marks.remove(&mark);
        }
    }

    fn waits(&self, filed: &Filed) -> bool {
        filed.entry.seq > self.delivered && matches!(filed.entry.matter, Matter::Message { .. })
    }

    fn waiting_from(&self, filed: &Filed) -> Option<User> {
        match &filed.entry.matter {
            Matter::Message { from, .. } => self.waits(filed).then(|| from.clone()),
            Matter::Copy { .. } | Matter::Receipt { .. } | Matter::Seen { .. } => None,
        }
    }
}

impl Filed {
    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let matter = match &self.entry.matter {
            Matter::Message { body, .. } | Matter::Copy { body, .. } => body.bytes().len(),
            Matter::Receipt { .. } | Matter::Seen { .. } => 0,
        };
        matter + ENTRY_BYTES
    }

    /// What a device did itself it need not be told.
    fn is_for(&self, device: &Device) -> bool {
        match &self.entry.matter {
            Matter::Message { .. } | Matter::Receipt { .. } => true,
            Matter::Copy { .. } | Matter::Seen { .. } => self.device.as_ref() != Some(device),
        }
    }

    fn mark(&self) -> Option<(bool, User)> {
        match &self.entry.matter {
            Matter::Receipt { user, .. } => Some((false, user.clone())),
            Matter::Seen { user, .. } => Some((true, user.clone())),
            Matter::Message { .. } | Matter::Copy { .. } => None,
        }
    }
}
