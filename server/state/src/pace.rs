//! The pace of an audience that wants few frames: what happens between two of its moments is held back and told as one diff, and behind it
//! the sends in their order.

use std::collections::VecDeque;

use slotcast_protocol::{Limits, Rate, Sent};

/// When an audience is told something, and what waits for that.
pub(crate) struct Pace {
    per_second: u64,
    /// The next moment, in ms times `per_second`, so that no rate is rounded.
    next: u64,
    held: Held,
}

/// What has happened since the last moment.
#[derive(Default)]
pub(crate) struct Held {
    /// Something in view has changed.
    pub changed: bool,
    /// The newest, as many as a ring would keep.
    pub sends: VecDeque<Sent>,
    send_bytes: usize,
    /// Older sends for which there was no room.
    pub skipped: u64,
}

/// ms, as `next` counts them
const SECOND: u64 = 1_000;

impl Pace {
    /// The first moment is at once.
    pub fn new(rate: Rate) -> Self {
        Pace { per_second: rate.per_second(), next: 0, held: Held::default() }
    }

    /// Whether something can be told at once; if so this was a moment.
    pub fn may_go(&mut self, now_ms: u64) -> bool {
        let goes = self.held.is_nothing() && self.next <= now_ms.saturating_mul(self.per_second);
        if goes {
            self.count(now_ms);
        }
        goes
    }

    /// Something in view has changed.
    pub fn hold_change(&mut self) {
        self.held.changed = true;
    }

    /// A send, to be told later; the oldest make room.
    pub fn hold_send(&mut self, sent: Sent, limits: &Limits) {
        let Held { sends, send_bytes, skipped, .. } = &mut self.held;
        *send_bytes += bytes(&sent);
        sends.push_back(sent);
        while sends.len() > limits.ring_frames || sends.len() > 1 && *send_bytes > limits.ring_bytes {
            let oldest = sends.pop_front().expect("there is one");
            *send_bytes -= bytes(&oldest);
            *skipped += 1;
        }
    }

    /// Whether sends wait.
    pub fn holds_sends(&self) -> bool {
        !self.held.sends.is_empty()
    }

    /// When what waits is to be told, in ms.
    pub fn due_ms(&self) -> Option<u64> {
        (!self.held.is_nothing()).then(|| self.next.div_ceil(self.per_second))
    }

    /// What waits; this is a moment.
    pub fn take(&mut self, now_ms: u64) -> Held {
        self.count(now_ms);
        std::mem::take(&mut self.held)
    }

    /// A moment that comes a little late does not put off the next.
    fn count(&mut self, now_ms: u64) {
        let now = now_ms.saturating_mul(self.per_second);
        let is_punctual = self.next <= now && now - self.next < SECOND;
        self.next = if is_punctual { self.next } else { now } + SECOND;
    }
}

impl Held {
    fn is_nothing(&self) -> bool {
        !self.changed && self.sends.is_empty()
    }
}

fn bytes(sent: &Sent) -> usize {
    sent.name.as_str().len() + sent.value.bytes().len()
}

#[cfg(test)]
mod tests {
    use slotcast_protocol::{ObjectName, SendName, User, Value};

    use super::*;

    fn pace(per_second: u64) -> Pace {
        Pace::new(Rate::new(per_second).expect("a good rate"))
    }

    fn sent(version: u64) -> Sent {
        Sent {
            object: ObjectName::parse("a").expect("a good name"),
            version,
            name: SendName::parse("hi").expect("a good name"),
            value: Value::check(&[0xc0], &Limits::default()).expect("nil"),
            by: User::parse("u").expect("a good name"),
        }
    }

    /// The moments in the second after `from`, if something happens every ms and each is told `late_ms` behind its time.
    fn moments(per_second: u64, late_ms: u64) -> usize {
        let mut pace = pace(per_second);
        let mut told = 0;
        for now_ms in 5_000..6_000 {
            if pace.due_ms().is_some_and(|due| due + late_ms <= now_ms) {
                pace.take(now_ms);
                told += 1;
            }
            if pace.may_go(now_ms) {
                told += 1;
            } else {
                pace.hold_change();
            }
        }
        told
    }

    #[test]
    fn a_second_has_as_many_moments_as_were_asked_for() {
        for per_second in [1, 3, 20, 30, 60, 300] {
            assert_eq!(moments(per_second, 0), per_second as usize, "{per_second}/s");
        }
        assert_eq!(moments(20, 2), 20, "what is late does not put off the next");
    }

    #[test]
    fn what_happens_first_is_told_at_once_and_the_rest_waits() {
        let mut pace = pace(20);
        assert!(pace.may_go(7_000));
        assert!(!pace.may_go(7_049));
        pace.hold_change();
        assert_eq!(pace.due_ms(), Some(7_050));
        assert!(!pace.may_go(7_050), "what waits goes first");
        assert!(pace.take(7_050).changed);
        assert_eq!(pace.due_ms(), None);
        assert!(pace.may_go(9_000), "after a pause at once again");
    }

    #[test]
    fn the_newest_sends_are_kept_and_the_others_counted() {
        let limits = Limits { ring_frames: 3, ..Limits::default() };
        let mut pace = pace(1);
        (1..=5).for_each(|version| pace.hold_send(sent(version), &limits));
        let held = pace.take(0);
        assert_eq!(held.sends.iter().map(|sent| sent.version).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((held.skipped, held.changed), (2, false));
    }
}
