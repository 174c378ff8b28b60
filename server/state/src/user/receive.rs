//! What comes to the user from others. Here it is decided, by the user's own lists, whether it is taken.

use std::collections::BTreeSet;
use std::sync::Arc;

use slotcast_protocol::{Code, Event, Fault, Matter, ObjectName, RelayEvent, Signal, Tell, User};

use super::send::storage_full;
use super::{Ending, Home, Letter, Outcome};
use crate::effects::{Delivery, Effects};
use crate::ids::{Author, SessionId};
use crate::object::Moment;
use crate::roster::Contacts;
use crate::user::company::Company;
use crate::user::ids::Known;

impl Home {
    /// From another's home.
    pub fn letter(
        &mut self,
        letter: Letter,
        (company, contacts): (&Company, &Contacts),
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        match letter {
            Letter::Tell { from, company: theirs, tell } => {
                let permitted = self.check_permits((&from.user, &theirs), company, contacts);
                let ending = self.receive(&from, &tell, permitted, moment, effects);
                let told = Letter::Told { device: from.device.clone(), id: tell.id, ending };
                self.send_held(from.user.clone(), told, effects);
            }
            Letter::Told { device, id, ending } => self.told(device, id, ending, moment, effects),
            Letter::Signal { from, company: theirs, session, signal } => {
                let permitted = self.check_permits((&from, &theirs), company, contacts);
                self.hear(from, permitted, session, signal, effects);
            }
            Letter::Unheard { session, id, fault } => self.refuse(session, id, fault, None, effects),
            Letter::Receipt { by, delivered, read } => self.receipt(by, (delivered, read), moment, effects),
            Letter::Joined { .. } | Letter::Left { .. } => unreachable!("these are the company's"),
            Letter::Person(_) => unreachable!("these are the person's"),
        }
    }

    fn check_permits(
        &self,
        from: (&User, &BTreeSet<ObjectName>),
        company: &Company,
        contacts: &Contacts,
    ) -> Result<(), Fault> {
        self.relay.check_permits(from, (&self.user, &company.of(&self.user)), contacts)
    }

    fn receive(
        &mut self,
        from: &Arc<Author>,
        tell: &Tell,
        permitted: Result<(), Fault>,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) -> Ending {
        match self.contents.heard.look_up(from, tell.id) {
            Known::New => {}
            Known::Answered(at) => return Ending::Final(Outcome::Stored(at)),
            Known::Forgotten => {
                let fault = Fault::new(Code::AnswerForgotten, "id: was used before");
                return Ending::Final(Outcome::Refused(fault));
            }
        }
        if self.has_no_room(moment) {
            return Ending::NotNow(storage_full());
        }
        self.contents.forget(moment.now_ms, moment.limits);
        let (sender, bytes) = (&from.user, tell.body.bytes().len());
        let room = permitted.and_then(|()| self.contents.inbox.room(sender, bytes, moment.limits));
        if let Err(fault) = room {
            return Ending::Final(Outcome::Refused(fault));
        }
        let Tell { id, body, kind, .. } = tell.clone();
        let matter = Matter::Message { from: sender.clone(), id, body, kind };
        Ending::Final(Outcome::Stored(self.file(matter, Some(from.device.clone()), moment, effects)))
    }

    /// A signal for the sessions that are there.
    fn hear(
        &mut self,
        from: User,
        permitted: Result<(), Fault>,
        session: SessionId,
        signal: Signal,
        effects: &mut Effects,
    ) {
        let Signal { id, kind, body, .. } = signal;
        if let Err(fault) = permitted {
            return effects.letters.push((from, Letter::Unheard { session, id, fault }));
        }
        for session in self.sessions.keys().copied() {
            let event = RelayEvent::Signal { from: from.clone(), kind: kind.clone(), body: body.clone() };
            effects.deliveries.push(Delivery::Fleeting { session, event: Event::Relay(event) });
        }
    }

    /// Someone has what the user told him. It takes the place of what was known about him.
    fn receipt(
        &mut self,
        by: User,
        (delivered, read): (u64, u64),
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let before = match self.contents.inbox.mark(false, &by) {
            Some(Matter::Receipt { delivered, read, .. }) => (*delivered, *read),
            _none => (0, 0),
        };
        let after = (before.0.max(delivered).max(read), before.1.max(read));
        if after != before && !self.has_no_room(moment) && by != self.user {
            let matter = Matter::Receipt { user: by, delivered: after.0, read: after.1 };
            self.file(matter, None, moment, effects);
        }
    }
}
