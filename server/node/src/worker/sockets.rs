//! The sockets of a worker's sessions, as the edge wants them.

use std::rc::Rc;

use bytes::Bytes;
use slotcast_protocol::CloseCode;
use slotcast_state::{Flow, SessionId, Sink};

use crate::metrics::Metrics;
use crate::outbox::{Outbox, waiting};

pub struct Sockets {
    /// This worker's share of the bytes that may wait.
    waiting_bytes_max: usize,
    by_slot: Vec<Option<Socket>>,
    /// Those with answers that go out at the end of the turn.
    deferred: Vec<SessionId>,
    pushes: u64,
    pushed_bytes: u64,
    full: u64,
    not_kept: u64,
    waiting_reported: usize,
}

struct Socket {
    session: SessionId,
    outbox: Rc<Outbox>,
    closing: Option<CloseCode>,
    /// It was not told some news.
    missed: bool,
}

impl Sockets {
    pub fn new(waiting_bytes_max: usize) -> Self {
        let (by_slot, deferred) = (Vec::new(), Vec::new());
        let (pushes, pushed_bytes, full, not_kept, waiting_reported) = (0, 0, 0, 0, 0);
        Sockets {
            waiting_bytes_max,
            by_slot,
            deferred,
            pushes,
            pushed_bytes,
            full,
            not_kept,
            waiting_reported,
        }
    }

    pub fn insert(&mut self, session: SessionId, outbox: Rc<Outbox>) {
        let slot = session.slot();
        if slot >= self.by_slot.len() {
            self.by_slot.resize_with(slot + 1, || None);
        }
        self.by_slot[slot] = Some(Socket { session, outbox, closing: None, missed: false });
    }

    pub fn remove(&mut self, session: SessionId) {
        if self.socket(session).is_some() {
            self.by_slot[session.slot()] = None;
        }
    }

    pub fn sessions(&self) -> Vec<SessionId> {
        self.by_slot.iter().flatten().map(|socket| socket.session).collect()
    }

    pub fn outbox(&self, session: SessionId) -> Option<&Rc<Outbox>> {
        self.socket(session).map(|socket| &socket.outbox)
    }

    /// Puts an answer behind what waits; [`Sockets::flush`] sends it.
    pub fn defer(&mut self, session: SessionId, frame: Bytes) {
        if let Some(outbox) = self.outbox(session) {
            outbox.defer(frame);
            self.deferred.push(session);
        }
    }

    pub fn flush(&mut self) {
        for session in std::mem::take(&mut self.deferred) {
            if let Some(outbox) = self.outbox(session).filter(|outbox| outbox.is_open()) {
                outbox.flush();
            }
        }
    }

    /// The session is not told some news.
    pub fn miss(&mut self, session: SessionId) {
        if let Some(socket) = self.socket_mut(session) {
            socket.missed = true;
        }
    }

    /// Whether the session was not told some news, until now.
    pub fn take_missed(&mut self, session: SessionId) -> bool {
        self.socket_mut(session).is_some_and(|socket| std::mem::take(&mut socket.missed))
    }

    /// Asks the session's task to close with a code.
    pub fn close(&mut self, session: SessionId, code: CloseCode) {
        if let Some(socket) = self.socket_mut(session) {
            socket.closing = Some(code);
            socket.outbox.wake();
        }
    }

    pub fn closing(&self, session: SessionId) -> Option<CloseCode> {
        self.socket(session).and_then(|socket| socket.closing)
    }

    /// Adds what was counted here to the server's metrics.
    pub fn report(&mut self, metrics: &Metrics) {
        metrics.pushes.inc_by(std::mem::take(&mut self.pushes));
        metrics.pushed_bytes.inc_by(std::mem::take(&mut self.pushed_bytes));
        metrics.full.inc_by(std::mem::take(&mut self.full));
        metrics.not_kept.inc_by(std::mem::take(&mut self.not_kept));
        let before = std::mem::replace(&mut self.waiting_reported, waiting::bytes());
        metrics.waiting_bytes.inc_by(self.waiting_reported as i64 - before as i64);
    }

    fn socket_mut(&mut self, session: SessionId) -> Option<&mut Socket> {
        self.by_slot.get_mut(session.slot())?.as_mut().filter(|socket| socket.session == session)
    }

    fn socket(&self, session: SessionId) -> Option<&Socket> {
        self.by_slot.get(session.slot())?.as_ref().filter(|socket| socket.session == session)
    }
}

impl Sink for Sockets {
    fn is_open(&self, session: SessionId) -> bool {
        self.outbox(session).is_some_and(|outbox| outbox.is_open())
    }

    fn push(&mut self, session: SessionId, frames: Bytes) -> Flow {
        self.pushes += 1;
        self.pushed_bytes += frames.len() as u64;
        let is_tight = waiting::bytes() > self.waiting_bytes_max;
        let flow = self.outbox(session).map_or(Flow::Full, |outbox| match is_tight {
            true => outbox.offer(frames),
            false => outbox.push(frames),
        });
        self.full += u64::from(flow == Flow::Full);
        self.not_kept += u64::from(flow == Flow::Refused);
        flow
    }
}
