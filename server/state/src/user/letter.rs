//! What comes to a user's home: from the user's sessions, and from the homes of others.

use std::collections::BTreeSet;
use std::sync::Arc;

use slotcast_protocol::{Device, Fault, ObjectName, RelayRequest, Signal, Status, Tell, User};

use crate::ids::{Author, SessionId};
use crate::roster;
use crate::user::commit::Outcome;

/// For the home of one user.
#[derive(Debug)]
pub enum HomeInput {
    /// A session of the user asks.
    Request { session: SessionId, author: Arc<Author>, request: RelayRequest },
    /// A session of the user has ended.
    Gone { session: SessionId },
    /// A session of the user was not told some news, as its socket was full, and may be told now.
    Drained { session: SessionId },
    /// From another's home, or an object's.
    Letter(Letter),
}

/// From home to home. It may come twice, and of two that were sent one after the other the first comes first.
#[derive(Clone, Debug)]
pub enum Letter {
    /// A message for the user, from someone who uses these objects.
    Tell { from: Arc<Author>, company: Arc<BTreeSet<ObjectName>>, tell: Arc<Tell> },
    /// What became of a message of the user's.
    Told { device: Device, id: u64, ending: Ending },
    /// Something to the user's sessions that are there.
    Signal { from: User, company: Arc<BTreeSet<ObjectName>>, session: SessionId, signal: Signal },
    /// A signal of the user's was not taken.
    Unheard { session: SessionId, id: Option<u64>, fault: Fault },
    /// Someone has what the user told him, up to these places in his inbox; 0 says nothing.
    Receipt { by: User, delivered: u64, read: u64 },
    /// A session of the user uses an object.
    Joined { object: ObjectName, session: SessionId },
    /// It does so no more.
    Left { object: ObjectName, session: SessionId },
    /// About lists and statuses.
    Person(PersonLetter),
}

/// For what is known of a user beside the inbox.
#[derive(Clone, Debug)]
pub enum PersonLetter {
    /// What someone wants of the user, and lets the user see: for the user's list.
    Stance(roster::Tell),
    /// The answer.
    Heard(roster::Heard),
    /// Someone wants to know how the user is.
    Probe { from: User },
    /// How someone is; None if the user is not to know any more.
    Status { of: User, status: Option<Status> },
}

impl From<PersonLetter> for Letter {
    fn from(letter: PersonLetter) -> Self {
        Letter::Person(letter)
    }
}

/// How a message ended at the recipient's.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// For good.
    Final(Outcome),
    /// Nothing was done, and the same may be tried again.
    NotNow(Fault),
}
