//! One line of an owner's list.

use std::collections::BTreeSet;

use crate::names::User;
use crate::roster::names::{Alias, Group};

/// Who of the two sees whom. The numbers are those of the canonical form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sub {
    /// Neither.
    #[default]
    None = 0,
    /// The owner sees the friend.
    To = 1,
    /// The friend sees the owner, and may write.
    From = 2,
    /// Both.
    Both = 3,
}

impl Sub {
    /// All of them, each in the place of its number.
    pub const ALL: [Sub; 4] = [Sub::None, Sub::To, Sub::From, Sub::Both];

    /// Out of its two halves.
    pub fn new(to: bool, from: bool) -> Sub {
        Sub::ALL[usize::from(to) + 2 * usize::from(from)]
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Sub::None => "none",
            Sub::To => "to",
            Sub::From => "from",
            Sub::Both => "both",
        }
    }

    /// Whether the owner sees the friend.
    pub fn sees(self) -> bool {
        matches!(self, Sub::To | Sub::Both)
    }

    /// Whether the friend sees the owner.
    pub fn is_seen(self) -> bool {
        matches!(self, Sub::From | Sub::Both)
    }
}

/// Someone on an owner's list, as the owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Friend {
    /// Who.
    pub id: User,
    /// What the owner calls them.
    pub alias: Option<Alias>,
    /// Who sees whom.
    pub sub: Sub,
    /// The owner has asked and has no answer yet.
    pub asked: bool,
    /// The owner lets them in when they ask.
    pub approved: bool,
    /// Under which headings.
    pub groups: BTreeSet<Group>,
}

impl Friend {
    /// Someone of whom nothing is known yet.
    pub fn new(id: User) -> Self {
        let (alias, groups) = (None, BTreeSet::new());
        Friend { id, alias, sub: Sub::None, asked: false, approved: false, groups }
    }

    /// The two flags as the canonical form has them: 1 asked, 2 approved.
    pub fn flags(&self) -> u8 {
        u8::from(self.asked) | u8::from(self.approved) << 1
    }
}
