//! A tie: what an owner's side knows of one other user. Both sides have one; it holds its own stance and a copy of the other's.

use std::collections::BTreeSet;

use slotcast_protocol::User;
use slotcast_protocol::roster::{Alias, Friend, Group, Mark, Sub};

use crate::roster::tell::{Stance, Tell};

/// How the owner has someone on the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// What the owner calls them.
    pub alias: Option<Alias>,
    /// Under which headings.
    pub groups: BTreeSet<Group>,
}

/// See the file's text. `rev` in what follows is that of the commit in which it happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tie {
    /// None if the other is not on the list. Only the owner puts it there and takes it away.
    pub card: Option<Card>,
    /// The owner's stance.
    pub ours: Stance,
    /// The rev of the owner's last edit of it.
    pub since: u64,
    /// The other's, as last heard.
    pub theirs: Stance,
    /// How far the other's list was then.
    pub theirs_at: Option<Mark>,
    /// What the other said up to here has been refused or ended.
    pub ended: Option<Mark>,
    /// The other is still to hear what was done in this rev.
    pub owed: Option<u64>,
}

impl Tie {
    /// Whether nothing is lost with it.
    pub fn is_empty(&self) -> bool {
        self.card.is_none() && self.owed.is_none() && self.ours == Stance::NONE && self.theirs == Stance::NONE
    }

    /// Whether the other wants to see the owner, who has not decided yet.
    pub fn asks(&self) -> bool {
        let is_ended = self.ended.is_some() && self.ended == self.theirs_at;
        self.theirs.wants && !self.ours.grants && !is_ended
    }

    /// The line on the list.
    pub fn friend(&self, id: &User) -> Option<Friend> {
        let Card { alias, groups } = self.card.clone()?;
        let Tie { ours, theirs, .. } = self;
        Some(Friend {
            id: id.clone(),
            alias,
            sub: Sub::new(ours.wants && theirs.grants, ours.grants && theirs.wants),
            asked: ours.wants && !theirs.grants,
            approved: ours.grants && !theirs.wants,
            groups,
        })
    }

    /// What is to be told.
    pub fn tell(&self, from: &User, to: &User, mark: Mark) -> Tell {
        let (from, to) = (from.clone(), to.clone());
        Tell { from, to, mark, stance: self.ours, heard: self.theirs, ends: self.ended }
    }

    /// Asks, and lets in whoever is asked; as an answer to the other's asking it makes them friends.
    pub fn ask(&mut self, rev: u64) {
        self.card.get_or_insert_default();
        if self.ours != Stance::BOTH {
            self.change(Stance::BOTH, rev);
            self.ended = None;
        }
    }

    /// Refuses what the other asks for.
    pub fn decline(&mut self, rev: u64) {
        if self.asks() {
            self.end(rev);
        }
    }

    /// Takes the other off the list, and ends what was between them.
    pub fn remove(&mut self, rev: u64) {
        if self.card.take().is_none() {
            return;
        }
        self.change(Stance::NONE, rev);
        if self.theirs != Stance::NONE {
            self.end(rev);
        }
    }

    /// Lets the other in without wanting anything; or not any more.
    pub fn approve(&mut self, on: bool, rev: u64) {
        if on {
            self.card.get_or_insert_default();
        }
        if self.ours.grants == on {
            return;
        }
        self.change(Stance { grants: on, ..self.ours }, rev);
        match on {
            true => self.ended = None,
            false if self.theirs.wants => self.end(rev),
            false => {}
        }
    }

    /// Takes what the other says; false if it was known. `mine` is how far the owner's list was, and `refuse` says that the other is not to ask.
    pub fn hear(&mut self, tell: &Tell, mine: Mark, refuse: bool) -> bool {
        if self.theirs_at.is_some_and(|at| at == tell.mark || tell.mark.is_before(at)) {
            return false;
        }
        let rev = mine.rev + 1;
        let left = self.theirs.wants && !tell.stance.wants;
        self.theirs = tell.stance;
        self.theirs_at = Some(tell.mark);
        if left && self.ours.grants {
            (self.ours.grants, self.owed) = (false, Some(rev));
        }
        let over = tell.ends.is_some_and(|ends| ends.epoch == mine.epoch && self.since <= ends.rev);
        if over && self.ours.wants {
            (self.ours.wants, self.owed) = (false, Some(rev));
        }
        if refuse && self.asks() {
            self.end(rev);
        }
        true
    }

    fn change(&mut self, ours: Stance, rev: u64) {
        (self.ours, self.since, self.owed) = (ours, rev, Some(rev));
    }

    fn end(&mut self, rev: u64) {
        (self.ended, self.owed) = (self.theirs_at, Some(rev));
    }
}
