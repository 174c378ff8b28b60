//! Which users of a shard are in memory: their homes are loaded when something comes for them, and leave when others need the room and the store
//! has them. A home of the class `memory` stays as long as it holds something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slotcast_protocol::{Durability, Event, Fault, RelayEvent, RelayRequest, User};

use super::{Ending, Home, HomeInput, Letter, Policy, Relay, UserContents};
use crate::effects::{Delivery, Effects, Stored};
use crate::idle::Idle;
use crate::name::Name;
use crate::object::Moment;
use crate::people::Lists;
use crate::user::company::Company;

/// What waits for a load is as much as the sessions' own budgets let them ask.
#[derive(Default)]
pub(crate) struct Homes {
    relay: Arc<Relay>,
    homes: BTreeMap<User, Home>,
    loading: BTreeMap<User, Vec<HomeInput>>,
    company: Company,
    /// When something is over in a home that is not stored.
    deadlines: BTreeSet<(u64, User)>,
}

impl Homes {
    pub fn new(relay: Arc<Relay>) -> Self {
        Homes { relay, ..Homes::default() }
    }

    /// Whether it counts which objects a user uses.
    pub fn minds_company(&self) -> bool {
        self.relay.policy == Policy::SharedObject
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Homes in memory.
    pub fn len(&self) -> usize {
        self.homes.len()
    }

    pub fn has(&self, user: &User) -> bool {
        self.homes.contains_key(user)
    }

    /// Takes an input; a home that is not there is loaded, or made with `epoch`.
    pub fn handle(
        &mut self,
        (user, input): (User, HomeInput),
        epoch: u64,
        lists: &mut Lists,
        moment: &Moment<'_>,
        idle: &mut Idle,
        effects: &mut Effects,
    ) {
        let Some(input) = self.keep_company(&user, input) else { return };
        if let Some(waiting) = self.loading.get_mut(&user) {
            return waiting.push(input);
        }
        if !self.homes.contains_key(&user) {
            if !needs_home(&input) {
                return;
            }
            if self.relay.durability > Durability::Memory {
                effects.loads.push(user.clone().into());
                self.loading.insert(user, vec![input]);
                return;
            }
            self.put(&user, UserContents::new(epoch));
        }
        // Asked for last: nothing may come between the list and what it decides.
        let contacts = if needs_list(&input) { lists.at_hand(&user) } else { Some(lists.nobody()) };
        // The home stays meanwhile: what comes later and finds it loading would go first.
        let Some(contacts) = contacts else { return lists.wait(user, input) };
        self.with(&user, moment, idle, effects, |home, company, moment, effects| match input {
            HomeInput::Request { session, author, request } => {
                home.request(session, &author, request, company, moment, effects);
            }
            HomeInput::Gone { session } => _ = home.sessions.remove(&session),
            HomeInput::Drained { .. } => unreachable!("this is the person's"),
            HomeInput::Letter(letter) => home.letter(letter, (company, &contacts), moment, effects),
        });
    }

    /// Something waited for a list in vain: the home may have been made or loaded for nothing.
    pub fn waited_in_vain(
        &mut self,
        user: &User,
        moment: &Moment<'_>,
        idle: &mut Idle,
        effects: &mut Effects,
    ) {
        if self.homes.contains_key(user) {
            self.with(user, moment, idle, effects, |_, _, _, _| {});
        }
    }

    /// What was loaded, or nothing; what waited goes on.
    pub fn loaded(
        &mut self,
        user: &User,
        contents: UserContents,
        lists: &mut Lists,
        moment: &Moment<'_>,
        idle: &mut Idle,
        effects: &mut Effects,
    ) {
        let waiting = self.loading.remove(user).unwrap_or_default();
        self.put(user, contents);
        for input in waiting {
            self.handle((user.clone(), input), 0, lists, moment, idle, effects);
        }
    }

    /// The home cannot be had; whoever asked is told, and may ask again.
    pub fn refused(&mut self, user: &User, fault: &Fault, effects: &mut Effects) {
        for input in self.loading.remove(user).unwrap_or_default() {
            match input {
                HomeInput::Request { session, request, .. } => {
                    effects.held.push(Delivery::Reply { session, event: refusal(&request, fault.clone()) });
                }
                input @ HomeInput::Letter(_) => {
                    let refused = refuse_letter(input, fault);
                    effects.held.extend(refused.map(|(to, letter)| Delivery::Letter { to, letter }));
                }
                HomeInput::Gone { .. } | HomeInput::Drained { .. } => {}
            }
        }
    }

    pub fn kept(&mut self, user: &User, effects: &mut Effects) {
        if let Some(home) = self.homes.get_mut(user) {
            home.keeping.kept();
            self.let_go(user, effects);
        }
    }

    /// All of a home, for a store that would like to have it.
    pub fn store(&mut self, user: &User) -> Option<Stored> {
        self.homes.get_mut(user)?.store()
    }

    /// It is to leave memory when the store has it.
    pub fn leave(&mut self, user: &User, idle: &mut Idle, effects: &mut Effects) {
        let home = self.homes.get_mut(user).expect("who is idle is in memory");
        home.keeping.leave(idle);
        self.let_go(user, effects);
    }

    /// What is over in homes that are not stored goes.
    pub fn tick(&mut self, moment: &Moment<'_>) {
        while let Some((at, user)) = self.deadlines.first().filter(|(at, _)| *at <= moment.now_ms).cloned() {
            let Some(home) = self.homes.get_mut(&user) else {
                self.deadlines.remove(&(at, user));
                continue;
            };
            home.contents.forget(moment.now_ms, moment.limits);
            self.settle(&user, Some(at), moment);
        }
    }

    fn let_go(&mut self, user: &User, effects: &mut Effects) {
        let Some(home) = self.homes.get_mut(user).filter(|home| home.keeping.is_leaving()) else { return };
        effects.stores.extend(home.store());
        if home.keeping.is_stored() {
            self.homes.remove(user);
            effects.evicted += 1;
        }
    }

    fn put(&mut self, user: &User, contents: UserContents) {
        self.homes.insert(user.clone(), Home::new(user.clone(), contents, self.relay.clone()));
    }

    /// Runs `act` on a home that is in memory, and keeps the books.
    fn with(
        &mut self,
        user: &User,
        moment: &Moment<'_>,
        idle: &mut Idle,
        effects: &mut Effects,
        act: impl FnOnce(&mut Home, &Company, &Moment<'_>, &mut Effects),
    ) {
        let home = self.homes.get_mut(user).expect("the caller has looked");
        let before = deadline(home, moment);
        home.keeping.stay();
        act(home, &self.company, moment, effects);
        if !home.is_durable() {
            return self.settle(user, before, moment);
        }
        home.store_again(&mut effects.stores);
        let is_idle = home.is_idle();
        home.keeping.settle(is_idle, idle, || (Name::User(user.clone()), home.contents.weight()));
    }

    /// A home that is not stored ends when no one is there and nothing is in it. `before`: its deadline until now. Mostly that is the same.
    fn settle(&mut self, user: &User, before: Option<u64>, moment: &Moment<'_>) {
        let Some(home) = self.homes.get(user) else { return };
        let is_over = home.is_idle() && home.contents.is_blank();
        let after = deadline(home, moment).filter(|_| !is_over);
        if is_over {
            self.homes.remove(user);
        }
        if before != after {
            before.map(|at| self.deadlines.remove(&(at, user.clone())));
            self.deadlines.extend(after.map(|at| (at, user.clone())));
        }
    }

    /// What is about the objects in use has its place outside the homes.
    fn keep_company(&mut self, user: &User, input: HomeInput) -> Option<HomeInput> {
        match input {
            HomeInput::Letter(Letter::Joined { object, session }) => {
                self.company.join(user, object, session);
                None
            }
            HomeInput::Letter(Letter::Left { object, session }) => {
                self.company.leave(user, &object, session);
                None
            }
            HomeInput::Letter(letter) => Some(HomeInput::Letter(letter)),
            input @ (HomeInput::Request { .. } | HomeInput::Gone { .. } | HomeInput::Drained { .. }) => {
                Some(input)
            }
        }
    }
}

/// In ms; what is stored has none, as it leaves memory.
fn deadline(home: &Home, moment: &Moment<'_>) -> Option<u64> {
    home.contents.next_expiry(moment.limits).filter(|_| !home.is_durable())
}

/// What is for sessions that are there, or about them, is nothing to a home that has none.
fn needs_home(input: &HomeInput) -> bool {
    match input {
        HomeInput::Request { .. } => true,
        HomeInput::Gone { .. } | HomeInput::Drained { .. } => false,
        HomeInput::Letter(letter) => match letter {
            Letter::Tell { .. } | Letter::Receipt { .. } => true,
            Letter::Told { .. } | Letter::Signal { .. } | Letter::Unheard { .. } => false,
            Letter::Joined { .. } | Letter::Left { .. } | Letter::Person(_) => false,
        },
    }
}

/// Whether the user's list decides about it.
fn needs_list(input: &HomeInput) -> bool {
    matches!(input, HomeInput::Letter(Letter::Tell { .. } | Letter::Signal { .. }))
}

/// What the sender of something is told that cannot be decided about now.
pub(crate) fn refuse_letter(input: HomeInput, fault: &Fault) -> Option<(User, Letter)> {
    match input {
        HomeInput::Letter(Letter::Tell { from, tell, .. }) => {
            let (device, ending) = (from.device.clone(), Ending::NotNow(fault.clone()));
            Some((from.user.clone(), Letter::Told { device, id: tell.id, ending }))
        }
        HomeInput::Letter(Letter::Signal { from, session, signal, .. }) => {
            Some((from, Letter::Unheard { session, id: signal.id, fault: fault.clone() }))
        }
        HomeInput::Letter(_) | HomeInput::Request { .. } => None,
        HomeInput::Gone { .. } | HomeInput::Drained { .. } => None,
    }
}

pub(super) fn refusal(request: &RelayRequest, fault: Fault) -> Event {
    let refused = |id| Event::Relay(RelayEvent::Refused { id, fault: fault.clone(), retry_ms: None });
    match request {
        RelayRequest::Tell(tell) => refused(Some(tell.id)),
        RelayRequest::Signal(signal) => refused(signal.id),
        RelayRequest::Edit { id, .. } => refused(Some(*id)),
        RelayRequest::Open { .. } | RelayRequest::Ack { .. } | RelayRequest::Read { .. } => {
            Event::Error { fault, object: None }
        }
        RelayRequest::Friends { .. } | RelayRequest::Status { .. } => Event::Error { fault, object: None },
    }
}
