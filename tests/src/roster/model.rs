//! What lists say, written from `protocol.md` as if everyone heard of everything at once.

use std::collections::{BTreeMap, BTreeSet};

use slotcast_protocol::roster::{Contact, Edit, Friend, Sub};
use slotcast_protocol::{Code, Limits, User};
use slotcast_state::roster::Card;

type Pair = (User, User);

/// Who has whom on the list, wants to see whom, lets whom in, has blocked whom.
#[derive(Default)]
pub struct Model {
    cards: BTreeMap<Pair, Card>,
    wants: BTreeSet<Pair>,
    grants: BTreeSet<Pair>,
    blocks: BTreeSet<Pair>,
}

impl Model {
    /// Does an edit of `owner`'s, or says why not.
    pub fn edit(&mut self, owner: &User, edit: &Edit, limits: &Limits) -> Result<(), Code> {
        let user = edit.user();
        let (ours, theirs) = ((owner.clone(), user.clone()), (user.clone(), owner.clone()));
        if owner == user {
            return Err(Code::BadName);
        }
        let friends = self.wants.contains(&ours) && self.grants.contains(&ours);
        match edit {
            Edit::Accept(_) if !self.asks(&theirs) && !friends => return Err(Code::NoRequest),
            Edit::Ask(_) | Edit::Accept(_) => {
                self.list(&ours, limits)?;
                self.grants.insert(ours.clone());
                self.want(ours, limits);
            }
            Edit::Decline(_) => self.decline(&theirs),
            Edit::Remove(_) if self.cards.remove(&ours).is_some() => {
                self.unwant(&ours);
                self.grants.remove(&ours);
                self.unwant(&theirs);
            }
            Edit::Remove(_) => {}
            Edit::Approve { on: true, .. } => {
                self.list(&ours, limits)?;
                self.grants.insert(ours);
            }
            Edit::Approve { on: false, .. } => {
                if self.grants.remove(&ours) {
                    self.unwant(&theirs);
                }
            }
            Edit::Alias { alias, .. } => {
                self.cards.get_mut(&ours).ok_or(Code::NoFriend)?.alias = alias.clone()
            }
            Edit::Groups { groups, .. } => {
                let card = self.cards.get_mut(&ours).ok_or(Code::NoFriend)?;
                if groups.len() > limits.friend_groups {
                    return Err(Code::TooMany);
                }
                card.groups = groups.clone();
            }
            Edit::Block(_) => {
                if !self.blocks.contains(&ours) && count(&self.blocks, owner) >= limits.blocks {
                    return Err(Code::TooMany);
                }
                self.decline(&theirs);
                self.blocks.insert(ours);
            }
            Edit::Unblock(_) => _ = self.blocks.remove(&ours),
        }
        Ok(())
    }

    /// The account is gone.
    pub fn erase(&mut self, owner: &User, users: &[User]) {
        for user in users {
            let (ours, theirs) = ((owner.clone(), user.clone()), (user.clone(), owner.clone()));
            self.decline(&theirs);
            if self.cards.remove(&ours).is_some() {
                self.unwant(&ours);
                self.grants.remove(&ours);
                self.unwant(&theirs);
            }
        }
        self.blocks.retain(|(blocker, _)| blocker != owner);
    }

    /// What `owner`'s list says.
    pub fn people(&self, owner: &User, users: &[User]) -> BTreeMap<User, Contact> {
        let contacts = users.iter().map(|user| (user.clone(), self.contact(owner, user)));
        contacts.filter(|(_, contact)| !contact.is_nothing()).collect()
    }

    fn contact(&self, owner: &User, user: &User) -> Contact {
        let (ours, theirs) = ((owner.clone(), user.clone()), (user.clone(), owner.clone()));
        let has = |set: &BTreeSet<Pair>, pair: &Pair| set.contains(pair);
        let (to, from) = (has(&self.grants, &theirs), has(&self.wants, &theirs));
        let friend = self.cards.get(&ours).map(|card| Friend {
            id: user.clone(),
            alias: card.alias.clone(),
            sub: Sub::new(has(&self.wants, &ours) && to, has(&self.grants, &ours) && from),
            asked: has(&self.wants, &ours) && !to,
            approved: has(&self.grants, &ours) && !from,
            groups: card.groups.clone(),
        });
        Contact { friend, blocked: has(&self.blocks, &ours), asks: self.asks(&theirs) }
    }

    fn list(&mut self, ours: &Pair, limits: &Limits) -> Result<(), Code> {
        if self.cards.contains_key(ours) {
            return Ok(());
        }
        if self.blocks.contains(ours) {
            return Err(Code::NotPermitted);
        }
        if self.cards.keys().filter(|(owner, _)| *owner == ours.0).count() >= limits.friends {
            return Err(Code::TooMany);
        }
        self.cards.insert(ours.clone(), Card::default());
        Ok(())
    }

    /// `pair.0` wants to see `pair.1`, who may not let itself be asked.
    fn want(&mut self, pair: Pair, limits: &Limits) {
        let theirs = (pair.1.clone(), pair.0.clone());
        let asked_already = self.asks(&pair);
        let asking = self.wants.iter().filter(|other| other.1 == pair.1 && self.asks(other)).count();
        let refused = self.blocks.contains(&theirs) || !asked_already && asking >= limits.friend_asks;
        if self.grants.contains(&theirs) || !refused {
            self.wants.insert(pair);
        }
    }

    /// `pair.0` does not want to see `pair.1` any more, who then does not let it in any more either.
    fn unwant(&mut self, pair: &Pair) {
        if self.wants.remove(pair) {
            self.grants.remove(&(pair.1.clone(), pair.0.clone()));
        }
    }

    fn decline(&mut self, theirs: &Pair) {
        if self.asks(theirs) {
            self.wants.remove(theirs);
        }
    }

    /// Whether `pair.0` wants to see `pair.1` and is not let in.
    fn asks(&self, pair: &Pair) -> bool {
        self.wants.contains(pair) && !self.grants.contains(&(pair.1.clone(), pair.0.clone()))
    }
}

fn count(set: &BTreeSet<Pair>, owner: &User) -> usize {
    set.iter().filter(|(first, _)| first == owner).count()
}
