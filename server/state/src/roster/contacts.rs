//! All that an owner's list says, as of one mark: what homes keep and clients are given.

use std::collections::BTreeMap;

use slotcast_protocol::User;
use slotcast_protocol::roster::{Contact, Friend, Mark, Tag};

use crate::roster::fingerprint::{blocks_md5, friends_md5};

/// A whole list. The MD5s are those of its friends and of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contacts {
    mark: Mark,
    people: BTreeMap<User, Contact>,
    friends_md5: [u8; 16],
    blocks_md5: [u8; 16],
}

impl Contacts {
    /// The list of `owner`.
    pub fn new(owner: &User, mark: Mark, people: BTreeMap<User, Contact>) -> Self {
        let friends: Vec<&Friend> = people.values().filter_map(|contact| contact.friend.as_ref()).collect();
        let friends_md5 = friends_md5(owner, friends.into_iter());
        let blocks: Vec<&User> =
            people.iter().filter(|(_, contact)| contact.blocked).map(|(user, _)| user).collect();
        let blocks_md5 = blocks_md5(owner, blocks.into_iter());
        Contacts { mark, people, friends_md5, blocks_md5 }
    }

    /// As of when.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The tag of the friend list.
    pub fn tag(&self) -> Tag {
        Tag { mark: self.mark, md5: self.friends_md5 }
    }

    /// The tag of the block list.
    pub fn blocks_tag(&self) -> Tag {
        Tag { mark: self.mark, md5: self.blocks_md5 }
    }

    /// Everyone of whom there is something to say.
    pub fn people(&self) -> &BTreeMap<User, Contact> {
        &self.people
    }

    /// Whether the owner has blocked this user.
    pub fn blocks(&self, user: &User) -> bool {
        self.people.get(user).is_some_and(|contact| contact.blocked)
    }

    /// Whether this user, as a friend, may see the owner and write to the owner.
    pub fn admits(&self, user: &User) -> bool {
        self.people.get(user).is_some_and(Contact::is_admitted)
    }

    /// Whether the owner sees this user.
    pub fn sees(&self, user: &User) -> bool {
        self.people.get(user).is_some_and(Contact::is_seen)
    }

    /// Those whom the owner sees.
    pub fn seen(&self) -> impl Iterator<Item = &User> {
        self.people.iter().filter(|(_, contact)| contact.is_seen()).map(|(user, _)| user)
    }

    /// Those who may see the owner.
    pub fn admitted(&self) -> impl Iterator<Item = &User> {
        self.people.iter().filter(|(_, contact)| contact.is_admitted()).map(|(user, _)| user)
    }
}
