//! What requests do to an object, and the answers to those that come twice.

use std::sync::Arc;

use slotcast_protocol::{
    Change, Code, Event, Fault, Op, Record, Reject, Send, Sent, SlotName, Success, Write,
};

use super::{Cause, Moment, Object};
use crate::answers::{Answer, Known};
use crate::commit::Lived;
use crate::contents::Contents;
use crate::effects::{Delivery, Effects};
use crate::fingerprint::md5_of;
use crate::ids::{Author, SessionId};
use crate::ring::Mark;
use crate::write::{Refusal, Staged, Writer};

impl Object {
    pub fn write(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        write: &Write,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let known = self.contents.answers.look_up(author, write.id);
        let named = named(write).filter(|slot| !self.hides(session, slot));
        if let Some(answer) = self.repeated(known, write.id, named) {
            return effects.deliveries.push(Delivery::Reply { session, event: answer });
        }
        let grows = !write.ops.iter().all(|op| matches!(op, Op::Delete { .. } | Op::Clear));
        if let Some(refused) = self.no_room(write.id, grows, moment) {
            return effects.deliveries.push(Delivery::Reply { session, event: refused });
        }
        let writer = Writer { author, session, now_ms: moment.now_ms, limits: moment.limits };
        let (event, answer, changes, lives) = self.apply(&writer, write);
        self.contents.answers.keep(author, write.id, answer.clone(), moment.now_ms, moment.limits.inflight);
        effects.deliveries.push(Delivery::Reply { session, event });
        let cause = Cause { author, id: write.id, answer: Some(answer), now_ms: moment.now_ms };
        if !changes.is_empty() {
            self.publish(&cause, changes, lives, effects);
        } else if write.id.is_some() {
            self.log(&cause, Vec::new().into(), lives, effects);
        }
    }

    /// The refusal of a request that could not be kept. It is no answer: when there is room again the same request may succeed.
    fn no_room(&self, id: Option<u64>, grows: bool, moment: &Moment<'_>) -> Option<Event> {
        let (what, refused) = match self.is_durable() && moment.storage_full {
            true => ("the server's store has no room; nothing was changed", true),
            false => ("the server's memory has no room; nothing was changed", grows && moment.memory_full),
        };
        let fault = || Fault::new(Code::StorageFull, what);
        let version = self.contents.version;
        refused.then(|| Event::Reject(Reject { id, fault: fault(), version, winners: Vec::new() }))
    }

    fn apply(&mut self, writer: &Writer<'_>, write: &Write) -> (Event, Answer, Vec<Change>, Vec<Lived>) {
        let Contents { version, .. } = self.contents;
        let staged = self
            .check_hidden(writer.session, write)
            .and_then(|()| self.check_cursor(write))
            .and_then(|()| Staged::stage(&self.contents.slots, &self.kind, version + 1, writer, write));
        let id = write.id;
        match staged {
            Ok(accepted) => {
                let changed = accepted.moves();
                let version = version + u64::from(changed);
                let lives = accepted.lives();
                let changes = accepted.commit(&mut self.contents.slots, version, writer.author);
                if let Some(following) = self.followers.get_mut(writer.session) {
                    following.ties |= write.ops.iter().any(ties);
                }
                let success = Event::Success(self.success(id, version, changed));
                (success, Answer::Accepted { version, changed }, changes, lives)
            }
            Err(Refusal { fault, winners }) => {
                let reject = Event::Reject(Reject { id, fault: fault.clone(), version, winners });
                (reject, Answer::Refused(fault), Vec::new(), Vec::new())
            }
        }
    }

    fn success(&self, id: Option<u64>, version: u64, changed: bool) -> Success {
        Success { id, version, class: self.kind.durability, changed }
    }

    /// Who may not read a slot does not write it either: the answer to a write tells something of what was there before.
    fn check_hidden(&self, session: SessionId, write: &Write) -> Result<(), Refusal> {
        let refuse =
            |what: String| Err(Refusal { fault: Fault::new(Code::NotPermitted, what), winners: Vec::new() });
        if let Some(slot) = named(write).find(|slot| self.hides(session, slot)) {
            return refuse(format!("{slot}: is hidden from this session"));
        }
        let clears = write.ops.iter().any(|op| matches!(op, Op::Clear));
        let hidden =
            self.followers.group(session).is_some_and(|(group, _)| !group.audience.view.hidden().is_empty());
        if clears && hidden {
            return refuse("clear: there are slots that are hidden from this session".to_owned());
        }
        Ok(())
    }

    fn hides(&self, session: SessionId, slot: &SlotName) -> bool {
        let view = || self.followers.group(session).map(|(group, _)| &group.audience.view);
        !self.kind.hidden.is_empty() && view().is_some_and(|view| view.hides(slot))
    }

    fn check_cursor(&self, write: &Write) -> Result<(), Refusal> {
        let Contents { epoch, version, .. } = self.contents;
        let refuse = |code, what: String| Err(Refusal { fault: Fault::new(code, what), winners: Vec::new() });
        if write.epoch.is_some_and(|other| other != epoch) {
            return refuse(Code::WrongEpoch, format!("{}: its epoch is {epoch}", self.name));
        }
        if write.at.is_some_and(|at| at != version) {
            return refuse(Code::Conflict, format!("at: the object is at version {version}"));
        }
        if write.seen > version {
            return refuse(Code::BadField, format!("seen: is ahead of the object's version {version}"));
        }
        Ok(())
    }

    pub fn send(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        send: Send,
        moment: &Moment<'_>,
        effects: &mut Effects,
    ) {
        let known = self.contents.answers.look_up(author, send.id);
        if let Some(answer) = self.repeated(known, send.id, std::iter::empty()) {
            return effects.deliveries.push(Delivery::Reply { session, event: answer });
        }
        if let Some(refused) = self.no_room(send.id, false, moment) {
            return effects.deliveries.push(Delivery::Reply { session, event: refused });
        }
        let Contents { version, .. } = self.contents;
        let answer = Answer::Accepted { version, changed: false };
        self.contents.answers.keep(author, send.id, answer.clone(), moment.now_ms, moment.limits.inflight);
        let event = Event::Success(self.success(send.id, version, false));
        effects.deliveries.push(Delivery::Reply { session, event });
        self.contents.sends += 1;
        let cause = Cause { author, id: send.id, answer: Some(answer), now_ms: moment.now_ms };
        self.log(&cause, Vec::new().into(), Vec::new(), effects);
        let (object, by) = (self.name.clone(), author.user.clone());
        let sent = Sent { object, version, name: send.name, value: send.value, by };
        for group in self.followers.groups_mut() {
            if group.is_held_back(moment.now_ms, |pace| pace.hold_send(sent.clone(), moment.limits)) {
                continue;
            }
            let mark = Mark { sends: self.contents.sends, ..group.told };
            effects.deliveries.push(group.publish(Event::Sent(sent.clone()), mark));
        }
    }

    /// Taken once for each version: whoever asks often is told the same.
    pub fn fingerprint(&mut self) -> Event {
        let Contents { epoch, version, slots, .. } = &self.contents;
        let known = self.md5.take().filter(|(at, _)| at == version);
        let (_, md5) = self.md5.insert(known.unwrap_or_else(|| {
            let md5 = md5_of(slots.len(), slots.iter().map(|(name, slot)| (name, &slot.value)));
            (*version, md5)
        }));
        Event::Fingerprint { object: self.name.clone(), epoch: *epoch, version: *version, md5: md5.clone() }
    }

    /// The first answer again, where the id has been used before.
    fn repeated<'a>(
        &self,
        known: Known,
        id: Option<u64>,
        named: impl Iterator<Item = &'a SlotName>,
    ) -> Option<Event> {
        let fault = match known {
            Known::New => return None,
            Known::Answered(Answer::Accepted { version, changed }) => {
                return Some(Event::Success(self.success(id, version, changed)));
            }
            Known::Answered(Answer::Refused(fault)) => fault,
            Known::Forgotten => Fault::new(Code::AnswerForgotten, "id"),
        };
        let winners: Vec<Record> = named.map(|slot| self.contents.slots.record(slot)).collect();
        Some(Event::Reject(Reject { id, fault, version: self.contents.version, winners }))
    }
}

/// The slots that a write speaks of.
fn named(write: &Write) -> impl Iterator<Item = &SlotName> {
    let conditions = write.conditions.iter().map(|(slot, _)| slot);
    conditions.chain(write.ops.iter().filter_map(Op::slot))
}

fn ties(op: &Op) -> bool {
    match op {
        Op::Set { life, .. } | Op::Once { life, .. } => life.tie,
        Op::Delete { .. } | Op::Add { .. } | Op::Max { .. } | Op::Min { .. } => false,
        Op::Append { .. } | Op::Patch { .. } | Op::Clear => false,
    }
}
