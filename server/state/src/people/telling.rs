//! Who is told how someone is: the homes of the friends, in their turn, and the user's own sessions, not too often.

use std::sync::Arc;

use slotcast_protocol::{RelayEvent, State, Status, User};

use super::person::Person;
use super::{AGAIN_MS, People, news, tell_stale};
use crate::effects::Effects;
use crate::ids::SessionId;
use crate::object::Moment;
use crate::roster::Contacts;

impl People {
    /// A session that was not told some news may be told now: how everyone is, and that the list may have changed.
    pub fn drained(&mut self, user: &User, session: SessionId, effects: &mut Effects) {
        let Some(person) = self.persons.get_mut(user).filter(|person| person.is_greeted(session)) else {
            return;
        };
        news(session, RelayEvent::Presence(person.whole_presence(user)), effects);
        tell_stale(session, effects);
    }

    /// A user's status, as the friends see it; None if there is nothing to say.
    pub(super) fn status(&self, user: &User) -> Option<Status> {
        let here = self.persons.get(user).map(Person::shown).filter(|shown| shown.state != State::Offline);
        here.or_else(|| self.last_seen.status(user))
    }

    /// Tells the homes of the friends how the user is, and asks how they are.
    pub(super) fn spread(
        &mut self,
        user: &User,
        contacts: Arc<Contacts>,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let Some(person) = self.persons.get_mut(user) else { return };
        let before = effects.letters.len();
        let shown = match person.shown() {
            shown if shown.state == State::Offline => self.last_seen.status(user).unwrap_or(shown),
            shown => shown,
        };
        person.outdated(contacts.mark()).into_iter().for_each(|session| tell_stale(session, effects));
        person.spread(user, &shown, contacts, &mut effects.letters);
        self.queue.spent(effects.letters.len() - before);
        self.tell_news(user, moment, effects);
        self.let_go(user);
    }

    /// Tells the user's sessions what is new, if they were not told something just now; else a little later.
    pub(super) fn tell_news(&mut self, user: &User, moment: &Moment<'_>, effects: &mut Effects) {
        let Some(person) = self.persons.get_mut(user) else { return };
        match person.news_ms(moment) {
            Some(at_ms) if at_ms <= moment.now_ms => {
                let news = person.take_news(user, moment.now_ms);
                for session in person.greeted() {
                    self::news(session, RelayEvent::Presence(news.clone()), effects);
                }
            }
            Some(at_ms) => self.remind(user, at_ms),
            None => {}
        }
    }

    /// The user's list cannot be had now. Who is gone is gone all the same.
    pub(super) fn again(&mut self, user: User, moment: &Moment<'_>, effects: &mut Effects) {
        let Some(person) = self.persons.get_mut(&user) else { return };
        let before = effects.letters.len();
        person.vanish(&user, &mut effects.letters);
        self.queue.spent(effects.letters.len() - before);
        self.remind(&user, moment.now_ms + AGAIN_MS);
        self.let_go(&user);
    }

    pub(super) fn remind(&mut self, user: &User, at_ms: u64) {
        let Some(person) = self.persons.get_mut(user) else { return };
        if person.due_ms.is_none_or(|due_ms| due_ms > at_ms) {
            person.due_ms.map(|due_ms| self.due.remove(&(due_ms, user.clone())));
            person.due_ms = Some(at_ms);
            self.due.insert((at_ms, user.clone()));
        }
    }

    /// Who has no session any more, and whose friends know that, is forgotten.
    pub(super) fn let_go(&mut self, user: &User) {
        let Some(person) = self.persons.get(user).filter(|person| person.is_over()) else { return };
        person.due_ms.map(|due_ms| self.due.remove(&(due_ms, user.clone())));
        self.persons.remove(user);
        self.lists.pin(user, false);
    }
}
