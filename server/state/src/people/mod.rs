//! What a shard knows of its users beside their inboxes: their lists, and how they are.
//!
//! ```text
//! session -- friends, edit --> People -- questions --> the friend subsystem: the shard's own Registry, or one outside
//! session -- status ---------> Person -- queue ------> homes of the friends -- at most one word a second --> their sessions
//! a letter to a user --------> Lists: may it go on?
//! ```
//!
//! Statuses travel from home to home in a queue with a rate of its own, so that a storm of log-ins delays statuses and nothing else.

mod last_seen;
mod lists;
mod person;
mod queue;
mod registry;
mod requests;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use slotcast_protocol::{Event, Fault, Limits, RelayEvent, Roster, User};

use crate::effects::{Delivery, Effects};
use crate::idle::Idle;
use crate::ids::SessionId;
use crate::object::Moment;
use crate::roster::{CacheInput, CacheOutput, Contacts, Difference, Heard, Input, Met, Notice, Output, Tell};
use crate::user::{HomeInput, PersonLetter, Relay, Rosters};

pub(crate) use lists::Lists;
pub(crate) use registry::Registry;

use last_seen::LastSeen;
use lists::Purpose;
use person::Person;
use queue::Queue;

/// A status that could not be passed on, as the lists cannot be had, is tried again after so long, in ms.
const AGAIN_MS: u64 = 1_000;

/// Whoever keeps the lists.
pub(crate) enum Subsystem {
    /// The shard itself.
    Own(Box<Registry>),
    /// A service outside; what it is asked goes out as [`Effects::questions`].
    Outside,
}

/// See the module's text.
pub(crate) struct People {
    pub lists: Lists,
    subsystem: Subsystem,
    relay: Arc<Relay>,
    persons: BTreeMap<User, Person>,
    last_seen: LastSeen,
    queue: Queue,
    /// When someone is to be told something, or tried again.
    due: BTreeSet<(u64, User)>,
    /// What the subsystem has said.
    said: VecDeque<Output>,
    /// What may go on, as its list is at hand now.
    going_on: VecDeque<(User, HomeInput)>,
    /// For whose home something has waited in vain.
    in_vain: Vec<User>,
}

impl People {
    /// `number` tells the shard from others; it has one of `shards` parts of the limits.
    pub fn new(number: u16, seed: u64, relay: Arc<Relay>, limits: &Arc<Limits>, shards: usize) -> Self {
        let subsystem = match relay.rosters {
            Rosters::Own(durability) => {
                Subsystem::Own(Box::new(Registry::new(seed, durability, limits.clone())))
            }
            Rosters::Outside => Subsystem::Outside,
        };
        People {
            lists: Lists::new(number, limits.lists.div_ceil(shards)),
            subsystem,
            relay,
            persons: BTreeMap::new(),
            last_seen: LastSeen::new(limits.last_seen.div_ceil(shards)),
            queue: Queue::new(limits.statuses_per_s.div_ceil(shards)),
            due: BTreeSet::new(),
            said: VecDeque::new(),
            going_on: VecDeque::new(),
            in_vain: Vec::new(),
        }
    }

    /// The shard's own lists.
    pub fn registry(&mut self) -> Option<&mut Registry> {
        match &mut self.subsystem {
            Subsystem::Own(registry) => Some(registry),
            Subsystem::Outside => None,
        }
    }

    /// How often lists were at hand, and how often not.
    pub fn met(&self) -> Met {
        self.lists.met()
    }

    /// Users who are there.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// When something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        let registry = match &self.subsystem {
            Subsystem::Own(registry) => registry.next_deadline(),
            Subsystem::Outside => None,
        };
        let due = self.due.first().map(|(at_ms, _)| *at_ms);
        [registry, self.lists.next_deadline(), self.queue.next_ms(), due].into_iter().flatten().min()
    }

    pub fn tick(&mut self, moment: &Moment<'_>, idle: &mut Idle, effects: &mut Effects) {
        self.lists.handle(CacheInput::Tick(moment.now_ms));
        self.ask(Input::Tick(moment.now_ms), idle, effects);
        while self.due.first().is_some_and(|(at_ms, _)| *at_ms <= moment.now_ms) {
            let (_, user) = self.due.pop_first().expect("it was there");
            let Some(person) = self.persons.get_mut(&user) else { continue };
            person.due_ms = None;
            if person.is_to_spread() {
                self.queue.push(&user);
            }
            self.tell_news(&user, moment, effects);
        }
        self.settle(moment, idle, effects);
    }

    /// The friend subsystem has said something.
    pub fn hear(&mut self, output: Output) {
        self.said.push_back(output);
    }

    /// Asks the friend subsystem.
    pub fn ask(&mut self, input: Input, idle: &mut Idle, effects: &mut Effects) {
        match &mut self.subsystem {
            Subsystem::Own(registry) => registry.handle(input, idle, effects, &mut self.said),
            Subsystem::Outside if matches!(input, Input::Tick(_)) => {}
            Subsystem::Outside => effects.questions.push(input),
        }
    }

    /// Carries on what the last inputs have begun, until it is done or waits for someone.
    pub fn settle(&mut self, moment: &Moment<'_>, idle: &mut Idle, effects: &mut Effects) {
        loop {
            if let Some(output) = self.said.pop_front() {
                self.take(output, effects);
            } else if let Some(output) = self.lists.next_output() {
                self.carry(output, moment, idle, effects);
            } else if let Some(user) = self.queue.pop(moment.now_ms) {
                self.lists.ask(user.clone(), Purpose::Spread(user));
            } else {
                return;
            }
        }
    }

    /// What may go on by now.
    pub fn next_going_on(&mut self) -> Option<(User, HomeInput)> {
        self.going_on.pop_front()
    }

    /// Users whose homes something has waited for in vain.
    pub fn take_in_vain(&mut self) -> Vec<User> {
        std::mem::take(&mut self.in_vain)
    }

    fn take(&mut self, output: Output, effects: &mut Effects) {
        match output {
            Output::Fetched { fetch, owner, lease, fetched, .. } => {
                self.lists.handle(CacheInput::Fetched { fetch, owner, lease, fetched });
            }
            Output::Renewed { fetch, lease, stale, .. } => {
                self.lists.handle(CacheInput::Renewed { fetch, lease, stale });
            }
            Output::Invalidate { owner, mark, .. } => {
                self.lists.handle(CacheInput::Invalidate { owner, mark });
            }
            Output::Edited { ticket, result } => {
                if let Some(Purpose::Edit { session, id }) = self.lists.close(ticket) {
                    let event = match result {
                        Ok(mark) => RelayEvent::Edited { id, rev: mark.rev },
                        Err(fault) => RelayEvent::Refused { id: Some(id), fault, retry_ms: None },
                    };
                    tell(session, event, effects);
                }
            }
            Output::Read { ticket, result } => {
                if let Some(Purpose::Read { session, owner }) = self.lists.close(ticket) {
                    self.give(session, &owner, result, effects);
                }
            }
            Output::Tell(_) | Output::Heard(_) => unreachable!("the subsystem tells its own sides"),
        }
    }

    /// A session is given its user's list.
    fn give(
        &mut self,
        session: SessionId,
        owner: &User,
        list: Result<Difference, Fault>,
        effects: &mut Effects,
    ) {
        let roster: Roster = match list {
            Ok(difference) => difference.into(),
            Err(fault) => {
                let event = Event::Error { fault, object: None };
                return effects.deliveries.push(Delivery::Reply { session, event });
            }
        };
        let mark = roster.tag.mark;
        tell(session, RelayEvent::Roster(roster), effects);
        let Some(person) = self.persons.get_mut(owner) else { return };
        let (greets, behind) = person.give(session, mark);
        let presence = person.presence(owner);
        if greets && !presence.is_empty() {
            tell(session, RelayEvent::Presence(presence), effects);
        }
        if behind {
            tell_stale(session, effects);
        }
    }

    /// What the lists at hand say.
    fn carry(&mut self, output: CacheOutput, moment: &Moment<'_>, idle: &mut Idle, effects: &mut Effects) {
        match output {
            CacheOutput::Go { ticket, contacts, notice } => {
                self.go(ticket, contacts, notice, moment, effects);
            }
            CacheOutput::Refused { ticket, fault } => match self.lists.close(ticket) {
                Some(Purpose::Letter(user, input)) => {
                    effects.letters.extend(crate::user::refuse_letter(*input, &fault));
                    self.in_vain.push(user);
                }
                Some(Purpose::Spread(user)) => self.again(user, moment, effects),
                Some(Purpose::Claim { .. } | Purpose::Probe { .. }) => {}
                Some(Purpose::Edit { .. } | Purpose::Read { .. }) | None => {}
            },
            CacheOutput::Changed { owner } => {
                let Some(person) = self.persons.get_mut(&owner) else { return };
                person.renew().into_iter().for_each(|session| tell_stale(session, effects));
                self.queue.push(&owner);
            }
            question @ (CacheOutput::Fetch { .. } | CacheOutput::Renew { .. }) => {
                self.ask(self.lists.question(question), idle, effects);
            }
            question @ (CacheOutput::Acknowledge { .. } | CacheOutput::Release { .. }) => {
                self.ask(self.lists.question(question), idle, effects);
            }
        }
    }

    fn go(
        &mut self,
        ticket: u64,
        contacts: Arc<Contacts>,
        notice: Option<Notice>,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        match self.lists.close(ticket) {
            Some(Purpose::Letter(user, input)) => self.going_on.push_back((user, *input)),
            Some(Purpose::Claim { session }) => {
                if let Some(notice) = notice {
                    tell(session, RelayEvent::Stale { full: notice == Notice::Full }, effects);
                }
            }
            Some(Purpose::Spread(user)) => self.spread(&user, contacts, moment, effects),
            Some(Purpose::Probe { of, from }) => {
                let status = self.status(&of).filter(|_| contacts.admits(&from));
                if let Some(status) = status {
                    self.persons.get_mut(&of).into_iter().for_each(|person| person.answered(&from));
                    effects.letters.push((from, PersonLetter::Status { of, status: Some(status) }.into()));
                }
            }
            Some(Purpose::Edit { .. } | Purpose::Read { .. }) | None => {}
        }
    }

    /// A letter about lists or statuses.
    pub fn letter(
        &mut self,
        user: User,
        letter: PersonLetter,
        moment: &Moment<'_>,
        idle: &mut Idle,
        effects: &mut Effects,
    ) {
        match letter {
            PersonLetter::Probe { from } => {
                if self.status(&user).is_some() {
                    self.lists.ask(user.clone(), Purpose::Probe { of: user, from });
                }
            }
            PersonLetter::Status { of, status } => {
                let Some(person) = self.persons.get_mut(&user) else { return };
                if person.see(of, status) {
                    self.tell_news(&user, moment, effects);
                }
            }
            // Without room it is not heard; it will be told again.
            PersonLetter::Stance(_) | PersonLetter::Heard(_) if moment.storage_full && self.is_durable() => {}
            // No list is made for one who does not exist; as if it had heard, it is not told again.
            PersonLetter::Stance(Tell { from, to, mark, stance, .. }) if !self.relay.has(&to) => {
                let heard = Heard { from: to, to: from.clone(), mark, stance };
                effects.letters.push((from, PersonLetter::Heard(heard).into()));
            }
            PersonLetter::Stance(stance) => self.ask(Input::Tell(stance), idle, effects),
            PersonLetter::Heard(heard) => self.ask(Input::Heard(heard), idle, effects),
        }
    }

    fn is_durable(&self) -> bool {
        matches!(&self.subsystem, Subsystem::Own(registry) if registry.is_durable())
    }
}

fn tell_stale(session: SessionId, effects: &mut Effects) {
    news(session, RelayEvent::Stale { full: false }, effects);
}

/// What no one has asked for: a socket that does not take it is not filled with it.
fn news(session: SessionId, event: RelayEvent, effects: &mut Effects) {
    effects.deliveries.push(Delivery::News { session, event: Event::Relay(event) });
}

/// To a session. What comes from the friend subsystem is told by it when it is kept, so nothing here is held back.
fn tell(session: SessionId, event: RelayEvent, effects: &mut Effects) {
    effects.deliveries.push(Delivery::Reply { session, event: Event::Relay(event) });
}
