//! What the two sides of a friendship tell each other.
//!
//! A side tells its whole stance, never a step: the newest one counts, and one that comes twice or late changes nothing. Each is told again until
//! it is heard, also after a crash, as what is owed is part of the list. So whatever is lost in between, both sides end with each other's
//! newest stance; and until then each decides by its own.

use slotcast_protocol::User;
use slotcast_protocol::roster::Mark;

/// What one side wants of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stance {
    /// To see the other.
    pub wants: bool,
    /// That the other sees it.
    pub grants: bool,
}

impl Stance {
    /// Nothing.
    pub const NONE: Stance = Stance { wants: false, grants: false };
    /// Friendship.
    pub const BOTH: Stance = Stance { wants: true, grants: true };
}

/// One side's stance, for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// Whose it is.
    pub from: User,
    /// Whom it is about, and for.
    pub to: User,
    /// How far the teller's list was.
    pub mark: Mark,
    /// As of then.
    pub stance: Stance,
    /// What the teller takes the other's to be.
    pub heard: Stance,
    /// What the other had said up to here is refused, or over: it does not want any more.
    pub ends: Option<Mark>,
}

/// The answer to a [`Tell`]: what the hearer now holds for the teller's stance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who heard.
    pub from: User,
    /// Who told.
    pub to: User,
    /// The newest that was heard.
    pub mark: Mark,
    /// As of then.
    pub stance: Stance,
}
