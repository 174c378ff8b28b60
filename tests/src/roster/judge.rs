//! The judge: what homes serve was true, is never older than what has been called done, and never goes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::User;
use slotcast_protocol::roster::{Edit, Mark, Sub};
use slotcast_state::SessionId;
use slotcast_state::roster::{Claim, Contacts, HomeId, Notice};

use crate::roster::client::{Purpose, Wish};
use crate::roster::copy::Copy;
use crate::roster::disk::Disk;
use crate::roster::world::World;

#[derive(Default)]
pub struct Judge {
    /// How far each list must be wherever it is served: what was called done.
    done: BTreeMap<User, usize>,
    /// Whom an owner has shut out for good, as far as the owner was told.
    shut_out: BTreeSet<(User, User)>,
    /// Wishes so far, and which was the last by which an owner may let someone in.
    wishes: u64,
    let_in: BTreeMap<(User, User), u64>,
    served: BTreeMap<(HomeId, User), usize>,
    fetched_ms: BTreeMap<(HomeId, User), u64>,
    told_ms: BTreeMap<(HomeId, User, SessionId), u64>,
}

/// Whom it may let in who was not.
fn lets_in(wish: &Wish) -> Option<&User> {
    let Wish::Edit(edit) = wish else { return None };
    match edit {
        Edit::Ask(user) | Edit::Accept(user) | Edit::Approve { user, on: true } | Edit::Unblock(user) => {
            Some(user)
        }
        Edit::Decline(_) | Edit::Remove(_) | Edit::Approve { on: false, .. } | Edit::Block(_) => None,
        Edit::Alias { .. } | Edit::Groups { .. } => None,
    }
}

/// Where in a history a mark is; a list without a change is before all.
fn place(disk: &Disk, owner: &User, mark: Mark) -> Result<usize, String> {
    match disk.place(owner, mark) {
        Some(place) => Ok(place + 1),
        None if mark.rev == 0 => Ok(0),
        None => Err(format!("{owner} was never at {mark}, as far as the disk knows")),
    }
}

impl Judge {
    /// An owner is about to ask for something; its number.
    pub fn wished(&mut self, owner: &User, wish: &Wish) -> u64 {
        self.may_let_in(owner, wish);
        self.wishes
    }

    fn may_let_in(&mut self, owner: &User, wish: &Wish) {
        self.wishes += 1;
        if let Some(user) = lets_in(wish) {
            let pair = (owner.clone(), user.clone());
            self.shut_out.remove(&pair);
            self.let_in.insert(pair, self.wishes);
        }
    }

    /// The wish of this number is called done. What waits for leases holds from now on, everywhere; `others` are wishes of the owner under way.
    pub fn done(
        &mut self,
        owner: &User,
        (wish, number): (&Wish, u64),
        mark: Mark,
        disk: &Disk,
        others: &[Wish],
    ) -> Result<(), String> {
        // It may have been done long after it was asked for, and after what was asked for later.
        self.may_let_in(owner, wish);
        let place = place(disk, owner, mark)?;
        let shuts_out = match wish {
            Wish::Erase => None,
            Wish::Edit(edit) if edit.is_revoking() => Some(edit.user()),
            Wish::Edit(_) => return Ok(()),
        };
        let done = self.done.entry(owner.clone()).or_default();
        *done = place.max(*done);
        if let Some(user) = shuts_out {
            let pair = (owner.clone(), user.clone());
            let later = self.let_in.get(&pair).is_some_and(|let_in| *let_in > number);
            if !later && !others.iter().any(|other| lets_in(other) == Some(user)) {
                self.shut_out.insert(pair);
            }
        }
        Ok(())
    }

    /// A home is told that a list has changed: it may ask at once.
    pub fn invalidated(&mut self, home: HomeId, owner: &User) {
        self.fetched_ms.remove(&(home, owner.clone()));
    }

    pub fn fetched(&mut self, home: HomeId, owner: &User, now_ms: u64) -> Result<(), String> {
        let before = self.fetched_ms.insert((home, owner.clone()), now_ms);
        match before.filter(|before| before + 1_000 > now_ms) {
            Some(before) => Err(format!("{home:?} fetches {owner} at {before} and at {now_ms}")),
            None => Ok(()),
        }
    }

    /// A client's copy is the list at its mark.
    pub fn copied(&self, owner: &User, copy: &Copy, disk: &Disk) -> Result<(), String> {
        let mark = copy.tag.expect("it has taken something").mark;
        let nothing = BTreeMap::new();
        let people = match place(disk, owner, mark)?.checked_sub(1) {
            Some(place) => disk.history(owner)[place].people(),
            None => &nothing,
        };
        if copy.people == *people {
            Ok(())
        } else {
            Err(format!("{owner}'s copy at {mark}: {copy:?}, not {people:?}"))
        }
    }

    fn served(
        &mut self,
        home: HomeId,
        owner: &User,
        contacts: &Arc<Contacts>,
        disk: &Disk,
    ) -> Result<usize, String> {
        let mark = contacts.mark();
        let at = place(disk, owner, mark)?;
        if at > 0 && disk.history(owner)[at - 1] != *contacts {
            return Err(format!("{home:?} serves another list of {owner} at {mark}"));
        }
        let done = self.done.get(owner).copied().unwrap_or(0);
        if at < done {
            return Err(format!("{home:?} serves {owner} at {mark}, change {at}; {done} was called done"));
        }
        let before = self.served.insert((home, owner.clone()), at).unwrap_or(0);
        if at < before {
            return Err(format!("{home:?} goes back for {owner} from change {before} to {at}"));
        }
        match contacts.admitted().find(|user| self.shut_out.contains(&(owner.clone(), (*user).clone()))) {
            Some(user) => Err(format!("{home:?} lets {user} in, whom {owner} has shut out")),
            None => Ok(at),
        }
    }

    /// Whoever speaks the truth is never told to take everything, unless the list has begun a new life; nor served what is older than it has.
    fn honest(
        at: usize,
        claimed: Mark,
        contacts: &Contacts,
        notice: Option<Notice>,
        disk: &Disk,
        owner: &User,
    ) -> Result<(), String> {
        if claimed.epoch != contacts.mark().epoch {
            return Ok(());
        }
        let claimed = place(disk, owner, claimed)?;
        if notice == Some(Notice::Full) || at < claimed {
            return Err(format!(
                "an honest client of {owner} at change {claimed} is told {notice:?} and served {at}"
            ));
        }
        let behind = notice == Some(Notice::Behind);
        if behind && at == claimed { Err(format!("{owner} is not behind at {claimed}")) } else { Ok(()) }
    }

    fn told_behind(
        &mut self,
        home: HomeId,
        owner: &User,
        session: SessionId,
        now_ms: u64,
    ) -> Result<(), String> {
        let before = self.told_ms.insert((home, owner.clone(), session), now_ms);
        match before.filter(|before| before + 5_000 > now_ms) {
            Some(before) => Err(format!("{home:?} tells {owner} to be behind at {before} and at {now_ms}")),
            None => Ok(()),
        }
    }
}

impl World {
    /// A home lets a packet go on.
    pub fn went_on(
        &mut self,
        home: HomeId,
        ticket: u64,
        contacts: &Arc<Contacts>,
        notice: Option<Notice>,
    ) -> Result<(), String> {
        self.tally.went_on += 1;
        let purpose = self.tickets.remove(&ticket).ok_or("a packet goes on twice")?;
        let owner = match &purpose {
            Purpose::Own { owner, .. } | Purpose::Deliver { owner } => owner,
            Purpose::Wish { .. } | Purpose::Read { .. } => {
                return Err("homes know of packets alone".to_owned());
            }
        };
        let disk = &self.desks[self.registrar_of(owner)].disk;
        let at = self.judge.served(home, owner, contacts, disk)?;
        let Purpose::Own { session, claim, honest, .. } = purpose.clone() else { return Ok(()) };
        match notice {
            Some(Notice::Behind) => self.judge.told_behind(home, owner, session, self.now_ms)?,
            Some(Notice::Full) if claim == Claim::from(contacts.tag()) => {
                return Err("full for one who has it".to_owned());
            }
            Some(Notice::Full) | None => {}
        }
        self.tally.behind += u64::from(notice == Some(Notice::Behind));
        match honest {
            Some(tag) => Judge::honest(at, tag.mark, contacts, notice, disk, owner),
            None => Ok(()),
        }
    }

    /// In the end everyone has heard of everything, and both sides of each tie say the same.
    pub fn judge_rest(&mut self) -> Result<(), String> {
        for home in &self.homes {
            let met = home.cache.met();
            self.tally.fast += met.fast;
            self.tally.slow += met.slow;
            self.tally.fetches += met.fetches;
            self.tally.denied += met.denied;
            self.tally.diverged += met.diverged;
        }
        if let Some(client) = self.clients.iter().find(|client| client.wish.is_some()) {
            let wish = client.wish.as_ref().map(|pending| &pending.wish);
            return Err(format!("{} still waits for {wish:?}", client.user));
        }
        for owner in &self.users {
            let Some(mut list) = self.desks[self.registrar_of(owner)].disk.load(owner) else { continue };
            if let Some(tell) = list.owed().next() {
                return Err(format!("at rest {tell:?} is owed"));
            }
            for (user, contact) in list.contacts().people() {
                let other =
                    self.desks[self.registrar_of(user)].disk.load(user).map(|mut list| list.contacts());
                let back = other.as_ref().and_then(|other| other.people().get(owner));
                let sub = |contact: &slotcast_protocol::roster::Contact| {
                    contact.friend.as_ref().map_or(Sub::None, |friend| friend.sub)
                };
                let (ours, theirs) = (sub(contact), back.map_or(Sub::None, sub));
                if (ours.sees(), ours.is_seen()) != (theirs.is_seen(), theirs.sees()) {
                    return Err(format!(
                        "at rest {owner} has {user} as {ours:?}, and the other way it is {theirs:?}"
                    ));
                }
                self.tally.friendships += u64::from(ours == Sub::Both);
                let asked = back.and_then(|back| back.friend.as_ref()).is_some_and(|friend| friend.asked);
                if contact.asks && !asked {
                    return Err(format!("at rest {user} asks {owner} and does not know it"));
                }
            }
        }
        Ok(())
    }
}
