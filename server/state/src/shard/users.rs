//! What comes for a user: to the inbox's home, or to what is known of the user beside it.

use slotcast_protocol::{RelayRequest, User};

use super::Shard;
use crate::effects::Effects;
use crate::object::Moment;
use crate::user::{HomeInput, Letter};

impl Shard {
    pub(super) fn home(&mut self, user: User, input: HomeInput, effects: &mut Effects) {
        if let Some(input) = self.person(&user, input, effects) {
            self.inbox(user, input, effects);
        }
        self.settle_people(effects);
    }

    /// What is about lists and statuses; what is for the home as well, or for it alone, is given back.
    fn person(&mut self, user: &User, input: HomeInput, effects: &mut Effects) -> Option<HomeInput> {
        let Shard { people, idle, now_ms, limits, storage_full, .. } = self;
        let moment = Moment { now_ms: *now_ms, limits, storage_full: *storage_full, memory_full: false };
        match input {
            HomeInput::Request { session, author, request } => match request {
                RelayRequest::Friends { have } => people.friends(session, &author, have, idle, effects),
                RelayRequest::Edit { id, edit } => {
                    people.edit(session, &author, (id, edit), &moment, idle, effects);
                }
                RelayRequest::Status { state, body } => {
                    let word = state.map(|state| (state, body));
                    people.say_status(session, &author, word, &moment, effects);
                }
                RelayRequest::Tell(ref tell) => {
                    if let Some(have) = tell.have {
                        people.lists.claim(user, session, have);
                    }
                    return Some(HomeInput::Request { session, author, request });
                }
                RelayRequest::Open { .. }
                | RelayRequest::Ack { .. }
                | RelayRequest::Read { .. }
                | RelayRequest::Signal(_) => return Some(HomeInput::Request { session, author, request }),
            },
            HomeInput::Drained { session } => people.drained(user, session, effects),
            HomeInput::Gone { session } => {
                people.gone(user, session, &moment, effects);
                return Some(HomeInput::Gone { session });
            }
            HomeInput::Letter(Letter::Person(letter)) => {
                people.letter(user.clone(), letter, &moment, idle, effects);
            }
            HomeInput::Letter(_) => return Some(input),
        }
        None
    }

    fn inbox(&mut self, user: User, input: HomeInput, effects: &mut Effects) {
        let epoch = if self.homes.has(&user) { 0 } else { self.fresh_epoch() };
        let Shard { homes, people, idle, now_ms, limits, storage_full, .. } = self;
        let moment = Moment { now_ms: *now_ms, limits, storage_full: *storage_full, memory_full: false };
        homes.handle((user, input), epoch, &mut people.lists, &moment, idle, effects);
    }

    /// Until nothing is left that can go on.
    pub(super) fn settle_people(&mut self, effects: &mut Effects) {
        loop {
            let moment = Moment {
                now_ms: self.now_ms,
                limits: &self.limits,
                storage_full: self.storage_full,
                memory_full: false,
            };
            self.people.settle(&moment, &mut self.idle, effects);
            for user in self.people.take_in_vain() {
                self.homes.waited_in_vain(&user, &moment, &mut self.idle, effects);
            }
            match self.people.next_going_on() {
                Some((user, input)) => self.inbox(user, input, effects),
                None => return,
            }
        }
    }
}
