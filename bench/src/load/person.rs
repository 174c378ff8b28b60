//! A session at the relay: it asks others to be friends, tells them something, reads what they tell, looks who is there, or some of these.

use super::client::Stage;
use super::crew::{Crew, Session};
use super::friends::{Circle, Look};
use super::line::Line;
use super::seen::Seen;
use crate::message::{self, relay};
use crate::pack::Reader;
use std::io;

/// Messages of one device that may be on their way, counted from the oldest without an answer (`inflight` of the limits).
const ON_WAY_MAX: u64 = 64;
/// Entries for which a reader sends one `ack`: a quarter of the window.
const ENTRIES_PER_ACK: u64 = 16;

/// Who it is, and what it does.
#[derive(Default)]
pub struct Part {
    /// The user; the device has the same name.
    pub user: String,
    /// Those whom it asks to be friends, before it tells anyone anything.
    pub asks: Vec<String>,
    /// Those whom it tells something, in turn.
    pub to: Vec<String>,
    /// It opens its inbox.
    pub reads: bool,
    /// It is online, and looks who of these is.
    pub among: Option<Circle>,
    pub body_bytes: usize,
}

/// See the module's text.
pub struct Person {
    line: Line,
    part: Part,
    /// Messages sent; the id of the last one.
    told: u64,
    answered: u64,
    /// The first id without an answer.
    oldest: u64,
    /// When each message was due, at its id's place in the ring; none: it is answered.
    due_us: Vec<Option<u64>>,
    /// Entries since the last `ack`.
    entries: u64,
    look: Option<Look>,
    /// What is still to come until it is logged in.
    wanted: u64,
}

impl Person {
    pub fn new(line: Line, part: Part) -> Self {
        let due_us = vec![None; ON_WAY_MAX as usize];
        let look = part.among.map(Look::new);
        let wanted = u64::from(part.reads) + u64::from(look.is_some());
        Person { line, part, told: 0, answered: 0, oldest: 1, due_us, entries: 0, look, wanted }
    }

    fn on_answer(&mut self, id: u64) -> Option<u64> {
        let due_us = self.due_us[(id % ON_WAY_MAX) as usize].take()?;
        self.answered += 1;
        while self.oldest <= self.told && self.due_us[(self.oldest % ON_WAY_MAX) as usize].is_none() {
            self.oldest += 1;
        }
        Some(due_us)
    }

    /// A client keeps its cursor and acknowledges now and then.
    fn on_entry(&mut self, seq: u64) {
        self.entries += 1;
        if self.entries == ENTRIES_PER_ACK {
            self.entries = 0;
            self.line.push(&relay::ack(seq));
        }
    }

    fn on_stored(&mut self, mut reader: Reader<'_>, now_us: u64, seen: &mut Seen) -> Option<()> {
        let id = reader.uint()?;
        reader.skip(2)?;
        seen.name_class(reader.str()?);
        seen.latency.record(now_us.saturating_sub(self.on_answer(id)?));
        seen.successes += 1;
        Some(())
    }

    fn on_edited(&mut self, mut reader: Reader<'_>, now_us: u64, seen: &mut Seen) -> Option<()> {
        let due_us = self.on_answer(reader.uint()?)?;
        seen.latency.record(now_us.saturating_sub(due_us));
        seen.successes += 1;
        Some(())
    }

    fn on_welcome(&mut self, seen: &mut Seen) {
        seen.arrivals.greeted += 1;
        self.line.stage = if self.wanted > 0 { Stage::Using } else { Stage::Following };
        if self.part.reads {
            self.line.push(&relay::open_inbox());
        }
        if self.look.is_some() {
            self.line.push(&relay::friends());
            self.line.push(&relay::online());
        }
    }

    /// Something of what it needs has come.
    fn on_wanted(&mut self, now_us: u64, seen: &mut Seen) {
        self.wanted = self.wanted.saturating_sub(1);
        if self.wanted == 0 && self.line.stage == Stage::Using {
            self.line.stage = Stage::Following;
            seen.arrivals.log_in(now_us);
        }
    }

    fn on_message(&mut self, mut reader: Reader<'_>, now_us: u64, seen: &mut Seen) -> Option<()> {
        let seq = reader.uint()?;
        reader.skip(2)?;
        let due_us = reader.bin()?.first_chunk().map(|due| u64::from_le_bytes(*due))?;
        seen.delivered.record(now_us.saturating_sub(due_us));
        seen.deliveries += 1;
        self.on_entry(seq);
        Some(())
    }
}

impl Session for Person {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn greet(&mut self) {
        self.line.push(&message::hello(None, &self.part.user, &self.part.user));
    }

    fn ask(&mut self, due_us: u64) {
        let before = self.told as usize;
        self.told += 1;
        self.due_us[(self.told % ON_WAY_MAX) as usize] = Some(due_us);
        if let Some(user) = self.part.asks.get(before) {
            return self.line.push(&relay::ask(self.told, user));
        }
        let to = &self.part.to[before % self.part.to.len()];
        let mut body = vec![0x2e; self.part.body_bytes.max(8)];
        body[..8].copy_from_slice(&due_us.to_le_bytes());
        self.line.push(&relay::tell(self.told, to, &body));
    }

    fn asked(&self) -> u64 {
        self.told
    }

    fn unanswered(&self) -> u64 {
        self.told - self.answered
    }

    fn room(&self) -> u64 {
        ON_WAY_MAX - (self.told + 1 - self.oldest)
    }

    fn hear(&mut self, payload: &[u8], now_us: u64, seen: &mut Seen) -> Option<()> {
        let (code, mut reader) = message::open(payload)?;
        match code {
            relay::STORED => self.on_stored(reader, now_us, seen)?,
            relay::EDITED => self.on_edited(reader, now_us, seen)?,
            relay::MESSAGE => self.on_message(reader, now_us, seen)?,
            relay::RECEIPT => self.on_entry(reader.uint()?),
            relay::REFUSED => {
                self.on_answer(reader.uint()?);
                seen.rejects += 1;
                seen.complain(|| String::from_utf8_lossy(payload).into_owned());
            }
            message::ERROR => {
                seen.errors += 1;
                seen.complain(|| String::from_utf8_lossy(payload).into_owned());
            }
            message::WELCOME => self.on_welcome(seen),
            relay::CURRENT => self.on_wanted(now_us, seen),
            relay::ROSTER => {
                seen.arrivals.friends += relay::friends_in(reader)?;
                self.on_wanted(now_us, seen);
            }
            relay::PRESENCE => self.look.as_mut()?.on_presence(reader, now_us, &mut seen.arrivals)?,
            _ => {}
        }
        Some(())
    }
}

impl Crew<Person> {
    /// Runs until all that was told has been delivered, too; the answer is the time of `run`, in s.
    pub fn until_delivered(&mut self, run: impl FnOnce(&mut Self) -> io::Result<f64>) -> io::Result<f64> {
        let (told, delivered) = (self.asked(), self.seen.deliveries);
        let seconds = run(self)?;
        let wanted = delivered + self.asked() - told;
        self.turn_until(|crew| crew.seen.deliveries >= wanted)?;
        self.seen.missing += wanted.abs_diff(self.seen.deliveries);
        Ok(seconds)
    }
}
