//! A user who is there: what the sessions have said, what the friends were told, and what is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::roster::Mark;
use slotcast_protocol::{State, Status, User, Value};

use crate::ids::SessionId;
use crate::object::Moment;
use crate::roster::Contacts;
use crate::user::{Letter, PersonLetter, Rate};

/// What a session has asked for and said.
#[derive(Default)]
struct Sitting {
    /// It is told how the friends are, and that the list has changed.
    watches: bool,
    /// It was given the list, and behind it how everyone is.
    greeted: bool,
    /// How far the list is that it was given; None while it is to ask anew.
    has: Option<Mark>,
    said: Option<Said>,
}

/// A session's word, and the how-manieth of the user's it is.
struct Said {
    state: State,
    body: Option<Value>,
    number: u64,
}

/// See the file's text.
pub(super) struct Person {
    sittings: BTreeMap<SessionId, Sitting>,
    words: u64,
    /// How the user is, for the user.
    own: Status,
    /// Whether the user's name can own a list.
    has_list: bool,
    /// The list by which the friends were told last.
    told_by: Option<Arc<Contacts>>,
    /// Those who asked since, and were told by a later one.
    answered: BTreeSet<User>,
    /// The list by which they were asked how they are; None until the first of those who watch has.
    asked_by: Option<Arc<Contacts>>,
    /// The friends are to be told how the user is.
    dirty: bool,
    /// The list has changed since.
    changed: bool,
    /// Someone was told something other than that the user is offline.
    was_shown: bool,
    /// How friends are, unless they are offline and nothing is known of them.
    seen: BTreeMap<User, Status>,
    /// Of whom the sessions are to be told.
    news: BTreeSet<User>,
    told_ms: u64,
    /// When it is to be looked at again.
    pub due_ms: Option<u64>,
    pub rate: Rate,
}

impl Person {
    pub fn new(has_list: bool) -> Self {
        Person {
            sittings: BTreeMap::new(),
            words: 0,
            own: Status::OFFLINE,
            has_list,
            told_by: None,
            answered: BTreeSet::new(),
            asked_by: None,
            dirty: false,
            changed: false,
            was_shown: false,
            seen: BTreeMap::new(),
            news: BTreeSet::new(),
            told_ms: 0,
            due_ms: None,
            rate: Rate::default(),
        }
    }

    /// How the friends see the user.
    pub fn shown(&self) -> Status {
        match self.own.state {
            State::Invisible => Status { state: State::Offline, body: None, since_ms: self.own.since_ms },
            State::Online | State::Away | State::Busy | State::Offline => self.own.clone(),
        }
    }

    /// Sessions that are told what is new of the friends.
    pub fn greeted(&self) -> impl Iterator<Item = SessionId> {
        self.sittings.iter().filter(|(_, sitting)| sitting.greeted).map(|(session, _)| *session)
    }

    /// Sessions that have asked how the friends are.
    fn watching(&self) -> impl Iterator<Item = SessionId> {
        self.sittings.iter().filter(|(_, sitting)| sitting.watches).map(|(session, _)| *session)
    }

    /// A session of the user's is there.
    pub fn sit(&mut self, session: SessionId) {
        self.sittings.entry(session).or_default();
    }

    /// The session wants to be told. The friends are asked how they are if no one has asked before.
    pub fn watch(&mut self, session: SessionId) {
        let first = self.watching().next().is_none();
        self.changed |= first;
        self.sittings.entry(session).or_default().watches = true;
    }

    /// How everyone is, as far as it is known.
    pub fn presence(&self, user: &User) -> Vec<(User, Status)> {
        let own = Some((user, &self.own)).filter(|(_, own)| own.state != State::Offline);
        own.into_iter().chain(&self.seen).map(|(user, status)| (user.clone(), status.clone())).collect()
    }

    /// How everyone is whom the user sees, those who are offline included.
    pub fn whole_presence(&self, user: &User) -> Vec<(User, Status)> {
        let friends = self.asked_by.iter().flat_map(|asked_by| asked_by.seen());
        let status = |friend: &User| self.seen.get(friend).cloned().unwrap_or(Status::OFFLINE);
        let own = (user.clone(), self.own.clone());
        friends.map(|friend| (friend.clone(), status(friend))).chain([own]).collect()
    }

    /// Whether the session is told what is new of the friends.
    pub fn is_greeted(&self, session: SessionId) -> bool {
        self.sittings.get(&session).is_some_and(|sitting| sitting.greeted)
    }

    /// A session says how the user is.
    pub fn say(&mut self, session: SessionId, word: Option<(State, Option<Value>)>) {
        self.words += 1;
        let number = self.words;
        let said = word.map(|(state, body)| Said { state, body, number });
        self.sittings.entry(session).or_default().said = said;
    }

    /// A session has ended.
    pub fn leave(&mut self, session: SessionId) {
        self.sittings.remove(&session);
        if self.watching().next().is_none() {
            self.asked_by = None;
            self.seen.clear();
            self.news.clear();
        }
    }

    /// Folds what the sessions say into one; true if the friends see another status than before.
    pub fn fold(&mut self, user: &User, now_ms: u64) -> bool {
        let said = self.sittings.values().filter_map(|sitting| sitting.said.as_ref());
        let wins = said.max_by_key(|said| (rank(said.state), said.number));
        let (state, body) = wins.map_or((State::Offline, None), |said| (said.state, said.body.clone()));
        if state == self.own.state && body == self.own.body {
            return false;
        }
        let before = self.shown();
        let since_ms = if state == self.own.state { self.own.since_ms } else { Some(now_ms) };
        self.own = Status { state, body, since_ms };
        self.news.insert(user.clone());
        let after = self.shown();
        let differs = (before.state, &before.body) != (after.state, &after.body);
        self.dirty |= differs && self.has_list;
        differs
    }

    /// The list has changed: the sessions that are to be told so.
    pub fn renew(&mut self) -> Vec<SessionId> {
        self.changed = true;
        self.sittings.values_mut().for_each(|sitting| sitting.has = None);
        self.watching().collect()
    }

    /// A session is given the list as of `mark`: whether it is to be told how everyone is, and whether the list is older than what is known here.
    pub fn give(&mut self, session: SessionId, mark: Mark) -> (bool, bool) {
        let Some(sitting) = self.sittings.get_mut(&session) else { return (false, false) };
        let behind = self.told_by.as_ref().is_some_and(|told_by| mark.is_before(told_by.mark()));
        sitting.has = Some(mark).filter(|_| !behind);
        (!std::mem::replace(&mut sitting.greeted, true), behind)
    }

    /// Sessions that were given an older list than this, and are to be told so.
    pub fn outdated(&mut self, now: Mark) -> Vec<SessionId> {
        let outdated =
            |sitting: &Sitting| sitting.has.is_some_and(|has| has.epoch != now.epoch || has.is_before(now));
        let found = self.sittings.iter_mut().filter(|(_, sitting)| outdated(sitting));
        found
            .map(|(session, sitting)| {
                sitting.has = None;
                *session
            })
            .collect()
    }

    /// Whether the friends' homes are to be told or asked something.
    pub fn is_to_spread(&self) -> bool {
        self.dirty || self.changed
    }

    /// Someone who asked was told how the user is.
    pub fn answered(&mut self, other: &User) {
        self.answered.insert(other.clone());
        self.was_shown = true;
    }

    /// Letters to the homes of the friends: how the user is, where that is new to them, and where the user may not be seen any more; and who is new to
    /// the user is asked.
    pub fn spread(
        &mut self,
        user: &User,
        shown: &Status,
        contacts: Arc<Contacts>,
        letters: &mut Vec<(User, Letter)>,
    ) {
        let before = self.told_by.replace(contacts.clone());
        let of = |status: Option<Status>| Letter::from(PersonLetter::Status { of: user.clone(), status });
        let known = |other: &User| before.as_ref().is_some_and(|before| before.admits(other));
        let says = shown.state != State::Offline || self.was_shown;
        for friend in contacts.admitted().filter(|friend| says && (self.dirty || !known(friend))) {
            letters.push((friend.clone(), of(Some(shown.clone()))));
        }
        let mut told = std::mem::take(&mut self.answered);
        told.extend(before.iter().flat_map(|before| before.admitted()).cloned());
        let not_any_more = told.into_iter().filter(|other| !contacts.admits(other));
        letters.extend(not_any_more.map(|other| (other, of(None))));
        self.was_shown = says;
        self.dirty = false;
        if std::mem::take(&mut self.changed) && self.watching().next().is_some() {
            self.ask(user, contacts, letters);
        }
    }

    /// Letters without a list, if the user is not to be seen any more: who was told otherwise may know that, and no more than that.
    pub fn vanish(&mut self, user: &User, letters: &mut Vec<(User, Letter)>) {
        if self.shown().state != State::Offline || !self.was_shown {
            return;
        }
        let mut told = std::mem::take(&mut self.answered);
        told.extend(self.told_by.take().iter().flat_map(|told_by| told_by.admitted()).cloned());
        let gone = || PersonLetter::Status { of: user.clone(), status: None }.into();
        letters.extend(told.into_iter().map(|other| (other, gone())));
        (self.was_shown, self.dirty) = (false, false);
    }

    /// Those who are new to the user are asked how they are, those who are gone are forgotten.
    fn ask(&mut self, user: &User, contacts: Arc<Contacts>, letters: &mut Vec<(User, Letter)>) {
        let before = self.asked_by.replace(contacts.clone());
        let saw = |other: &User| before.as_ref().is_some_and(|before| before.sees(other));
        for friend in contacts.seen().filter(|friend| !saw(friend)) {
            letters.push((friend.clone(), PersonLetter::Probe { from: user.clone() }.into()));
        }
        let gone = self.seen.extract_if(.., |other, _| !contacts.sees(other)).map(|(other, _)| other);
        self.news.extend(gone);
    }

    /// Someone is so; None if the user is not to know any more. True if it is new.
    pub fn see(&mut self, of: User, status: Option<Status>) -> bool {
        // Before the list is there no one was asked; whoever is on it will be.
        if self.asked_by.as_ref().is_none_or(|contacts| !contacts.sees(&of)) {
            return false;
        }
        let before = match status.filter(|status| *status != Status::OFFLINE) {
            Some(status) if self.seen.get(&of) == Some(&status) => return false,
            Some(status) => self.seen.insert(of.clone(), status).or(Some(Status::OFFLINE)),
            None => self.seen.remove(&of),
        };
        if before.is_some() {
            self.news.insert(of);
        }
        before.is_some()
    }

    /// When the sessions may be told what is new; None if nothing is.
    pub fn news_ms(&self, moment: &Moment<'_>) -> Option<u64> {
        let is_news = !self.news.is_empty() && self.greeted().next().is_some();
        is_news.then(|| self.told_ms + moment.limits.status_ms)
    }

    /// What is new.
    pub fn take_news(&mut self, user: &User, now_ms: u64) -> Vec<(User, Status)> {
        self.told_ms = now_ms;
        let news = std::mem::take(&mut self.news).into_iter();
        let status = |of: &User| match of == user {
            true => self.own.clone(),
            false => self.seen.get(of).cloned().unwrap_or(Status::OFFLINE),
        };
        news.map(|of| (of.clone(), status(&of))).collect()
    }

    /// Whether no session is there, and no one has to be told so.
    pub fn is_over(&self) -> bool {
        self.sittings.is_empty() && !self.dirty
    }
}

/// Of what several sessions say the highest counts.
fn rank(state: State) -> u8 {
    match state {
        State::Invisible => 3,
        State::Busy => 2,
        State::Online => 1,
        State::Away | State::Offline => 0,
    }
}
