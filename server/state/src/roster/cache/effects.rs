//! What comes into a cache, what it says, and how often what happened.

use std::sync::Arc;

use slotcast_protocol::roster::Mark;
use slotcast_protocol::{Fault, User};

use crate::ids::SessionId;
use crate::roster::cache::claim::{Claim, Notice};
use crate::roster::contacts::Contacts;
use crate::roster::effects::Fetched;

/// What a cache is told. A `ticket` is the asker's own number, given back with the answer.
#[derive(Clone, Debug)]
pub enum CacheInput {
    /// The time is now this, in ms; it never goes back.
    Tick(u64),
    /// A packet needs an owner's list. Its client may have said what it has, if the list is its own.
    Ask { ticket: u64, owner: User, claim: Option<(SessionId, Claim)> },
    /// The answer to a fetch.
    Fetched { fetch: u64, owner: User, lease: u64, fetched: Fetched },
    /// The answer to a renewal.
    Renewed { fetch: u64, lease: u64, stale: Vec<(User, Mark)> },
    /// Nothing before this may be served.
    Invalidate { owner: User, mark: Mark },
    /// Whether an owner's list stays, and its changes are told.
    Pin { owner: User, on: bool },
}

/// What a cache says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheOutput {
    /// For the registrar, or whatever stands in its place. The answer must have reached `at_least`, if it is of that epoch.
    Fetch { fetch: u64, owner: User, have: Option<Mark>, at_least: Option<Mark> },
    /// For the registrar: the lease goes on.
    Renew { fetch: u64 },
    /// For the registrar: nothing before this is served any more.
    Acknowledge { owner: User, mark: Mark },
    /// For the registrar: what was fetched up to then is dropped.
    Release { owner: User, fetch: u64 },
    /// A packet may go on with this.
    Go { ticket: u64, contacts: Arc<Contacts>, notice: Option<Notice> },
    /// A pinned list has changed, or may have.
    Changed { owner: User },
    /// A packet may not go on.
    Refused { ticket: u64, fault: Fault },
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Packets that went on at once.
    pub fast: u64,
    /// Packets that had to wait.
    pub slow: u64,
    /// Fetches.
    pub fetches: u64,
    /// Claims that the registrar denied.
    pub denied: u64,
    /// Claims of the same rev with another MD5.
    pub diverged: u64,
    /// Answers that were older than what was here.
    pub backwards: u64,
}
