//! The judge: everything that a device hears is held against the truth at once, and all of it again at a crash and at rest.

use slotcast_protocol::{Code, Durability, Encoding, Entry, Event, InboxCursor, Matter, RelayEvent, Tell};
use slotcast_state::{At, Author, Filed, Outcome};

use super::body::is_for_now;
use super::client::Client;
use super::world::{What, World};
use crate::json_wire;

type Judged = Result<(), String>;

/// An answer, as far as it has to be the same again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    Stored { at: u64, time_ms: u64 },
    Refused(Code),
}

fn judge(holds: bool, what: impl FnOnce() -> String) -> Judged {
    if holds { Ok(()) } else { Err(what()) }
}

fn decode(encoding: Encoding, bytes: &[u8]) -> Result<Event, String> {
    let event = match encoding {
        Encoding::MessagePack => Event::decode(bytes),
        Encoding::Json => json_wire::event(std::str::from_utf8(bytes).map_err(|_| "UTF-8")?),
    };
    event.map_err(|fault| fault.to_string())?.ok_or_else(|| "an event that no one knows".to_owned())
}

impl World {
    pub fn hear(&mut self, at: usize, bytes: &[u8]) -> Judged {
        let event = decode(self.clients[at].encoding, bytes)?;
        self.log.line(format!("{} client {at} hears {event:?}", self.now_ms));
        let heard = match &event {
            Event::Relay(event) => self.relay(at, event),
            Event::Error { fault, .. } if fault.code == Code::Unavailable => {
                let session = self.clients[at].session.expect("it hears");
                self.put(self.now_ms + 10, What::Noticed { session });
                self.leave_line(at, session);
                Ok(())
            }
            _other => Err("no one asked".to_owned()),
        };
        heard.map_err(|why| format!("client {at}: {why}\n  hearing {event:?}"))
    }

    fn relay(&mut self, at: usize, event: &RelayEvent) -> Judged {
        match event {
            RelayEvent::Inbox { epoch, from, to } => self.opened(at, *epoch, *from, *to),
            RelayEvent::Entry(entry) => self.entry(at, entry),
            RelayEvent::Current { seq } => {
                self.tally.currents += 1;
                self.follows(at, *seq)?;
                self.reached(at, *seq);
                Ok(())
            }
            RelayEvent::Missed { to } => self.missed(at, *to),
            RelayEvent::Stored { id, at: place, time_ms, .. } => {
                self.answered(at, *id, Heard::Stored { at: *place, time_ms: *time_ms })
            }
            RelayEvent::Refused { id: Some(id), .. } if self.edit_refused(at, *id) => Ok(()),
            RelayEvent::Refused { id: Some(id), fault, retry_ms } => match is_for_now(fault.code) {
                true => self.not_now(at, *id, fault.code, *retry_ms),
                false => self.answered(at, *id, Heard::Refused(fault.code)),
            },
            RelayEvent::Refused { id: None, .. } => Ok(()),
            RelayEvent::Signal { .. } => {
                self.tally.signals += 1;
                Ok(())
            }
            RelayEvent::Roster(roster) => self.take_roster(at, roster),
            RelayEvent::Edited { id, rev } => self.edited(at, *id, *rev),
            RelayEvent::Stale { .. } => {
                self.told_stale(at);
                Ok(())
            }
            RelayEvent::Presence(people) => self.take_presence(at, people),
        }
    }

    /// From the cursor that was brought; without one from what the device is known to have.
    fn opened(&mut self, at: usize, epoch: u64, from: u64, to: u64) -> Judged {
        let client = &mut self.clients[at];
        let known = client.acknowledged.get(&epoch).copied().unwrap_or(0);
        let right = match client.cursor {
            Some(cursor) if cursor.epoch == epoch => from <= cursor.seq,
            Some(_) | None => from <= known,
        };
        judge(right && from <= to, || {
            format!("{:?} is brought, and {from} of {epoch} is taken", client.cursor)
        })?;
        self.tally.resumed += u64::from(from > 0);
        self.tally.resumed_across_a_crash += u64::from(from > 0 && client.crossed);
        self.tally.other_epochs += u64::from(client.cursor.is_some_and(|cursor| cursor.epoch != epoch));
        if client.cursor.is_none_or(|cursor| cursor.epoch != epoch) {
            client.cursor = Some(InboxCursor { epoch, seq: from });
        }
        (client.position, client.acknowledged_here, client.missed) = (from, from, 0);
        client.opening -= 1;
        (client.opened, client.crossed) = (client.opening == 0, false);
        if self.quiet {
            self.put(self.now_ms, What::Act { client: at });
        }
        Ok(())
    }

    fn entry(&mut self, at: usize, entry: &Entry) -> Judged {
        let client = &self.clients[at];
        let epoch = client.cursor.ok_or("an entry before `inbox`")?.epoch;
        let filed = self.truth.entry(&client.user, epoch, entry.seq).ok_or("an entry that is not there")?;
        judge(filed.entry == *entry, || format!("another entry: {filed:?}"))?;
        judge(is_for(filed, client), || "what it did itself".to_owned())?;
        judge(entry.seq > client.position, || format!("back from {}", client.position))?;
        self.follows(at, entry.seq - 1)?;
        match entry.matter {
            Matter::Message { .. } => self.tally.messages += 1,
            Matter::Copy { .. } => self.tally.copies += 1,
            Matter::Receipt { .. } => self.tally.receipts += 1,
            Matter::Seen { .. } => self.tally.seen += 1,
        }
        self.reached(at, entry.seq);
        Ok(())
    }

    fn reached(&mut self, at: usize, seq: u64) {
        let client = &mut self.clients[at];
        client.position = client.position.max(seq);
        if let Some(cursor) = &mut client.cursor {
            cursor.seq = cursor.seq.max(seq);
        }
        if self.quiet {
            self.catch_up(at);
        }
    }

    /// Nothing that is for the device was left out between where it is and `seq`, but what it was told of and what was replaced.
    fn follows(&self, at: usize, seq: u64) -> Judged {
        let client = &self.clients[at];
        let epoch = client.cursor.ok_or("before `inbox`")?.epoch;
        for filed in self.truth.between(&client.user, epoch, client.position, seq) {
            let told = filed.entry.seq <= client.missed || !is_for(filed, client);
            judge(told || self.truth.is_replaced(&client.user, epoch, filed), || {
                format!("{} was left out, at {}: {filed:?}", filed.entry.seq, client.position)
            })?;
        }
        Ok(())
    }

    fn missed(&mut self, at: usize, to: u64) -> Judged {
        self.tally.missed += 1;
        let client = &self.clients[at];
        let epoch = client.cursor.ok_or("before `inbox`")?.epoch;
        let kept = self.truth.shadow(&client.user).ok_or("no one is there")?;
        let gone = |filed: &&Filed| !kept.entries().any(|entry| entry.seq == filed.entry.seq);
        let mut between = self.truth.between(&client.user, epoch, client.position, to);
        let some = between.any(|filed| gone(&filed));
        drop(between);
        judge(some, || "nothing is missing".to_owned())?;
        self.clients[at].missed = to;
        Ok(())
    }

    fn answered(&mut self, at: usize, id: u64, heard: Heard) -> Judged {
        let client = &mut self.clients[at];
        let place = client.unanswered.iter().position(|tell| tell.id == id);
        let tell = place.and_then(|place| client.unanswered.remove(place)).ok_or("an answer to nothing")?;
        if heard == Heard::Refused(Code::AnswerForgotten) {
            self.tally.forgotten += 1;
            let mistaken = client.again.contains(&id);
            return judge(mistaken || client.heard.contains_key(&id), || "it was never answered".to_owned());
        }
        self.tally.answers_compared += u64::from(client.heard.contains_key(&id));
        let (_, first) = client.heard.entry(id).or_insert((tell.clone(), heard));
        judge(*first == heard, || format!("the first answer was {first:?}"))?;
        match heard {
            Heard::Stored { at: seq, time_ms } => {
                self.judge_shut(at, id)?;
                self.is_stored(at, &tell, At { seq, time_ms })
            }
            Heard::Refused(code) => {
                self.tally.refused_for_good += 1;
                self.tally.inbox_full += u64::from(code == Code::InboxFull);
                self.tally.not_permitted += u64::from(code == Code::NotPermitted);
                let may = code == Code::InboxFull || code == Code::NotPermitted && self.weather.people;
                judge(may, || format!("{code}"))
            }
        }
    }

    fn is_stored(&mut self, at: usize, tell: &Tell, place: At) -> Judged {
        self.tally.stored += 1;
        let client = &self.clients[at];
        let (epoch, found) =
            self.truth.message(&tell.to, &author(client), tell.id).ok_or("it is in no inbox")?;
        judge(found == place, || format!("it is at {found:?}"))?;
        let filed = self.truth.entry(&tell.to, epoch, place.seq).ok_or("it has no entry")?;
        let Matter::Message { from, id, body, kind } = &filed.entry.matter else {
            return Err(format!("there is {filed:?}"));
        };
        let same = (from, *id, body, kind) == (&client.user, tell.id, &tell.body, &tell.kind);
        judge(same, || format!("there is {filed:?}"))
    }

    /// The same again, a little later.
    fn not_now(&mut self, at: usize, id: u64, code: Code, retry_ms: Option<u64>) -> Judged {
        judge(!self.clients[at].heard.contains_key(&id), || "it was answered before".to_owned())
            .or_else(|why| if code == Code::Unavailable { Ok(()) } else { Err(why) })?;
        self.tally.not_now += 1;
        self.tally.too_fast += u64::from(code == Code::TooFast);
        judge((code == Code::TooFast) == retry_ms.is_some(), || "when to come back".to_owned())?;
        let client = &self.clients[at];
        judge(client.unanswered.iter().any(|tell| tell.id == id), || "an answer to nothing".to_owned())?;
        let (at_ms, session) = (self.now_ms + retry_ms.unwrap_or(5).max(1), client.session);
        self.put(at_ms, What::Again { client: at, id, session });
        Ok(())
    }

    /// No one has been given or told anything that a crash has taken. Of what was in memory alone nothing is left, and all begins anew.
    pub fn judge_crash(&mut self) -> Judged {
        if self.weather.durability == Durability::Memory {
            self.clients.iter_mut().for_each(|client| client.heard.clear());
            return Ok(());
        }
        for (at, client) in self.clients.iter().enumerate() {
            let kept = self.truth.shadow(&client.user);
            if let Some(cursor) = client.cursor.filter(|cursor| cursor.seq > 0) {
                let holds =
                    kept.is_some_and(|kept| kept.epoch() == cursor.epoch && kept.last() >= cursor.seq);
                judge(holds, || format!("client {at} has {cursor:?}, and it is gone"))?;
            }
            for (tell, heard) in client.heard.values() {
                self.judge_heard(client, tell, *heard)
                    .map_err(|why| format!("client {at}: {tell:?}: {why}"))?;
            }
        }
        Ok(())
    }

    fn judge_heard(&self, client: &Client, tell: &Tell, heard: Heard) -> Judged {
        let told = self.truth.shadow(&client.user).and_then(|kept| kept.told(&client.device, tell.id));
        match (heard, told) {
            (Heard::Stored { at, .. }, _) => {
                let found = self.truth.message(&tell.to, &author(client), tell.id);
                judge(found.is_some_and(|(_, place)| place.seq == at), || "a crash has taken it".to_owned())?;
            }
            (Heard::Refused(code), Some(Outcome::Refused(fault))) => {
                judge(fault.code == code, || format!("the answer is now {fault}"))?;
            }
            (Heard::Refused(_), Some(Outcome::Stored(_))) => return Err("it is stored now".to_owned()),
            (Heard::Refused(_), None) => {}
        }
        Ok(())
    }

    /// Nothing is under way: every device has everything, and every message its answer.
    pub fn judge_rest(&mut self) -> Judged {
        for (at, client) in self.clients.iter().enumerate() {
            judge(client.unanswered.is_empty(), || {
                format!("client {at}: no answer to {:?}", client.unanswered)
            })?;
            let Some(kept) = self.truth.shadow(&client.user) else { continue };
            let cursor = client.cursor.filter(|_| client.opened);
            let cursor = cursor.ok_or_else(|| format!("client {at} has not opened"))?;
            judge(cursor.epoch == kept.epoch(), || format!("client {at}: another epoch"))?;
            let left = self.truth.between(&client.user, cursor.epoch, cursor.seq, kept.last());
            let left: Vec<_> = left.filter(|filed| is_for(filed, client)).collect();
            judge(left.is_empty(), || format!("client {at} has {cursor:?} and not {left:?}"))?;
            self.judge_order(client).map_err(|why| format!("client {at}: {why}"))?;
        }
        for desk in &self.desks {
            let held = desk.under_way.is_some() || !desk.gathering.held.is_empty();
            judge(!held, || "at rest something is held".to_owned())?;
            for (user, contents) in desk.disk.clone().recover_users(&self.limits)? {
                self.truth.stands(&user, &contents)?;
            }
        }
        if self.weather.people { self.judge_people() } else { Ok(()) }
    }

    /// What a device sent to one user lies there in its order, but for what was refused for a while.
    fn judge_order(&self, client: &Client) -> Judged {
        for to in self.truth.users() {
            let own = author(client);
            let in_turn = |id| !client.again.contains(&id) && !self.truth.was_refused(&client.device, id);
            let mut places: Vec<_> = (client.heard.values())
                .filter(|(tell, _)| tell.to == *to && in_turn(tell.id))
                .filter_map(|(tell, _)| {
                    self.truth.message(to, &own, tell.id).map(|(_, at)| (tell.id, at.seq))
                })
                .collect();
            places.sort();
            judge(places.is_sorted_by_key(|(_, seq)| *seq), || format!("to {to}, not in order: {places:?}"))?;
        }
        Ok(())
    }
}

fn author(client: &Client) -> Author {
    Author { user: client.user.clone(), device: client.device.clone() }
}

fn is_for(filed: &Filed, client: &Client) -> bool {
    match filed.entry.matter {
        Matter::Message { .. } | Matter::Receipt { .. } => true,
        Matter::Copy { .. } | Matter::Seen { .. } => filed.device.as_ref() != Some(&client.device),
    }
}
