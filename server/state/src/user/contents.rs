//! What of a user is kept: the inbox, the cursors of the devices in it, and the answers that make retries harmless. It changes by commits alone,
//! so what is done again after a crash leads to the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::{Code, Device, Fault, Limits, Matter, User};

use crate::ids::Author;
use crate::user::commit::{At, Deed, Outcome, Sender, UserCommit};
use crate::user::ids::Ids;
use crate::user::inbox::{Filed, Inbox};

/// What a device has of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub seq: u64,
    pub seen_ms: u64,
}

/// See the module's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserContents {
    pub(crate) epoch: u64,
    pub(crate) inbox: Inbox,
    pub(crate) devices: BTreeMap<Device, Reached>,
    /// The user's own messages, by device.
    pub(crate) told: Ids<Device, Outcome>,
    /// The messages that came, by sender.
    pub(crate) heard: Ids<Sender, At>,
}

impl UserContents {
    /// An empty inbox.
    pub fn new(epoch: u64) -> Self {
        UserContents { epoch, ..UserContents::default() }
    }

    /// The inbox's incarnation.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Another incarnation with the same entries: no cursor of the old one leads on from here.
    pub fn begin_anew(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The entries that are kept, in their order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &slotcast_protocol::Entry> {
        self.inbox.iter().map(|filed| &filed.entry)
    }

    /// The number of the last entry that there ever was.
    pub fn last(&self) -> u64 {
        self.inbox.last()
    }

    /// Entries up to here may have made room for others.
    pub fn lost_to(&self) -> u64 {
        self.inbox.lost_to()
    }

    /// Where a sender's message lies, if it came and is remembered.
    pub fn heard(&self, author: &Author, id: u64) -> Option<At> {
        let (_, kept) = self.heard.kept().find(|(sender, _)| ***sender == *author)?;
        kept.answers.get(&id).copied()
    }

    /// How a message of the user's own ended, if that is remembered.
    pub fn told(&self, device: &Device, id: u64) -> Option<&Outcome> {
        let (_, kept) = self.told.kept().find(|(known, _)| *known == device)?;
        kept.answers.get(&id)
    }

    /// Does a commit, for the first time or once more; a fault means that it does not follow from what is there. The senders of what was
    /// waiting and is delivered by it, and up to where it came from them.
    pub fn apply(&mut self, commit: &UserCommit, limits: &Limits) -> Result<Vec<(User, u64)>, Fault> {
        if commit.epoch != self.epoch {
            return Err(broken(format!("epoch {} does not follow {}", commit.epoch, self.epoch)));
        }
        self.forget(commit.at_ms, limits);
        match &commit.deed {
            Deed::Reached { device, seq } => Ok(self.reach(device, *seq, commit.at_ms, limits)),
            Deed::Filed(filed) => self.file(filed, limits).map(|()| Vec::new()),
            Deed::Told { device, id, outcome, copy } => {
                let (inflight, devices) = (limits.inflight, limits.inbox_senders);
                self.told.keep(device, *id, outcome.clone(), commit.at_ms, inflight, devices);
                let filed = |entry| Filed { entry, device: Some(device.clone()) };
                copy.clone().map_or(Ok(()), |entry| self.file(&filed(entry), limits)).map(|()| Vec::new())
            }
        }
    }

    /// What is over, goes.
    pub(crate) fn forget(&mut self, now_ms: u64, limits: &Limits) {
        self.inbox.forget(now_ms, limits);
        self.told.forget(now_ms);
        self.heard.forget(now_ms);
    }

    /// When something is over next, in ms.
    pub(crate) fn next_expiry(&self, limits: &Limits) -> Option<u64> {
        let each = [self.inbox.next_expiry(limits), self.told.next_expiry(), self.heard.next_expiry()];
        each.into_iter().flatten().min()
    }

    /// Whether nothing would be missed.
    pub(crate) fn is_blank(&self) -> bool {
        self.inbox.is_empty() && self.told.is_empty() && self.heard.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        const ENTRY: usize = 192;
        const ANSWER: usize = 64;
        let answers = self.told.len() + self.heard.len();
        self.inbox.bytes() + self.inbox.iter().len() * ENTRY + answers * ANSWER + 1_024
    }

    fn reach(&mut self, device: &Device, seq: u64, at_ms: u64, limits: &Limits) -> Vec<(User, u64)> {
        self.devices.insert(device.clone(), Reached { seq, seen_ms: at_ms });
        while self.devices.len() > limits.devices {
            let longest = self.devices.iter().min_by_key(|(device, reached)| (reached.seen_ms, *device));
            let device = longest.map(|(device, _)| device.clone()).expect("there are more than some");
            self.devices.remove(&device);
        }
        self.inbox.deliver(seq)
    }

    fn file(&mut self, filed: &Filed, limits: &Limits) -> Result<(), Fault> {
        let Filed { entry, device } = filed;
        let (seq, time_ms) = (entry.seq, entry.time_ms);
        if seq != self.inbox.last() + 1 {
            return Err(broken(format!("entry {seq} does not follow {}", self.inbox.last())));
        }
        if let Matter::Message { from, id, .. } = &entry.matter {
            let device = device.clone().ok_or_else(|| broken("a message came from no device".to_owned()))?;
            let sender = Arc::new(Author { user: from.clone(), device });
            let (inflight, senders) = (limits.inflight, limits.inbox_senders);
            self.heard.keep(&sender, *id, At { seq, time_ms }, time_ms, inflight, senders);
        }
        self.inbox.append(filed.clone(), limits);
        Ok(())
    }
}

fn broken(what: String) -> Fault {
    Fault::new(Code::BadField, what)
}
