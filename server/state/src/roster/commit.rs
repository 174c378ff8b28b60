//! What one change did to an owner's list, complete enough to be done again after a crash.

use slotcast_protocol::User;
use slotcast_protocol::roster::Mark;

use crate::roster::tie::Tie;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Whose list.
    pub owner: User,
    /// The list's mark afterwards. Its rev is one more than before, or the same if no one but the list itself sees the change.
    pub mark: Mark,
    /// When, in ms of the Unix clock.
    pub at_ms: u64,
    /// What is new.
    pub lines: Vec<Line>,
}

/// How something is afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What is between the owner and this user; None is nothing.
    Tie { user: User, tie: Option<Box<Tie>> },
    /// Whether this user is blocked.
    Block { user: User, on: bool },
}

impl Line {
    /// Whom it is about.
    pub fn user(&self) -> &User {
        match self {
            Line::Tie { user, .. } | Line::Block { user, .. } => user,
        }
    }
}
