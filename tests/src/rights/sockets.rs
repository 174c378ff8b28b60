//! Sockets that are full at times, and all that they were handed.

use std::collections::BTreeMap;

use bytes::Bytes;
use slotcast_protocol::Event;
use slotcast_state::{Flow, SessionId, Sink};

/// The auditor's is never full.
const AUDITOR: usize = 0;

#[derive(Default)]
pub struct Sockets {
    /// How many pieces a socket takes from one draining to the next.
    pub window: u64,
    room: BTreeMap<SessionId, u64>,
    full: BTreeMap<SessionId, ()>,
    handed: Vec<(SessionId, Vec<u8>)>,
    pushes: u64,
}

/// An event behind its length, u32 big endian.
pub fn framed(event: &Event) -> Vec<u8> {
    let bytes = event.encode();
    [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat()
}

impl Sockets {
    /// An answer: it goes behind what waits, however much that is.
    pub fn answer(&mut self, session: SessionId, mut frames: Vec<u8>) {
        while !frames.is_empty() {
            let length = u32::from_be_bytes([frames[0], frames[1], frames[2], frames[3]]) as usize;
            let rest = frames.split_off(4 + length);
            self.handed.push((session, frames.split_off(4)));
            frames = rest;
        }
    }

    /// What was handed over since the last time, event by event.
    pub fn take(&mut self) -> Vec<(SessionId, Vec<u8>)> {
        std::mem::take(&mut self.handed)
    }

    pub fn full(&self) -> impl Iterator<Item = SessionId> {
        self.full.keys().copied()
    }

    pub fn drain(&mut self, session: SessionId) {
        self.full.remove(&session);
        self.room.insert(session, self.window);
    }
}

impl Sink for Sockets {
    fn is_open(&self, session: SessionId) -> bool {
        !self.full.contains_key(&session)
    }

    fn push(&mut self, session: SessionId, frames: Bytes) -> Flow {
        assert!(self.is_open(session), "nothing is pushed to a socket that is full");
        self.pushes += 1;
        if session.slot() == AUDITOR {
            self.answer(session, frames.to_vec());
            return Flow::Open;
        }
        if self.window == 0 && self.pushes.is_multiple_of(5) {
            self.full.insert(session, ());
            return Flow::Refused;
        }
        self.answer(session, frames.to_vec());
        let room = self.room.entry(session).or_default();
        if *room == 0 {
            self.full.insert(session, ());
            return Flow::Full;
        }
        *room -= 1;
        Flow::Open
    }
}
