//! What a client lacks of a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::User;
use slotcast_protocol::roster::{Contact, Tag};

use crate::roster::contacts::Contacts;

/// From what a client has to the present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing.
    Same(Tag),
    /// These people, as they are now. Whoever takes it compares the MD5s afterwards.
    Delta {
        /// The rev that the client has.
        from: u64,
        /// Of the friends, afterwards.
        tag: Tag,
        /// Of the blocks.
        blocks_tag: Tag,
        /// One that is nothing is gone.
        people: BTreeMap<User, Contact>,
    },
    /// Everything: what the client has leads nowhere.
    Full(Arc<Contacts>),
}
