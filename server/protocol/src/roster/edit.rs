//! What an owner does to the own list. Each says how it is to be, so that one that is repeated changes nothing.

use std::collections::BTreeSet;

use crate::names::User;
use crate::roster::names::{Alias, Group};

/// One edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Wants to be friends; lets the other in.
    Ask(User),
    /// Lets in one who asks, and wants to see them, too.
    Accept(User),
    /// Refuses one who asks.
    Decline(User),
    /// Takes someone off the list: neither sees the other any more.
    Remove(User),
    /// Lets someone in who has not asked, or who asks, without wanting to see them; or does not let them in any more.
    Approve { user: User, on: bool },
    /// Calls a friend this, or by the own name.
    Alias { user: User, alias: Option<Alias> },
    /// Has a friend under these headings.
    Groups { user: User, groups: BTreeSet<Group> },
    /// Hears nothing of someone, and is not seen by them.
    Block(User),
    /// No longer.
    Unblock(User),
}

impl Edit {
    /// Whom it is about.
    pub fn user(&self) -> &User {
        match self {
            Edit::Ask(user) | Edit::Accept(user) | Edit::Decline(user) | Edit::Remove(user) => user,
            Edit::Approve { user, .. } | Edit::Alias { user, .. } | Edit::Groups { user, .. } => user,
            Edit::Block(user) | Edit::Unblock(user) => user,
        }
    }

    /// Whether it takes something from the other: it is done when no home can still say yes.
    pub fn is_revoking(&self) -> bool {
        match self {
            Edit::Remove(_) | Edit::Block(_) => true,
            Edit::Approve { on, .. } => !on,
            Edit::Ask(_) | Edit::Accept(_) | Edit::Decline(_) | Edit::Unblock(_) => false,
            Edit::Alias { .. } | Edit::Groups { .. } => false,
        }
    }
}
