//! A session at the relay: it tells others something, or reads what they tell, or both.

use super::client::Stage;
use super::crew::Session;
use super::line::Line;
use super::seen::Seen;
use crate::message::{self, relay};
use crate::pack::Reader;

/// Messages of one device that may be on their way, counted from the oldest without an answer (`inflight` of the limits).
const ON_WAY_MAX: u64 = 64;
/// Entries for which a reader sends one `ack`: a quarter of the window.
const ENTRIES_PER_ACK: u64 = 16;

/// Who it is, and what it does.
pub struct Part {
    /// The user; the device has the same name.
    pub user: String,
    /// Those whom it tells something, in turn.
    pub to: Vec<String>,
    /// It opens its inbox.
    pub reads: bool,
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
}

impl Person {
    pub fn new(line: Line, part: Part) -> Self {
        let due_us = vec![None; ON_WAY_MAX as usize];
        Person { line, part, told: 0, answered: 0, oldest: 1, due_us, entries: 0 }
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
        self.line.push(&message::hello(&self.part.user, &self.part.user));
    }

    fn ask(&mut self, due_us: u64) {
        let to = &self.part.to[self.told as usize % self.part.to.len()];
        self.told += 1;
        self.due_us[(self.told % ON_WAY_MAX) as usize] = Some(due_us);
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
            message::WELCOME if self.part.reads => {
                self.line.stage = Stage::Using;
                self.line.push(&relay::open_inbox());
            }
            message::WELCOME | relay::CURRENT => self.line.stage = Stage::Following,
            _ => {}
        }
        Some(())
    }
}
