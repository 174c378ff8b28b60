//! One session that writes to several objects in turn and has many writes on the way.

use super::super::client::Stage;
use super::super::crew::Session;
use super::super::line::Line;
use super::super::seen::Seen;
use crate::message;

/// A device may have so many writes of one object unanswered (`inflight` of the limits): the server keeps as many answers.
const UNANSWERED_PER_OBJECT: usize = 64;

/// A session.
pub struct Writer {
    line: Line,
    part: Part,
    /// Writes sent; the id of the last one.
    written: u64,
    answered: u64,
    /// The version of each object, as far as the session knows.
    versions: Vec<u64>,
    opened: usize,
    /// When each unanswered write was due, at its id's place in the ring.
    due_us: Vec<u64>,
}

/// Who writes, and what.
pub struct Part {
    pub user: String,
    pub objects: Vec<String>,
    pub slots: u64,
    pub value: Vec<u8>,
}

impl Writer {
    pub fn new(line: Line, part: Part) -> Self {
        let (versions, due_us) =
            (vec![0; part.objects.len()], vec![0; UNANSWERED_PER_OBJECT * part.objects.len()]);
        Writer { line, part, written: 0, answered: 0, versions, opened: 0, due_us }
    }

    fn on_success(&mut self, id: u64, version: u64, now_us: u64, seen: &mut Seen) {
        let (ring, count) = (self.due_us.len() as u64, self.versions.len() as u64);
        seen.latency.record(now_us.saturating_sub(self.due_us[(id % ring) as usize]));
        seen.successes += 1;
        self.answered += 1;
        self.versions[((id - 1) % count) as usize] = version;
    }
}

impl Session for Writer {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn greet(&mut self) {
        self.line.push(&message::hello(None, &self.part.user, &self.part.user));
    }

    /// Objects in turn, and in each the slots in turn.
    fn ask(&mut self, due_us: u64) {
        let (turn, count) = (self.written, self.versions.len() as u64);
        self.written += 1;
        let ring = self.due_us.len() as u64;
        self.due_us[(self.written % ring) as usize] = due_us;
        let object = (turn % count) as usize;
        let slot = format!("s{}", turn / count % self.part.slots);
        let (name, version) = (&self.part.objects[object], self.versions[object]);
        self.line.push(&message::write(self.written, name, version, &slot, &self.part.value));
    }

    fn asked(&self) -> u64 {
        self.written
    }

    fn unanswered(&self) -> u64 {
        self.written - self.answered
    }

    /// As many as the server keeps answers for.
    fn room(&self) -> u64 {
        self.due_us.len() as u64 - self.unanswered()
    }

    fn hear(&mut self, payload: &[u8], now_us: u64, seen: &mut Seen) -> Option<()> {
        let (code, mut reader) = message::open(payload)?;
        match code {
            message::SUCCESS => {
                let (id, version) = (reader.uint()?, reader.uint()?);
                seen.name_class(reader.str()?);
                self.on_success(id, version, now_us, seen);
            }
            message::REJECT | message::ERROR => {
                self.answered += u64::from(code == message::REJECT);
                seen.rejects += u64::from(code == message::REJECT);
                seen.errors += u64::from(code == message::ERROR);
                seen.complain(|| String::from_utf8_lossy(payload).into_owned());
            }
            message::SNAPSHOT => {
                let (version, more) = message::snapshot_version(reader)?;
                *self.versions.get_mut(self.opened)? = version;
                self.opened += usize::from(!more);
                if self.opened == self.versions.len() {
                    self.line.stage = Stage::Following;
                }
            }
            message::WELCOME => {
                self.line.stage = Stage::Using;
                let uses = self.part.objects.iter().map(|object| message::use_object(object));
                uses.for_each(|request| self.line.push(&request));
            }
            message::DIFF => seen.deliveries += 1,
            _ => {}
        }
        Some(())
    }
}
