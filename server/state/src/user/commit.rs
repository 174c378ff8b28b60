//! What happened to a user, complete enough to be done again after a crash.

use std::sync::Arc;

use slotcast_protocol::{Device, Durability, Entry, Fault, User};

use crate::user::inbox::Filed;

/// One deed. Those of the class `memory` are for whoever wants to look.
#[derive(Clone, Debug, PartialEq)]
pub struct UserCommit {
    /// Whose.
    pub user: User,
    /// The class that it must reach before anyone is told.
    pub durability: Durability,
    /// The incarnation of the user's inbox.
    pub epoch: u64,
    /// When, in ms of the Unix clock.
    pub at_ms: u64,
    /// What.
    pub deed: Deed,
}

/// What may happen to a user.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A device has everything up to here.
    Reached { device: Device, seq: u64 },
    /// Something came into the inbox. A message that comes again, by its sender's device and id, is answered as this one.
    Filed(Filed),
    /// A message of the user's was answered; his other devices get a copy.
    Told { device: Device, id: u64, outcome: Outcome, copy: Option<Entry> },
}

/// How a message ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is in the recipient's inbox.
    Stored(At),
    /// It is not, and why.
    Refused(Fault),
}

/// Where a message lies in its recipient's inbox, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub seq: u64,
    pub time_ms: u64,
}

/// A user's device: ids are its own.
pub type Sender = Arc<crate::ids::Author>;
