//! What a client lacks of a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::roster::{Contact, Tag};
use slotcast_protocol::{Roster, User};

use crate::roster::contacts::Contacts;

/// From what a client has to the present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing: these are the tags of the friends and of the blocks.
    Same(Tag, Tag),
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

impl From<Difference> for Roster {
    fn from(difference: Difference) -> Self {
        match difference {
            Difference::Same(tag, blocks_tag) => {
                Roster { tag, blocks_tag, from: Some(tag.mark.rev), people: Vec::new() }
            }
            Difference::Delta { from, tag, blocks_tag, people } => {
                Roster { tag, blocks_tag, from: Some(from), people: people.into_iter().collect() }
            }
            Difference::Full(contacts) => {
                let people = contacts.people().iter().map(|(user, contact)| (user.clone(), contact.clone()));
                let (tag, blocks_tag) = (contacts.tag(), contacts.blocks_tag());
                Roster { tag, blocks_tag, from: None, people: people.collect() }
            }
        }
    }
}
