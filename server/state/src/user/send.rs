//! What the user's sessions send to others: once per id, no faster than the rate.

use std::sync::Arc;

use slotcast_protocol::{Code, Device, Event, Fault, Matter, RelayEvent, RelayRequest, Signal, Tell};

use super::{Deed, Ending, Home, Letter, Outcome};
use crate::effects::Effects;
use crate::ids::{Author, SessionId};
use crate::object::Moment;
use crate::user::company::Company;
use crate::user::ids::Known;

/// A message that was forwarded and is not answered.
pub(crate) struct Pending {
    /// Who is to be answered: of two connections of one device it is not known which is the dead one.
    sessions: Vec<SessionId>,
    tell: Arc<Tell>,
}

/// Connections of one device that may wait for an answer; beyond, the oldest is dead.
const SESSIONS_MAX: usize = 4;

impl Pending {
    fn ask(&mut self, session: SessionId) {
        if self.sessions.contains(&session) {
            return;
        }
        if self.sessions.len() >= SESSIONS_MAX {
            self.sessions.remove(0);
        }
        self.sessions.push(session);
    }
}

impl Home {
    /// A session of the user asks for something.
    pub fn request(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        request: RelayRequest,
        company: &Company,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        match request {
            RelayRequest::Open { cursor } => self.open(session, author, cursor, moment, effects),
            RelayRequest::Tell(tell) => {
                let begun = self.begin(session, author, &tell, moment, effects);
                if begun {
                    let company = Arc::new(company.of(&self.user));
                    let (from, to, tell) = (author.clone(), tell.to.clone(), Arc::new(tell));
                    let key = (author.device.clone(), tell.id);
                    let fresh = || Pending { sessions: Vec::new(), tell: tell.clone() };
                    self.pending.entry(key).or_insert_with(fresh).ask(session);
                    effects.letters.push((to, Letter::Tell { from, company, tell }));
                }
            }
            RelayRequest::Ack { seq } => self.acknowledge(session, seq, moment, effects),
            RelayRequest::Read { user, seq } => self.read(session, (author, user), seq, moment, effects),
            RelayRequest::Signal(signal) => self.signal(session, signal, company, moment, effects),
            RelayRequest::Friends { .. } | RelayRequest::Edit { .. } | RelayRequest::Status { .. } => {
                unreachable!("these are the person's")
            }
        }
    }

    /// Whether a message is to be forwarded; if not it is answered. One that is under way already is forwarded again: the recipient's home knows it.
    fn begin(
        &mut self,
        session: SessionId,
        author: &Author,
        tell: &Tell,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) -> bool {
        let id = tell.id;
        match self.contents.told.look_up(&author.device, id) {
            Known::New => {}
            Known::Answered(outcome) => {
                self.answer(session, id, &Ending::Final(outcome), effects);
                return false;
            }
            Known::Forgotten => {
                let fault = Fault::new(Code::AnswerForgotten, "id: was used before");
                self.answer(session, id, &Ending::NotNow(fault), effects);
                return false;
            }
        }
        if self.pending.contains_key(&(author.device.clone(), id)) {
            return true;
        }
        if let Err((fault, retry_ms)) = self.check_begin(author, moment) {
            self.refuse(session, Some(id), fault, retry_ms, effects);
            return false;
        }
        if let Err(fault) = self.relay.check_exists(&tell.to) {
            let outcome = Outcome::Refused(fault);
            self.answer(session, id, &Ending::Final(outcome.clone()), effects);
            self.commit(
                Deed::Told { device: author.device.clone(), id, outcome, copy: None },
                moment,
                effects,
            );
            return false;
        }
        true
    }

    /// What is refused now and may be tried again.
    fn check_begin(&mut self, author: &Author, moment: &Moment<'_>) -> Result<(), (Fault, Option<u64>)> {
        if self.has_no_room(moment) {
            return Err((storage_full(), None));
        }
        let of_device = (author.device.clone(), 0)..=(author.device.clone(), u64::MAX);
        if self.pending.range(of_device).count() >= moment.limits.inflight {
            let what = format!("id: {} messages of this device are on their way", moment.limits.inflight);
            return Err((Fault::new(Code::TooMany, what), None));
        }
        self.take_from_rate(moment)
    }

    fn take_from_rate(&mut self, moment: &Moment<'_>) -> Result<(), (Fault, Option<u64>)> {
        self.rate.take(moment.now_ms, moment.limits).map_err(|retry_ms| {
            let what = format!("tells_per_s: {} messages a second", moment.limits.tells_per_s);
            (Fault::new(Code::TooFast, what), Some(retry_ms))
        })
    }

    /// The recipient's home has answered. The user's other devices get a copy.
    pub fn told(
        &mut self,
        device: Device,
        id: u64,
        ending: Ending,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let Some(Pending { sessions, tell }) = self.pending.remove(&(device.clone(), id)) else { return };
        sessions.into_iter().for_each(|session| self.answer(session, id, &ending, effects));
        let Ending::Final(outcome) = ending else { return };
        let copy = self.copy(&device, &tell, &outcome).map(|matter| self.next_entry(matter, moment));
        self.commit(Deed::Told { device, id, outcome, copy }, moment, effects);
        self.all_go_on(moment, effects);
    }

    /// For other devices, if there are any; what one writes to oneself they get anyhow.
    fn copy(&self, device: &Device, tell: &Tell, outcome: &Outcome) -> Option<Matter> {
        let Outcome::Stored(at) = outcome else { return None };
        let others = self.contents.devices.keys().any(|other| other != device);
        let Tell { id, to, body, kind, .. } = tell.clone();
        (others && to != self.user).then_some(Matter::Copy { to, id, body, kind, at: at.seq })
    }

    fn answer(&self, session: SessionId, id: u64, ending: &Ending, effects: &mut Effects) {
        match ending {
            Ending::Final(Outcome::Stored(at)) => {
                let (at, time_ms, class) = (at.seq, at.time_ms, self.relay.durability);
                let stored = RelayEvent::Stored { id, at, time_ms, class };
                self.tell(session, Event::Relay(stored), effects);
            }
            Ending::Final(Outcome::Refused(fault)) | Ending::NotNow(fault) => {
                self.refuse(session, Some(id), fault.clone(), None, effects);
            }
        }
    }

    pub fn refuse(
        &self,
        session: SessionId,
        id: Option<u64>,
        fault: Fault,
        retry_ms: Option<u64>,
        effects: &mut Effects,
    ) {
        self.tell(session, Event::Relay(RelayEvent::Refused { id, fault, retry_ms }), effects);
    }

    fn signal(
        &mut self,
        session: SessionId,
        signal: Signal,
        company: &Company,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        if let Err((fault, retry_ms)) = self.take_from_rate(moment) {
            return self.refuse(session, signal.id, fault, retry_ms, effects);
        }
        if let Err(fault) = self.relay.check_exists(&signal.to) {
            return self.refuse(session, signal.id, fault, None, effects);
        }
        let (from, company) = (self.user.clone(), Arc::new(company.of(&self.user)));
        effects.letters.push((signal.to.clone(), Letter::Signal { from, company, session, signal }));
    }
}

pub(super) fn storage_full() -> Fault {
    Fault::new(Code::StorageFull, "the server's store has no room; nothing was stored")
}
