//! What a shard was asked, for after it has been done.

use std::sync::Arc;

use slotcast_protocol::{ObjectName, Send, Write};
use slotcast_state::{Author, Found, Input, Mark, SessionId};

pub enum Asked {
    Tick(u64),
    Use {
        session: SessionId,
        author: Arc<Author>,
        object: ObjectName,
        turn: u32,
    },
    CatchUp {
        session: SessionId,
        object: ObjectName,
    },
    Release {
        session: SessionId,
        object: ObjectName,
    },
    Write {
        session: SessionId,
        author: Arc<Author>,
        write: Write,
    },
    Send {
        session: SessionId,
        author: Arc<Author>,
        send: Send,
    },
    Fingerprint {
        session: SessionId,
        object: ObjectName,
    },
    Gone {
        session: SessionId,
        objects: Vec<ObjectName>,
    },
    Loaded {
        object: ObjectName,
        looked: Looked,
    },
    StorageFull(bool),
    /// What no one is told of.
    Housekeeping,
}

/// What the store had.
pub enum Looked {
    Nothing,
    Contents { epoch: u64, mark: Mark },
    Refused,
}

impl Asked {
    pub fn of(input: &Input) -> Asked {
        match input {
            Input::Tick(now_ms) => Asked::Tick(*now_ms),
            Input::Use { session, author, object, turn, .. } => {
                let (author, object) = (author.clone(), object.clone());
                Asked::Use { session: *session, author, object, turn: *turn }
            }
            Input::CatchUp { session, object, .. } => {
                Asked::CatchUp { session: *session, object: object.clone() }
            }
            Input::Release { session, object } => {
                Asked::Release { session: *session, object: object.clone() }
            }
            Input::Write { session, author, write } => {
                Asked::Write { session: *session, author: author.clone(), write: write.clone() }
            }
            Input::Send { session, author, send } => {
                Asked::Send { session: *session, author: author.clone(), send: send.clone() }
            }
            Input::Fingerprint { session, object } => {
                Asked::Fingerprint { session: *session, object: object.clone() }
            }
            Input::Gone { session, objects } => Asked::Gone { session: *session, objects: objects.clone() },
            Input::Loaded { name, found } => {
                let object = name.object().expect("who asks for users has no ledger").clone();
                Asked::Loaded { object, looked: Looked::of(found) }
            }
            Input::StorageFull(full) => Asked::StorageFull(*full),
            Input::Kept { .. } | Input::Wanted { .. } | Input::Home { .. } => Asked::Housekeeping,
            // `tests/rights.rs` has its own judge.
            Input::Roster(_) | Input::Hide { .. } => Asked::Housekeeping,
        }
    }

    /// The one object that it is about.
    pub fn object(&self) -> Option<&ObjectName> {
        match self {
            Asked::Use { object, .. } | Asked::CatchUp { object, .. } | Asked::Release { object, .. } => {
                Some(object)
            }
            Asked::Write { write, .. } => Some(&write.object),
            Asked::Send { send, .. } => Some(&send.object),
            Asked::Fingerprint { object, .. } => Some(object),
            Asked::Tick(_) | Asked::Gone { .. } | Asked::Loaded { .. } => None,
            Asked::StorageFull(_) | Asked::Housekeeping => None,
        }
    }
}

impl Looked {
    fn of(found: &Found) -> Looked {
        match found {
            Found::Nothing | Found::User(_) | Found::Roster(_) => Looked::Nothing,
            Found::Contents(contents) => {
                let mark = Mark { version: contents.version(), sends: contents.sends() };
                Looked::Contents { epoch: contents.epoch(), mark }
            }
            Found::Refused(_) => Looked::Refused,
        }
    }
}
