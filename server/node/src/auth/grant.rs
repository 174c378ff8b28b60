//! What a token comes to.

use std::sync::Arc;

use slotcast_protocol::User;
use slotcast_state::Rights;

/// Who someone is, until when, and what he may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The identity.
    pub user: User,
    /// When it ends, in ms of the Unix clock; None is never.
    pub expires_ms: Option<u64>,
    /// When the token was made, in s; None where that is not known.
    pub issued_s: Option<u64>,
    /// Beside what the kinds allow to all; None for whoever has no roles and no list of objects.
    pub rights: Option<Arc<Rights>>,
}

impl Grant {
    /// Without an end, and with no rights but everyone's.
    pub fn of(user: User) -> Self {
        Grant { user, expires_ms: None, issued_s: None, rights: None }
    }
}
