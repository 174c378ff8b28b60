//! One session that writes to several objects in turn and has many writes on the way.

use super::super::client::Stage;
use super::super::link::Link;
use super::crew::Seen;
use crate::frame::{self, Head};
use crate::handshake;
use crate::message;
use std::net::SocketAddr;

/// A session.
pub struct Writer {
    pub link: Link,
    pub stage: Stage,
    /// The beginning of a frame whose end has not come.
    pub rest: Vec<u8>,
    /// Writes sent; the id of the last one.
    pub written: u64,
    pub answered: u64,
    user: String,
    objects: Vec<Copy>,
    opened: usize,
    /// When each unanswered write was due, at its id's place in the ring.
    due_us: Vec<u64>,
}

/// An object as the session knows it.
struct Copy {
    name: String,
    version: u64,
}

/// The part of the answer to a write that the benchmark looks at.
struct Success<'a> {
    id: u64,
    version: u64,
    class: &'a [u8],
}

impl Writer {
    /// A session whose socket connects; it may have so many writes unanswered.
    pub fn new(link: Link, user: String, objects: Vec<String>, unanswered_max: u64) -> Self {
        let objects = objects.into_iter().map(|name| Copy { name, version: 0 }).collect();
        let (stage, rest) = (Stage::Opening, Vec::new());
        let due_us = vec![0; unanswered_max as usize];
        Writer { link, stage, rest, written: 0, answered: 0, user, objects, opened: 0, due_us }
    }

    /// Puts the opening request in line.
    pub fn open(&mut self, server: SocketAddr) {
        self.link.out.extend_from_slice(handshake::request(server).as_bytes());
    }

    pub fn unanswered(&self) -> u64 {
        self.written - self.answered
    }

    /// How many more it may have on the way: what the server keeps answers for.
    pub fn room(&self) -> u64 {
        self.due_us.len() as u64 - self.unanswered()
    }

    /// Puts a write in line: objects in turn, and in each the slots in turn.
    pub fn write(&mut self, due_us: u64, slots: u64, value: &[u8]) {
        let (turn, count) = (self.written, self.objects.len() as u64);
        self.written += 1;
        let ring = self.due_us.len() as u64;
        self.due_us[(self.written % ring) as usize] = due_us;
        let object = &self.objects[(turn % count) as usize];
        let slot = format!("s{}", turn / count % slots);
        let write = message::write(self.written, &object.name, object.version, &slot, value);
        self.push(frame::BINARY, &write);
    }

    /// Acts on what was read; the answer is how many bytes are done with.
    pub fn on_bytes(&mut self, bytes: &[u8], now_us: u64, seen: &mut Seen) -> usize {
        let mut at = if self.stage == Stage::Opening { self.on_head(bytes, seen) } else { 0 };
        while self.stage != Stage::Closed
            && let Some(head) = Head::read(&bytes[at..])
            && let Some(payload) = bytes.get(at + head.header_bytes..at + head.frame_bytes())
        {
            at += head.frame_bytes();
            self.on_frame(head.opcode, payload, now_us, seen);
        }
        at
    }

    fn on_head(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        let Some(end) = handshake::head_end(bytes) else { return 0 };
        match handshake::accepted(&bytes[..end]) {
            Ok(()) => {
                self.stage = Stage::Greeting;
                let hello = message::hello(&self.user, &self.user);
                self.push(frame::BINARY, &hello);
            }
            Err(line) => {
                seen.complain(|| line);
                self.stage = Stage::Closed;
            }
        }
        end
    }

    fn on_frame(&mut self, opcode: u8, payload: &[u8], now_us: u64, seen: &mut Seen) {
        match opcode {
            frame::BINARY if self.on_message(payload, now_us, seen).is_none() => {
                seen.errors += 1;
                seen.complain(|| format!("a message that cannot be read: {payload:02x?}"));
            }
            frame::BINARY | frame::PONG => {}
            frame::PING => self.push(frame::PONG, payload),
            opcode => {
                seen.complain(|| format!("frame {opcode}: {}", String::from_utf8_lossy(payload)));
                self.stage = Stage::Closed;
            }
        }
    }

    fn on_message(&mut self, payload: &[u8], now_us: u64, seen: &mut Seen) -> Option<()> {
        let (code, mut reader) = message::open(payload)?;
        match code {
            message::SUCCESS => {
                let (id, version, class) = (reader.uint()?, reader.uint()?, reader.str()?);
                self.on_success(&Success { id, version, class }, now_us, seen);
            }
            message::REJECT | message::ERROR => {
                self.answered += u64::from(code == message::REJECT);
                seen.rejects += u64::from(code == message::REJECT);
                seen.errors += u64::from(code == message::ERROR);
                seen.complain(|| String::from_utf8_lossy(payload).into_owned());
            }
            message::SNAPSHOT => {
                let (version, more) = message::snapshot_version(reader)?;
                self.objects.get_mut(self.opened)?.version = version;
                self.opened += usize::from(!more);
                if self.opened == self.objects.len() {
                    self.stage = Stage::Following;
                }
            }
            message::WELCOME => {
                self.stage = Stage::Using;
                let uses: Vec<_> =
                    self.objects.iter().map(|object| message::use_object(&object.name)).collect();
                uses.iter().for_each(|request| self.push(frame::BINARY, request));
            }
            message::DIFF => seen.diffs += 1,
            _ => {}
        }
        Some(())
    }

    fn on_success(&mut self, success: &Success<'_>, now_us: u64, seen: &mut Seen) {
        let (ring, count) = (self.due_us.len() as u64, self.objects.len() as u64);
        let due_us = self.due_us[(success.id % ring) as usize];
        seen.latency.record(now_us.saturating_sub(due_us));
        seen.successes += 1;
        if seen.class.as_bytes() != success.class {
            seen.class = String::from_utf8_lossy(success.class).into_owned();
        }
        self.answered += 1;
        self.objects[((success.id - 1) % count) as usize].version = success.version;
    }

    /// The key is a simple one: no proxy stands between, and the server's work is the same for each.
    fn push(&mut self, opcode: u8, payload: &[u8]) {
        let key = (self.written as u32).wrapping_mul(0x9e37_79b9).wrapping_add(0x5bd1_e995).to_be_bytes();
        frame::client(&mut self.link.out, opcode, payload, key);
    }
}
