//! One client: opens, follows one object, counts what comes, writes.

use super::dialect::{self, Dialect, Heard, Speaks};
use super::link::Link;
use super::part::Part;
use super::tally::Tally;
use crate::frame::{self, Head};
use crate::handshake;
use crate::message::{self, Cursor, Span};
use std::net::SocketAddr;
use std::ops::Range;

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The request is on its way.
    Opening,
    /// `hello` is on its way.
    Greeting,
    /// `use` is on its way.
    Using,
    /// It has its object.
    Following,
    /// The connection is over.
    Closed,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its socket.
    pub link: Link,
    /// How far it has come.
    pub stage: Stage,
    /// How much of the object it has.
    pub have: Cursor,
    /// Diffs that it got.
    pub diffs: u64,
    /// When the newest value that it got was due.
    pub latest_us: u64,
    /// When the newest value that it wrote was due.
    pub wrote_us: u64,
    /// Writes sent.
    pub written: u64,
    /// Writes answered.
    pub answered: u64,
    /// The beginning of a frame whose end has not come.
    pub rest: Vec<u8>,
    /// When the server wants it back, if it said so.
    pub retry_ms: Option<u64>,
    part: Part,
    /// What is spoken with a peer; none: Slotcast's own protocol.
    dialect: Option<Box<dyn Dialect>>,
}

impl Client {
    /// A client whose socket connects.
    pub fn new(link: Link, part: Part, speaks: Speaks) -> Self {
        let (have, rest, retry_ms) = (Cursor::default(), Vec::new(), None);
        let (diffs, latest_us, wrote_us, written, answered) = (0, 0, 0, 0, 0);
        let stage = Stage::Opening;
        let dialect = speaks.dialect(&part);
        Self {
            link,
            stage,
            have,
            diffs,
            latest_us,
            wrote_us,
            written,
            answered,
            rest,
            retry_ms,
            part,
            dialect,
        }
    }

    /// Begins anew on another socket, with its cursor.
    pub fn begin_anew(&mut self, link: Link) {
        self.link = link;
        self.stage = Stage::Opening;
        self.rest = Vec::new();
        self.retry_ms = None;
    }

    /// Puts the opening request in line.
    pub fn open(&mut self, server: SocketAddr) {
        let request = match &self.dialect {
            None => handshake::request(server),
            Some(dialect) => handshake::request_to(server, &dialect.path(), dialect.subprotocol()),
        };
        self.link.out.extend_from_slice(request.as_bytes());
    }

    /// Puts a write in line; its value begins with `due_us` and has `value_bytes`.
    pub fn write(&mut self, due_us: u64, value_bytes: usize) {
        self.written += 1;
        self.wrote_us = due_us;
        if let Some(dialect) = &self.dialect {
            let write = dialect.publish(&dialect::value(due_us, value_bytes));
            return self.push(dialect.opcode(), &write);
        }
        let mut value = vec![0x2e; value_bytes.max(8)];
        value[..8].copy_from_slice(&due_us.to_le_bytes());
        let (part, seen) = (&self.part, self.have.version);
        let write = message::write(self.written, &part.object, seen, &part.slot, &value);
        self.push(frame::BINARY, &write);
    }

    /// Puts a write of several slots in line, `s0` and so on.
    pub fn fill(&mut self, slots: Range<usize>, value_bytes: usize) {
        self.written += 1;
        let write = message::write_slots(self.written, &self.part.object, slots, value_bytes);
        self.push(frame::BINARY, &write);
    }

    /// Puts a `use` in line that replaces the one before: from now on at most `rate` changes per second, 0 for all.
    pub fn follow_at(&mut self, rate: u64) {
        self.part.rate = rate;
        self.stage = Stage::Using;
        self.push_use();
    }

    /// Puts a `ping` of the protocol in line; of the WebSocket, where the protocol has none.
    pub fn ping(&mut self) {
        match self.dialect.as_ref().map(|dialect| (dialect.opcode(), dialect.ping())) {
            None => self.push(frame::BINARY, &message::ping()),
            Some((opcode, Some(ping))) => self.push(opcode, &ping),
            Some((_, None)) => self.push(frame::PING, b""),
        }
    }

    /// Puts a pong that no one asked for in line: a sign of life.
    pub fn live(&mut self) {
        self.push(frame::PONG, b"");
    }

    /// Acts on what was read; the answer is how many bytes are done with.
    pub fn on_bytes(&mut self, bytes: &[u8], now_us: u64, tally: &mut Tally) -> usize {
        let mut at = if self.stage == Stage::Opening { self.on_head(bytes, tally) } else { 0 };
        while self.stage != Stage::Closed
            && let Some(head) = Head::read(&bytes[at..])
            && let Some(payload) = bytes.get(at + head.header_bytes..at + head.frame_bytes())
        {
            at += head.frame_bytes();
            self.on_frame(head.opcode, payload, now_us, tally);
        }
        at
    }

    fn on_head(&mut self, bytes: &[u8], tally: &mut Tally) -> usize {
        let Some(end) = handshake::head_end(bytes) else { return 0 };
        match handshake::accepted(&bytes[..end]) {
            Ok(()) => {
                self.stage = Stage::Greeting;
                if self.dialect.is_some() {
                    self.with_dialect(0, tally, |dialect, hear| dialect.greet(hear));
                } else {
                    self.push(
                        frame::BINARY,
                        &message::hello(self.part.token.as_deref(), &self.part.user, &self.part.user),
                    );
                }
            }
            Err(line) => {
                tally.complain(|| line);
                self.stage = Stage::Closed;
            }
        }
        end
    }

    #[inline]
    fn on_frame(&mut self, opcode: u8, payload: &[u8], now_us: u64, tally: &mut Tally) {
        match opcode {
            frame::BINARY | frame::TEXT if self.dialect.is_some() => {
                self.with_dialect(now_us, tally, |dialect, hear| dialect.read(payload, hear));
            }
            frame::PONG if self.dialect.is_some() => tally.pongs += 1,
            frame::BINARY if self.on_message(payload, now_us, tally).is_none() => {
                tally.errors += 1;
                tally.complain(|| format!("a message that cannot be read: {payload:02x?}"));
            }
            frame::BINARY | frame::PONG => {}
            frame::PING => self.push(frame::PONG, payload),
            opcode => {
                tally.complain(|| format!("frame {opcode}: {}", String::from_utf8_lossy(payload)));
                self.stage = Stage::Closed;
            }
        }
    }

    #[inline]
    fn on_message(&mut self, payload: &[u8], now_us: u64, tally: &mut Tally) -> Option<()> {
        let (code, reader) = message::open(payload)?;
        match code {
            message::DIFF => {
                let timed = self.part.receive_bytes.is_none();
                let span = Span::read(reader, |value| {
                    let Some(due_us) = value.first_chunk().map(|due| u64::from_le_bytes(*due)) else {
                        return;
                    };
                    self.latest_us = due_us;
                    if timed {
                        tally.latency.record(now_us.saturating_sub(due_us));
                    }
                })?;
                self.on_diff(span, tally);
            }
            message::SUCCESS => {
                tally.successes += 1;
                self.answered += 1;
            }
            message::REJECT | message::ERROR => self.on_refusal(code, payload, tally),
            message::SNAPSHOT => {
                let (cursor, more) = message::snapshot_cursor(reader)?;
                tally.snapshots += u64::from(!more);
                if !more {
                    self.have = cursor;
                    self.stage = Stage::Following;
                }
            }
            message::WELCOME => {
                self.stage = Stage::Using;
                self.push_use();
            }
            message::PONG => tally.pongs += 1,
            message::GOAWAY => self.retry_ms = message::goaway_ms(reader),
            _ => {}
        }
        Some(())
    }

    /// Lets the dialect speak or read, and acts on what it hears.
    fn with_dialect(
        &mut self,
        now_us: u64,
        tally: &mut Tally,
        act: impl FnOnce(&mut dyn Dialect, &mut dyn FnMut(Heard<'_>)),
    ) {
        if let Some(mut dialect) = self.dialect.take() {
            let opcode = dialect.opcode();
            act(&mut *dialect, &mut |heard| self.on_heard(heard, opcode, now_us, tally));
            self.dialect = Some(dialect);
        }
    }

    /// A peer has no versions: what a client has is how many changes it got.
    fn on_heard(&mut self, heard: Heard<'_>, opcode: u8, now_us: u64, tally: &mut Tally) {
        match heard {
            Heard::Following => self.stage = Stage::Following,
            Heard::Change(value) => {
                tally.deliveries += 1;
                self.diffs += 1;
                self.have.version += 1;
                self.latest_us = dialect::due_us(value);
                if self.part.receive_bytes.is_none() {
                    tally.latency.record(now_us.saturating_sub(self.latest_us));
                }
            }
            Heard::Pong => tally.pongs += 1,
            Heard::Asked(answer) => self.push(opcode, &answer),
            Heard::Refused(what) => {
                tally.errors += 1;
                tally.complain(|| String::from_utf8_lossy(what).into_owned());
            }
        }
    }

    #[inline]
    fn on_diff(&mut self, span: Span, tally: &mut Tally) {
        if self.stage == Stage::Using {
            self.stage = Stage::Following;
            tally.resumed += 1;
        } else {
            tally.repeats += u64::from(span.to <= self.have.version);
        }
        tally.gaps += u64::from(span.from > self.have.version);
        tally.versions_skipped += (span.to - span.from).saturating_sub(span.changes as u64);
        tally.deliveries += span.changes as u64;
        self.diffs += 1;
        self.have.version = self.have.version.max(span.to);
    }

    fn on_refusal(&mut self, code: u64, payload: &[u8], tally: &mut Tally) {
        if code == message::REJECT {
            tally.rejects += 1;
            self.answered += 1;
        } else {
            tally.errors += 1;
        }
        tally.complain(|| String::from_utf8_lossy(payload).into_owned());
    }

    fn push_use(&mut self) {
        let part = &self.part;
        self.push(frame::BINARY, &message::use_from(&part.object, self.have, part.rate));
    }

    /// The key is a simple one: no proxy stands between, and the server's work is the same for each.
    fn push(&mut self, opcode: u8, payload: &[u8]) {
        let key = (self.written as u32).wrapping_mul(0x9e37_79b9).wrapping_add(0x5bd1_e995).to_be_bytes();
        frame::client(&mut self.link.out, opcode, payload, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack;
    use std::net::TcpListener;

    /// A follower at version 7, and what it counts when diffs with these spans come in, one `set` each.
    fn counted(spans: &[(u64, u64)]) -> (Tally, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let server = listener.local_addr().expect("it is bound");
        let link = Link::connect(server, 0, None).expect("it listens");
        let part = Part::audience(1).remove(0);
        let have = Cursor { epoch: 1, version: 7, sends: 0 };
        let mut client =
            Client { stage: Stage::Following, have, ..Client::new(link, part, Speaks::Slotcast) };
        let mut bytes = Vec::new();
        spans.iter().for_each(|&(from, to)| frame::server(&mut bytes, frame::BINARY, &diff(from, to)));
        let mut tally = Tally::default();
        assert_eq!(client.on_bytes(&bytes, 0, &mut tally), bytes.len());
        (tally, client.have.version)
    }

    fn diff(from: u64, to: u64) -> Vec<u8> {
        let mut out = vec![0x96, 21, 0xa1, b'o'];
        pack::uint(&mut out, from);
        pack::uint(&mut out, to);
        out.extend_from_slice(&[0x91, 0x95, 1, 0xa1, b's']);
        pack::uint(&mut out, to);
        out.extend_from_slice(&[0xa1, b'u', 0xc4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out
    }

    #[test]
    fn a_row_without_holes_has_no_faults() {
        let (tally, have) = counted(&[(7, 8), (8, 9)]);
        assert_eq!(
            (tally.deliveries, tally.gaps, tally.versions_skipped, tally.repeats, have),
            (2, 0, 0, 0, 9)
        );
    }

    #[test]
    fn a_hole_is_a_gap() {
        let (tally, have) = counted(&[(7, 8), (9, 10)]);
        assert_eq!((tally.deliveries, tally.gaps, have), (2, 1, 10));
    }

    #[test]
    fn a_fold_is_told_and_is_no_gap() {
        let (tally, have) = counted(&[(7, 12)]);
        assert_eq!((tally.deliveries, tally.gaps, tally.versions_skipped, have), (1, 0, 4, 12));
    }

    #[test]
    fn what_it_had_is_a_repeat() {
        let (tally, have) = counted(&[(6, 7)]);
        assert_eq!((tally.repeats, tally.gaps, have), (1, 0, 7));
    }
}
