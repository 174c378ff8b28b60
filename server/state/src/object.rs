//! One object: its slots, version and followers, and what each request does to it.

use std::sync::Arc;

use slotcast_protocol::{
    Change, ChangeKind, Code, Cursor, Diff, Event, Fault, Limits, ObjectName, Op, Record, Reject, Send, Sent,
    SlotName, Success, Write,
};

use crate::answers::{Answer, Answers, Known};
use crate::effects::{Commit, Delivery, Effects, Start};
use crate::fingerprint::md5_of;
use crate::followers::{Audience, Followers};
use crate::ids::{Author, ChannelId, SessionId};
use crate::kind::Kind;
use crate::ring::Mark;
use crate::slots::Slots;
use crate::write::{Refusal, Staged, Writer};

/// An object in memory. `version` grows by one with each write that moves something.
pub(crate) struct Object {
    pub name: ObjectName,
    pub epoch: u64,
    pub version: u64,
    pub sends: u64,
    pub slots: Slots,
    kind: Arc<Kind>,
    followers: Followers,
    answers: Answers,
    /// When it dies, if no one comes: set while nobody follows it.
    dies_ms: Option<u64>,
}

impl Object {
    pub fn new(name: ObjectName, epoch: u64, kind: Arc<Kind>, now_ms: u64) -> Self {
        let dies_ms = Some(now_ms.saturating_add(kind.linger_ms));
        let (slots, followers, answers) = (Slots::default(), Followers::default(), Answers::default());
        Object { name, epoch, version: 0, sends: 0, slots, kind, followers, answers, dies_ms }
    }

    pub fn follows(&mut self, session: SessionId) -> bool {
        self.followers.get_mut(session).is_some()
    }

    /// The next moment at which something happens by itself, in ms.
    pub fn next_deadline(&self) -> Option<u64> {
        [self.dies_ms, self.slots.next_expiry()].into_iter().flatten().min()
    }

    /// Whether its time is over.
    pub fn is_dead(&self, now_ms: u64) -> bool {
        self.dies_ms.is_some_and(|dies_ms| dies_ms <= now_ms)
    }

    /// Whether the session followed before and saw other slots: then its cursor says nothing about those that come into view.
    pub fn join(
        &mut self,
        session: SessionId,
        author: &Author,
        audience: Audience,
        turn: u32,
        fresh: ChannelId,
    ) -> bool {
        let before = self.followers.group(session).map(|(group, _)| group.audience.clone());
        let saw_others = before.is_some_and(|before| before != audience);
        self.followers.join(session, &author.user, audience, turn, fresh, self.version);
        self.dies_ms = None;
        saw_others
    }

    /// Tells a session how to begin, or to begin again; nothing if it does not follow.
    pub fn start(&self, session: SessionId, cursor: Option<Cursor>, covered: bool, effects: &mut Effects) {
        let Some((group, turn)) = self.followers.group(session) else { return };
        let usable = cursor.filter(|cursor| covered && cursor.epoch == self.epoch);
        let held = usable.and_then(Mark::of).filter(|mark| *mark <= self.mark());
        let (events, mark) = match held {
            Some(mark) => (vec![self.nothing_since(mark.version)], mark),
            None => (self.catch_up(cursor, &group.audience.view), self.mark()),
        };
        let (object, epoch, covered) = (self.name.clone(), self.epoch, held.is_some());
        let (channel, audience) = (group.channel, group.audience.clone());
        let start = Start { object, epoch, channel, audience, turn, cursor, mark, covered, events };
        effects.deliveries.push(Delivery::Start { session, start });
    }

    /// A session goes, and with it what was tied to it and, if it was its user's last, the status.
    pub fn leave(&mut self, session: SessionId, now_ms: u64, effects: &mut Effects) -> bool {
        let Some((following, last_of_user)) = self.followers.leave(session) else { return false };
        let mut going = if following.ties { self.slots.tied_to(session) } else { Vec::new() };
        let status = SlotName::status(&following.user);
        if last_of_user && !going.contains(&status) {
            going.push(status);
        }
        self.remove(going, effects);
        if self.followers.is_empty() {
            self.dies_ms = Some(now_ms.saturating_add(self.kind.linger_ms));
        }
        true
    }

    /// Deletes the slots whose time is over.
    pub fn expire(&mut self, now_ms: u64, effects: &mut Effects) {
        let expired = self.slots.expired(now_ms);
        self.remove(expired, effects);
    }

    /// The server's own deletions, as one version.
    fn remove(&mut self, mut going: Vec<SlotName>, effects: &mut Effects) {
        going.retain(|slot| self.slots.get(slot).is_some());
        if going.is_empty() {
            return;
        }
        let (server, version) = (Author::server(), self.version + 1);
        for slot in &going {
            self.slots.delete(slot.clone(), version, server.clone());
        }
        let kinds = going.into_iter().map(|slot| ChangeKind::Delete { slot });
        let changes = kinds.map(|kind| Change { version, by: server.user.clone(), kind }).collect();
        self.publish(changes, effects);
    }

    pub fn write(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        write: &Write,
        now_ms: u64,
        limits: &Limits,
        effects: &mut Effects,
    ) {
        let known = self.answers.look_up(author, write.id);
        if let Some(answer) =
            self.repeated(known, write.id, write.conditions.iter().map(|(slot, _)| slot), &write.ops)
        {
            return effects.deliveries.push(Delivery::Reply { session, event: answer });
        }
        let writer = Writer { author, session, now_ms, limits };
        let (event, answer, changes) = self.apply(&writer, write);
        self.answers.keep(author, write.id, answer, now_ms, limits.inflight);
        effects.deliveries.push(Delivery::Reply { session, event });
        if !changes.is_empty() {
            self.publish(changes, effects);
        }
    }

    fn apply(&mut self, writer: &Writer<'_>, write: &Write) -> (Event, Answer, Vec<Change>) {
        let staged = self
            .check_cursor(write)
            .and_then(|()| Staged::stage(&self.slots, &self.kind, self.version + 1, writer, write));
        let id = write.id;
        match staged {
            Ok(accepted) => {
                let changed = accepted.moves();
                let version = self.version + u64::from(changed);
                let changes = accepted.commit(&mut self.slots, version, writer.author);
                if let Some(following) = self.followers.get_mut(writer.session) {
                    following.ties |= write.ops.iter().any(ties);
                }
                let success = Event::Success(Success { id, version, changed });
                (success, Answer::Accepted { version, changed }, changes)
            }
            Err(Refusal { fault, winners }) => {
                let reject =
                    Event::Reject(Reject { id, fault: fault.clone(), version: self.version, winners });
                (reject, Answer::Refused(fault), Vec::new())
            }
        }
    }

    fn check_cursor(&self, write: &Write) -> Result<(), Refusal> {
        let refuse = |code, what: String| Err(Refusal { fault: Fault::new(code, what), winners: Vec::new() });
        if write.epoch.is_some_and(|epoch| epoch != self.epoch) {
            return refuse(Code::WrongEpoch, format!("{}: its epoch is {}", self.name, self.epoch));
        }
        if write.seen > self.version {
            return refuse(
                Code::BadField,
                format!("seen: is ahead of the object's version {}", self.version),
            );
        }
        Ok(())
    }

    pub fn send(
        &mut self,
        session: SessionId,
        author: &Arc<Author>,
        send: Send,
        now_ms: u64,
        limits: &Limits,
        effects: &mut Effects,
    ) {
        let known = self.answers.look_up(author, send.id);
        if let Some(answer) = self.repeated(known, send.id, std::iter::empty(), &[]) {
            return effects.deliveries.push(Delivery::Reply { session, event: answer });
        }
        let (version, changed) = (self.version, false);
        self.answers.keep(author, send.id, Answer::Accepted { version, changed }, now_ms, limits.inflight);
        let event = Event::Success(Success { id: send.id, version, changed });
        effects.deliveries.push(Delivery::Reply { session, event });
        self.sends += 1;
        let (object, by) = (self.name.clone(), author.user.clone());
        let sent = Event::Sent(Sent { object, version, name: send.name, value: send.value, by });
        for group in self.followers.groups_mut() {
            let mark = Mark { version: group.told, sends: self.sends };
            let (channel, encoding, edges) = (group.channel, group.audience.encoding, group.edges());
            let event = sent.clone();
            effects.deliveries.push(Delivery::Publish { channel, encoding, edges, event, mark });
        }
    }

    pub fn fingerprint(&self) -> Event {
        let slots = self.slots.iter().map(|(name, slot)| (name, &slot.value));
        let md5 = md5_of(self.slots.len(), slots);
        Event::Fingerprint { object: self.name.clone(), epoch: self.epoch, version: self.version, md5 }
    }

    /// The first answer again, where the id has been used before.
    fn repeated<'a>(
        &self,
        known: Known,
        id: Option<u64>,
        conditions: impl Iterator<Item = &'a SlotName>,
        ops: &'a [Op],
    ) -> Option<Event> {
        let fault = match known {
            Known::New => return None,
            Known::Answered(Answer::Accepted { version, changed }) => {
                return Some(Event::Success(Success { id, version, changed }));
            }
            Known::Answered(Answer::Refused(fault)) => fault,
            Known::Forgotten => Fault::new(Code::AnswerForgotten, "id"),
        };
        let named = conditions.chain(ops.iter().filter_map(Op::slot));
        let winners: Vec<Record> = named.map(|slot| self.slots.record(slot)).collect();
        Some(Event::Reject(Reject { id, fault, version: self.version, winners }))
    }

    fn mark(&self) -> Mark {
        Mark { version: self.version, sends: self.sends }
    }

    /// Raises the version by one, commits it and tells every audience that can see something of it.
    fn publish(&mut self, changes: Vec<Change>, effects: &mut Effects) {
        self.version += 1;
        self.slots.forget(self.version, self.kind.resync_depth);
        let commit = Commit {
            object: self.name.clone(),
            epoch: self.epoch,
            version: self.version,
            changes: changes.clone().into(),
        };
        effects.commits.push(commit);
        let (object, to, mark) = (self.name.clone(), self.version, self.mark());
        let whole = Diff { object, from: to - 1, to, changes, skipped: 0 };
        for group in self.followers.groups_mut() {
            let Some(diff) = group.audience.view.of(&whole) else { continue };
            let event = Event::Diff(Diff { from: group.told, ..diff });
            group.told = to;
            let (channel, encoding, edges) = (group.channel, group.audience.encoding, group.edges());
            effects.deliveries.push(Delivery::Publish { channel, encoding, edges, event, mark });
        }
    }
}

fn ties(op: &Op) -> bool {
    match op {
        Op::Set { life, .. } | Op::Once { life, .. } => life.tie,
        Op::Delete { .. } | Op::Add { .. } | Op::Max { .. } | Op::Min { .. } => false,
        Op::Append { .. } | Op::Patch { .. } | Op::Clear => false,
    }
}
