//! What the user's sessions ask about lists and statuses.

use std::sync::Arc;

use slotcast_protocol::roster::{Edit, Tag, member};
use slotcast_protocol::{Code, Event, Fault, RelayEvent, State, User, Value};

use super::lists::Purpose;
use super::person::Person;
use super::{People, tell};
use crate::effects::{Delivery, Effects};
use crate::idle::Idle;
use crate::ids::{Author, SessionId};
use crate::object::Moment;
use crate::roster::Input;

impl People {
    /// A session wants the list, and to be told from now on.
    pub fn friends(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        have: Option<Tag>,
        idle: &mut Idle,
        effects: &mut Effects,
    ) {
        let owner = author.user.clone();
        if let Err(fault) = member(owner.as_str()) {
            let event = Event::Error { fault, object: None };
            return effects.deliveries.push(Delivery::Reply { session, event });
        }
        let person = self.person(&owner);
        person.watch(session);
        if person.is_to_spread() {
            self.queue.push(&owner);
        }
        let ticket = self.lists.open(Purpose::Read { session, owner: owner.clone() });
        self.ask(Input::Read { ticket, owner, have }, idle, effects);
    }

    /// A session wants to have the list changed.
    pub fn edit(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        (id, edit): (u64, Edit),
        moment: &Moment<'_>,
        idle: &mut Idle,
        effects: &mut Effects,
    ) {
        let owner = author.user.clone();
        if let Err((fault, retry_ms)) = self.check_edit(&owner, session, &edit, moment) {
            return tell(session, RelayEvent::Refused { id: Some(id), fault, retry_ms }, effects);
        }
        let ticket = self.lists.open(Purpose::Edit { session, id });
        self.ask(Input::Edit { ticket, owner, edit }, idle, effects);
    }

    fn check_edit(
        &mut self,
        owner: &User,
        session: SessionId,
        edit: &Edit,
        moment: &Moment<'_>,
    ) -> Result<(), (Fault, Option<u64>)> {
        member(owner.as_str()).map_err(|fault| (fault, None))?;
        if moment.storage_full && self.is_durable() {
            let fault = Fault::new(Code::StorageFull, "the server's store has no room; nothing was changed");
            return Err((fault, None));
        }
        if matches!(edit, Edit::Ask(_)) {
            self.relay.check_can_be_asked(edit.user()).map_err(|fault| (fault, None))?;
        }
        let person = self.person(owner);
        person.sit(session);
        person.rate.take(moment.now_ms, moment.limits).map_err(|retry_ms| {
            let what = format!("tells_per_s: {} edits a second", moment.limits.tells_per_s);
            (Fault::new(Code::TooFast, what), Some(retry_ms))
        })
    }

    /// A session says how the user is.
    pub fn say_status(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        word: Option<(State, Option<Value>)>,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let owner = &author.user;
        self.person(owner).say(session, word);
        self.fold(owner, moment, effects);
    }

    /// A session has ended.
    pub fn gone(&mut self, user: &User, session: SessionId, moment: &Moment<'_>, effects: &mut Effects) {
        let Some(person) = self.persons.get_mut(user) else { return };
        person.leave(session);
        self.fold(user, moment, effects);
        self.let_go(user);
    }

    fn fold(&mut self, user: &User, moment: &Moment<'_>, effects: &mut Effects) {
        let person = self.persons.get_mut(user).expect("the caller has looked");
        if person.fold(user, moment.now_ms) && person.shown().state == State::Offline {
            self.last_seen.note(user, moment.now_ms);
        }
        if person.is_to_spread() {
            self.queue.push(user);
        }
        self.tell_news(user, moment, effects);
    }

    fn person(&mut self, user: &User) -> &mut Person {
        if !self.persons.contains_key(user) {
            let has_list = member(user.as_str()).is_ok();
            self.persons.insert(user.clone(), Person::new(has_list));
            if has_list {
                self.lists.pin(user, true);
            }
        }
        self.persons.get_mut(user).expect("it is there")
    }
}
