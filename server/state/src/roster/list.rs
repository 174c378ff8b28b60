//! One owner's list: ties, blocks, and how far it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::roster::{Contact, Edit, Friend, Mark, Tag};
use slotcast_protocol::{Code, Fault, Limits, User};

use crate::roster::commit::{Commit, Line};
use crate::roster::contacts::Contacts;
use crate::roster::difference::Difference;
use crate::roster::log::Log;
use crate::roster::tell::{Heard, Stance, Tell};
use crate::roster::tie::{Card, Tie};

/// The single place where an owner's list is changed. Each change gives the commit that repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    owner: User,
    mark: Mark,
    ties: BTreeMap<User, Tie>,
    blocks: BTreeSet<User>,
    log: Log,
    /// The whole, once someone has asked for it.
    contacts: Option<Arc<Contacts>>,
}

impl List {
    /// Without anyone. `epoch` was never the owner's before.
    pub fn new(owner: User, epoch: u64) -> Self {
        let (ties, blocks) = (BTreeMap::new(), BTreeSet::new());
        List { owner, mark: Mark { epoch, rev: 0 }, ties, blocks, log: Log::default(), contacts: None }
    }

    pub(crate) fn restored(
        owner: User,
        mark: Mark,
        ties: BTreeMap<User, Tie>,
        blocks: BTreeSet<User>,
        log: Log,
    ) -> Self {
        List { owner, mark, ties, blocks, log, contacts: None }
    }

    /// Another incarnation of the same: no tag of the old one leads on from here, and what is between the owner and others is told them anew.
    pub fn begin_anew(&mut self, epoch: u64) {
        self.mark = Mark { epoch, rev: self.mark.rev + 1 };
        self.log.clear();
        self.contacts = None;
        for tie in self.ties.values_mut() {
            tie.owed = Some(self.mark.rev);
        }
    }

    /// How far it is.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    pub(crate) fn ties(&self) -> &BTreeMap<User, Tie> {
        &self.ties
    }

    pub(crate) fn blocks(&self) -> &BTreeSet<User> {
        &self.blocks
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Whether nothing is lost with it.
    pub(crate) fn is_blank(&self) -> bool {
        self.mark.rev == 0
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        const TIE: usize = 256;
        const CHANGE: usize = 64;
        const BLOCK: usize = 64;
        self.ties.len() * TIE + self.blocks.len() * BLOCK + self.log.changes().len() * CHANGE + 512
    }

    /// Does what the owner wants; None if it is so already.
    pub fn edit(&mut self, edit: &Edit, now_ms: u64, limits: &Limits) -> Result<Option<Commit>, Fault> {
        let user = edit.user();
        if *user == self.owner {
            return Err(Fault::new(Code::BadName, "user: is the owner"));
        }
        let rev = self.mark.rev + 1;
        let before = self.ties.get(user);
        let mut tie = before.cloned().unwrap_or_default();
        let mut blocked = self.blocks.contains(user);
        match edit {
            Edit::Ask(_) => tie.ask(rev),
            Edit::Accept(_) if tie.asks() || tie.ours == Stance::BOTH => tie.ask(rev),
            Edit::Accept(_) => {
                return Err(Fault::new(Code::NoRequest, format!("user: {user} has not asked")));
            }
            Edit::Decline(_) => tie.decline(rev),
            Edit::Remove(_) => tie.remove(rev),
            Edit::Approve { on, .. } => tie.approve(*on, rev),
            Edit::Alias { alias, .. } => on_list(&mut tie, user)?.alias = alias.clone(),
            Edit::Groups { groups, .. } => on_list(&mut tie, user)?.groups = groups.clone(),
            Edit::Block(_) => {
                blocked = true;
                tie.decline(rev);
            }
            Edit::Unblock(_) => blocked = false,
        }
        self.check(edit, before, &tie, limits)?;
        let mut lines: Vec<Line> = self.line(user, tie).into_iter().collect();
        if blocked != self.blocks.contains(user) {
            lines.push(Line::Block { user: user.clone(), on: blocked });
        }
        Ok((!lines.is_empty()).then(|| self.commit(self.next(), lines, now_ms)))
    }

    /// Takes the other side's stance. None if there is no room to remember it: it will be told again.
    pub fn hear(&mut self, tell: &Tell, now_ms: u64, limits: &Limits) -> Option<(Option<Commit>, Heard)> {
        let known = self.ties.get(&tell.from);
        let is_nothing = tell.stance == Stance::NONE && tell.heard == Stance::NONE;
        if known.is_none() && (is_nothing || self.ties.len() >= ties_max(limits)) {
            let (mark, stance) = (tell.mark, tell.stance);
            let heard = Heard { from: tell.to.clone(), to: tell.from.clone(), mark, stance };
            return is_nothing.then_some((None, heard));
        }
        let before = known.cloned().unwrap_or_default();
        let refuse =
            self.blocks.contains(&tell.from) || !before.asks() && self.asking() >= limits.friend_asks;
        let mut tie = before.clone();
        let is_new = tie.hear(tell, self.mark, refuse);
        // The other is told again what it has wrong, and, if nothing was known of it, what it is taken for: it may be an echo of long ago.
        if tie.owed.is_none() && (tell.heard != tie.ours || is_new && known.is_none()) {
            tie.owed = Some(self.mark.rev + 1);
        }
        let at = tie.theirs_at.expect("something was heard, now or before");
        let heard = Heard { from: tell.to.clone(), to: tell.from.clone(), mark: at, stance: tie.theirs };
        let loud = tie.owed != before.owed || self.says(&tell.from, &before) != self.says(&tell.from, &tie);
        let line = self.line(&tell.from, tie);
        let mark = if loud { self.next() } else { self.mark };
        Some((line.map(|line| self.commit(mark, vec![line], now_ms)), heard))
    }

    /// The other side has heard something.
    pub fn settle(&mut self, heard: &Heard, now_ms: u64) -> Option<Commit> {
        let mut tie = self.ties.get(&heard.from).cloned().unwrap_or_default();
        let mut mark = self.mark;
        match tie.owed {
            Some(owed) if heard.mark.epoch == mark.epoch && heard.mark.rev >= owed => tie.owed = None,
            Some(_) => {}
            None if heard.stance != tie.ours => {
                // An older word came late. The true one is told with a new rev, which no answer of before can settle.
                mark = self.next();
                tie.owed = Some(mark.rev);
            }
            None => {}
        }
        let line = self.line(&heard.from, tie)?;
        Some(self.commit(mark, vec![line], now_ms))
    }

    /// What the others are still to hear.
    pub fn owed(&self) -> impl Iterator<Item = Tell> + '_ {
        let owing = self.ties.iter().filter(|(_, tie)| tie.owed.is_some());
        owing.map(|(user, tie)| tie.tell(&self.owner, user, self.mark))
    }

    /// What one user is still to hear.
    pub fn owed_to(&self, user: &User) -> Option<Tell> {
        let tie = self.ties.get(user).filter(|tie| tie.owed.is_some())?;
        Some(tie.tell(&self.owner, user, self.mark))
    }

    /// Ends everything, as the account is gone. What is between the owner and others goes when they have heard of it.
    pub fn erase(&mut self, epoch: u64, now_ms: u64) -> Commit {
        let rev = self.mark.rev + 1;
        let blocked = self.blocks.iter().map(|user| Line::Block { user: user.clone(), on: false });
        let mut lines: Vec<Line> = blocked.collect();
        for (user, tie) in self.ties.clone() {
            let mut gone = tie;
            gone.decline(rev);
            gone.remove(rev);
            lines.extend(self.line(&user, gone));
        }
        self.commit(Mark { epoch, rev }, lines, now_ms)
    }

    /// Does a commit that was logged once more.
    pub fn replay(&mut self, commit: &Commit) -> Result<(), Fault> {
        let follows = commit.mark == self.mark || commit.mark.rev == self.mark.rev + 1;
        if commit.owner != self.owner || !follows {
            let (mark, owner) = (self.mark, &self.owner);
            let what = format!("{} of {} does not follow {mark} of {owner}", commit.mark, commit.owner);
            return Err(Fault::new(Code::BadField, what));
        }
        self.apply(commit);
        Ok(())
    }

    /// The whole.
    pub fn contacts(&mut self) -> Arc<Contacts> {
        if let Some(contacts) = &self.contacts {
            return contacts.clone();
        }
        let users: BTreeSet<&User> = self.ties.keys().chain(&self.blocks).collect();
        let people = users.into_iter().map(|user| (user.clone(), self.contact(user)));
        let people = people.filter(|(_, contact)| !contact.is_nothing()).collect();
        let contacts = Arc::new(Contacts::new(&self.owner, self.mark, people));
        self.contacts.insert(contacts).clone()
    }

    /// From what a client has to the present.
    pub fn since(&mut self, have: Option<Tag>) -> Difference {
        let contacts = self.contacts();
        let Some(have) = have.filter(|have| have.mark.epoch == self.mark.epoch) else {
            return Difference::Full(contacts);
        };
        if have == contacts.tag() {
            return Difference::Same(have, contacts.blocks_tag());
        }
        match self.log.since(have.mark.rev, self.mark.rev) {
            Some(users) if have.mark.rev < self.mark.rev => Difference::Delta {
                from: have.mark.rev,
                tag: contacts.tag(),
                blocks_tag: contacts.blocks_tag(),
                people: users.into_iter().map(|user| (user.clone(), self.contact(user))).collect(),
            },
            Some(_) | None => Difference::Full(contacts),
        }
    }

    fn contact(&self, user: &User) -> Contact {
        let nothing = Tie::default();
        let tie = self.ties.get(user).unwrap_or(&nothing);
        let (friend, asks) = self.says(user, tie);
        Contact { friend, blocked: self.blocks.contains(user), asks }
    }

    fn says(&self, user: &User, tie: &Tie) -> (Option<Friend>, bool) {
        (tie.friend(user), tie.asks())
    }

    /// People who ask.
    fn asking(&self) -> usize {
        self.ties.values().filter(|tie| tie.asks()).count()
    }

    fn check(&self, edit: &Edit, before: Option<&Tie>, tie: &Tie, limits: &Limits) -> Result<(), Fault> {
        let user = edit.user();
        let full =
            |what: &str, most: usize| Err(Fault::new(Code::TooMany, format!("{what}: at most {most}")));
        let joins = tie.card.is_some() && before.is_none_or(|before| before.card.is_none());
        if joins && self.blocks.contains(user) {
            return Err(Fault::new(Code::NotPermitted, format!("user: {user} is blocked")));
        }
        if joins && self.ties.values().filter(|tie| tie.card.is_some()).count() >= limits.friends {
            return full("friends", limits.friends);
        }
        if tie.card.as_ref().is_some_and(|card| card.groups.len() > limits.friend_groups) {
            return full("groups", limits.friend_groups);
        }
        let blocks = matches!(edit, Edit::Block(_)) && !self.blocks.contains(user);
        if blocks && self.blocks.len() >= limits.blocks { full("blocks", limits.blocks) } else { Ok(()) }
    }

    /// How the tie is written, if it is another than before.
    fn line(&self, user: &User, tie: Tie) -> Option<Line> {
        let tie = Some(tie).filter(|tie| !tie.is_empty());
        let changed = tie.as_ref() != self.ties.get(user);
        changed.then(|| Line::Tie { user: user.clone(), tie: tie.map(Box::new) })
    }

    fn next(&self) -> Mark {
        Mark { rev: self.mark.rev + 1, ..self.mark }
    }

    fn commit(&mut self, mark: Mark, lines: Vec<Line>, now_ms: u64) -> Commit {
        let commit = Commit { owner: self.owner.clone(), mark, at_ms: now_ms, lines };
        self.apply(&commit);
        commit
    }

    fn apply(&mut self, commit: &Commit) {
        let loud = commit.mark != self.mark;
        if commit.mark.epoch != self.mark.epoch {
            self.log.clear();
        }
        self.mark = commit.mark;
        for line in &commit.lines {
            match line {
                Line::Tie { user, tie: Some(tie) } => _ = self.ties.insert(user.clone(), *tie.clone()),
                Line::Tie { user, tie: None } => _ = self.ties.remove(user),
                Line::Block { user, on: true } => _ = self.blocks.insert(user.clone()),
                Line::Block { user, on: false } => _ = self.blocks.remove(user),
            }
        }
        if loud {
            let users = commit.lines.iter().map(|line| line.user().clone()).collect();
            self.log.push(commit.mark.rev, commit.at_ms, users);
            self.contacts = None;
        }
    }
}

fn on_list<'t>(tie: &'t mut Tie, user: &User) -> Result<&'t mut Card, Fault> {
    let missing = || Fault::new(Code::NoFriend, format!("user: {user} is not on the list"));
    tie.card.as_mut().ok_or_else(missing)
}

/// Users that a list remembers at the most, those included who are to hear that they are not on it.
fn ties_max(limits: &Limits) -> usize {
    2 * (limits.friends + limits.friend_asks)
}
