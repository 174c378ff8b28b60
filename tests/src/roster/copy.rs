//! A client's copy of its list, kept as `protocol.md` says.

use std::collections::BTreeMap;

use slotcast_protocol::User;
use slotcast_protocol::roster::{Contact, Friend, Mark, Tag};
use slotcast_state::roster::{Difference, blocks_md5, friends_md5};

#[derive(Clone, Debug, Default)]
pub struct Copy {
    pub tag: Option<Tag>,
    pub people: BTreeMap<User, Contact>,
}

impl Copy {
    /// Takes an answer; Err if it leads elsewhere than it says.
    pub fn take(&mut self, owner: &User, difference: &Difference) -> Result<(), String> {
        let (tag, blocks_tag) = match difference {
            Difference::Same(tag, _) if Some(*tag) == self.tag => return Ok(()),
            Difference::Same(tag, _) => return Err(format!("{tag} is not {:?}", self.tag)),
            Difference::Delta { from, tag, blocks_tag, people } => {
                let have = self.tag.map(|tag| tag.mark);
                if have != Some(Mark { epoch: tag.mark.epoch, rev: *from }) {
                    return Err(format!("a delta from {from} to {tag} for one who has {have:?}"));
                }
                for (user, contact) in people {
                    match contact.is_nothing() {
                        true => _ = self.people.remove(user),
                        false => _ = self.people.insert(user.clone(), contact.clone()),
                    }
                }
                (*tag, *blocks_tag)
            }
            Difference::Full(contacts) => {
                self.people = contacts.people().clone();
                (contacts.tag(), contacts.blocks_tag())
            }
        };
        self.tag = Some(tag);
        let friends: Vec<&Friend> =
            self.people.values().filter_map(|contact| contact.friend.as_ref()).collect();
        let blocks: Vec<&User> =
            self.people.iter().filter(|(_, contact)| contact.blocked).map(|(user, _)| user).collect();
        let friends_differ = friends_md5(owner, friends.into_iter()) != tag.md5;
        if friends_differ || blocks_md5(owner, blocks.into_iter()) != blocks_tag.md5 {
            return Err(format!("the copy of {owner} diverges at {tag}"));
        }
        Ok(())
    }
}
