//! One timer wheel for all pings: a session costs a number in one of its slots.

use std::num::NonZeroU64;

use slotcast_protocol::Limits;
use slotcast_state::SessionId;

use super::sockets::Sockets;
use crate::frame;

/// Turns once a second; a session that was heard goes to the slot of its next deadline.
pub struct Wheel {
    slots: Vec<Vec<Entry>>,
    at: usize,
    ping_ms: u64,
    pong_ms: u64,
}

struct Entry {
    session: SessionId,
    /// When it was pinged, if it has not been heard since. The time of day is never zero, and this costs a session 8 bytes less.
    pinged_ms: Option<NonZeroU64>,
}

impl Wheel {
    pub fn new(limits: &Limits) -> Self {
        let (ping_ms, pong_ms) = (limits.ping_ms, limits.pong_ms);
        let seconds = ping_ms.max(pong_ms).div_ceil(1_000) + 2;
        Wheel { slots: (0..seconds).map(|_| Vec::new()).collect(), at: 0, ping_ms, pong_ms }
    }

    /// A session that was heard just now.
    pub fn add(&mut self, session: SessionId) {
        self.put(Entry { session, pinged_ms: None }, self.ping_ms);
    }

    /// One second on: pings those that were silent, ends those that stayed so; how many it ended. However late a turn comes, no one
    /// is ended who was not pinged and given the time to answer.
    pub fn turn(&mut self, now_ms: u64, sockets: &mut Sockets) -> u64 {
        self.at = (self.at + 1) % self.slots.len();
        let mut ended = 0;
        for Entry { session, pinged_ms } in std::mem::take(&mut self.slots[self.at]) {
            let Some(outbox) = sockets.outbox(session) else { continue };
            let alive_ms = outbox.alive_ms();
            let silent_ms = now_ms.saturating_sub(alive_ms);
            match pinged_ms.filter(|pinged_ms| alive_ms < pinged_ms.get()) {
                Some(pinged_ms) if now_ms.saturating_sub(pinged_ms.get()) >= self.pong_ms => {
                    outbox.lose();
                    ended += 1;
                }
                Some(pinged_ms) => self.put(Entry { session, pinged_ms: Some(pinged_ms) }, 1_000),
                None if silent_ms >= self.ping_ms => {
                    sockets.defer(session, frame::ping());
                    self.put(Entry { session, pinged_ms: NonZeroU64::new(now_ms) }, self.pong_ms);
                }
                None => self.put(Entry { session, pinged_ms: None }, self.ping_ms - silent_ms),
            }
        }
        sockets.flush();
        ended
    }

    fn put(&mut self, entry: Entry, wait_ms: u64) {
        let seconds = (wait_ms.div_ceil(1_000) as usize).clamp(1, self.slots.len() - 1);
        let slot = (self.at + seconds) % self.slots.len();
        self.slots[slot].push(entry);
    }
}
