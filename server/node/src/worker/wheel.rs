//! One timer wheel for all pings: a session costs a number in one of its slots.

use slotcast_protocol::Limits;
use slotcast_state::SessionId;

use super::sockets::Sockets;
use crate::frame;

/// Turns once a second; a session that was heard goes to the slot of its next deadline.
pub struct Wheel {
    slots: Vec<Vec<SessionId>>,
    at: usize,
    ping_ms: u64,
    pong_ms: u64,
}

impl Wheel {
    pub fn new(limits: &Limits) -> Self {
        let (ping_ms, pong_ms) = (limits.ping_ms, limits.pong_ms);
        let seconds = ping_ms.max(pong_ms).div_ceil(1_000) + 2;
        Wheel { slots: (0..seconds).map(|_| Vec::new()).collect(), at: 0, ping_ms, pong_ms }
    }

    /// A session that was heard just now.
    pub fn add(&mut self, session: SessionId) {
        self.put(session, self.ping_ms);
    }

    /// One second on: pings those that were silent, ends those that stayed so; how many it ended.
    pub fn turn(&mut self, now_ms: u64, sockets: &mut Sockets) -> u64 {
        self.at = (self.at + 1) % self.slots.len();
        let mut ended = 0;
        for session in std::mem::take(&mut self.slots[self.at]) {
            let Some(outbox) = sockets.outbox(session) else { continue };
            let silent_ms = now_ms.saturating_sub(outbox.alive_ms());
            if silent_ms >= self.ping_ms + self.pong_ms {
                outbox.lose();
                ended += 1;
            } else if silent_ms >= self.ping_ms {
                sockets.defer(session, frame::ping());
                self.put(session, (self.ping_ms + self.pong_ms).saturating_sub(silent_ms));
            } else {
                self.put(session, self.ping_ms - silent_ms);
            }
        }
        sockets.flush();
        ended
    }

    fn put(&mut self, session: SessionId, wait_ms: u64) {
        let seconds = (wait_ms.div_ceil(1_000) as usize).clamp(1, self.slots.len() - 1);
        let slot = (self.at + seconds) % self.slots.len();
        self.slots[slot].push(session);
    }
}
