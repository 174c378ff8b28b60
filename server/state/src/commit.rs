//! A commit: what one request did to an object, complete enough to be done again after a crash.

use std::sync::Arc;

use slotcast_protocol::{Change, Durability, ObjectName, SlotName};

use crate::answers::Answer;
use crate::ids::Author;

/// One request's effect on an object. Where the object is `memory`, only those that made a version are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Which object.
    pub object: ObjectName,
    /// The class that it must reach before anyone is told.
    pub durability: Durability,
    /// The object's incarnation.
    pub epoch: u64,
    /// Its version afterwards: one more than before if there are changes, else the same.
    pub version: u64,
    /// Its sends afterwards.
    pub sends: u64,
    /// When, in ms of the Unix clock.
    pub at_ms: u64,
    /// Who.
    pub author: Arc<Author>,
    /// The request's id.
    pub id: Option<u64>,
    /// How it was answered; None where no one asked.
    pub answer: Option<Answer>,
    /// What changed.
    pub changes: Arc<[Change]>,
    /// The slots among those that changed which do not stay for good.
    pub lives: Vec<Lived>,
}

/// A slot that goes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lived {
    /// Which.
    pub slot: SlotName,
    /// When its time is over, in ms of the Unix clock.
    pub expires_ms: Option<u64>,
    /// Whether it goes with a session.
    pub tied: bool,
}
