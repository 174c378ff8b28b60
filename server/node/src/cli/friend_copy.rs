//! A copy of the own friend list, kept level by what the server tells.

use std::collections::BTreeMap;

use slotcast_protocol::roster::{Contact, Friend, Tag};
use slotcast_protocol::{Roster, User};
use slotcast_state::roster::{blocks_md5, friends_md5};

/// See the file's text.
#[derive(Default)]
pub struct FriendCopy {
    tag: Option<Tag>,
    people: BTreeMap<User, Contact>,
}

impl FriendCopy {
    /// Which list it is; None before the first one.
    pub fn tag(&self) -> Option<Tag> {
        self.tag
    }

    /// Those who are touched, as they are now. None: it is not the list that the server has, and all of it is needed.
    pub fn take(&mut self, owner: &User, roster: Roster) -> Option<Vec<(User, Contact)>> {
        let Roster { tag, blocks_tag, from, people } = roster;
        let mut news: BTreeMap<User, Contact> = people.into_iter().collect();
        if from.is_none() {
            let gone = self.people.keys().filter(|user| !news.contains_key(*user)).cloned();
            let gone: Vec<_> = gone.map(|user| (user, Contact::default())).collect();
            news.extend(gone);
        }
        news.retain(|user, now| self.people.get(user).unwrap_or(&Contact::default()) != now);
        for (user, now) in &news {
            match now.is_nothing() {
                true => self.people.remove(user),
                false => self.people.insert(user.clone(), now.clone()),
            };
        }
        let same = from.is_none() || self.md5s(owner) == (tag.md5, blocks_tag.md5);
        self.tag = Some(tag).filter(|_| same);
        same.then(|| news.into_iter().collect())
    }

    fn md5s(&self, owner: &User) -> ([u8; 16], [u8; 16]) {
        let friends: Vec<&Friend> = self.people.values().filter_map(|now| now.friend.as_ref()).collect();
        let blocks: Vec<&User> =
            self.people.iter().filter(|(_, now)| now.blocked).map(|(user, _)| user).collect();
        (friends_md5(owner, friends.into_iter()), blocks_md5(owner, blocks.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotcast_protocol::roster::Mark;

    fn user(name: &str) -> User {
        User::parse(name).expect("a good name")
    }

    fn blocked(name: &str, blocked: bool) -> (User, Contact) {
        (user(name), Contact { blocked, ..Contact::default() })
    }

    /// Of a list of blocks.
    fn roster(rev: u64, from: Option<u64>, people: Vec<(User, Contact)>, blocks: &[&str]) -> Roster {
        let (owner, mark) = (user("alice"), Mark { epoch: 1, rev });
        let blocks: Vec<User> = blocks.iter().map(|name| user(name)).collect();
        let tag = Tag { mark, md5: friends_md5(&owner, std::iter::empty()) };
        Roster { tag, blocks_tag: Tag { mark, md5: blocks_md5(&owner, blocks.iter()) }, from, people }
    }

    #[test]
    fn what_is_touched_is_told() {
        let (mut copy, alice) = (FriendCopy::default(), user("alice"));
        let all = vec![blocked("bob", true), blocked("carol", true)];
        assert_eq!(copy.take(&alice, roster(2, None, all.clone(), &["bob", "carol"])), Some(all));
        let less = roster(3, Some(2), vec![blocked("bob", false)], &["carol"]);
        assert_eq!(copy.take(&alice, less), Some(vec![blocked("bob", false)]));
        let same = roster(3, Some(3), Vec::new(), &["carol"]);
        assert_eq!(copy.take(&alice, same), Some(Vec::new()));
        let anew = roster(1, None, vec![blocked("dave", true)], &["dave"]);
        assert_eq!(copy.take(&alice, anew), Some(vec![blocked("carol", false), blocked("dave", true)]));
        assert_eq!(copy.tag().map(|tag| tag.mark.rev), Some(1));
    }

    #[test]
    fn a_copy_that_is_another_is_found_out() {
        let (mut copy, alice) = (FriendCopy::default(), user("alice"));
        copy.take(&alice, roster(1, None, vec![blocked("bob", true)], &["bob"]));
        let wrong = roster(2, Some(1), vec![blocked("carol", true)], &["bob"]);
        assert_eq!((copy.take(&alice, wrong), copy.tag()), (None, None));
        let all = roster(2, None, vec![blocked("bob", true)], &["bob"]);
        assert_eq!(copy.take(&alice, all), Some(vec![blocked("carol", false)]));
    }
}
