//! What one session may send: token buckets for messages, bytes and control frames. Who has emptied one is read later, not refused; only
//! control frames, of which nobody needs many, have an end.

use std::time::Duration;

use slotcast_protocol::Limits;

/// Small, as every session has one: the rates are the limits'.
pub struct Budget {
    messages: f32,
    bytes: f32,
    controls: f32,
    /// The clock's lower half: what passes between two messages is less than its round.
    filled_ms: u32,
}

/// What was read.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    messages: u32,
    bytes: usize,
    controls: u32,
}

impl Taken {
    pub fn message(bytes: usize) -> Self {
        Taken { messages: 1, bytes, controls: 0 }
    }

    /// A part of a message.
    pub fn part(bytes: usize) -> Self {
        Taken { messages: 0, bytes, controls: 0 }
    }

    /// A ping or a pong.
    pub fn control(bytes: usize) -> Self {
        Taken { messages: 0, bytes, controls: 1 }
    }
}

impl Budget {
    pub fn new(limits: &Limits, now_ms: u64) -> Self {
        Budget {
            messages: limits.messages_burst as f32,
            bytes: limits.bytes_burst as f32,
            controls: limits.controls_burst as f32,
            filled_ms: now_ms as u32,
        }
    }

    /// Takes what was read; how long to wait before more is.
    pub fn take(&mut self, limits: &Limits, now_ms: u64, taken: Taken) -> Option<Duration> {
        let passed_ms = (now_ms as u32).wrapping_sub(self.filled_ms) as f32;
        self.filled_ms = now_ms as u32;
        let waits = [
            draw(
                &mut self.messages,
                passed_ms,
                limits.messages_per_s,
                limits.messages_burst,
                taken.messages as f32,
            ),
            draw(&mut self.bytes, passed_ms, limits.bytes_per_s, limits.bytes_burst, taken.bytes as f32),
        ];
        draw(
            &mut self.controls,
            passed_ms,
            limits.controls_per_s,
            limits.controls_burst,
            taken.controls as f32,
        );
        let wait_ms = waits.into_iter().fold(0.0, f32::max);
        (wait_ms > 0.0).then(|| Duration::from_millis(wait_ms.ceil() as u64))
    }

    /// Whether there were more control frames than anyone needs.
    pub fn is_overrun(&self) -> bool {
        self.controls < 0.0
    }
}

/// Fills a bucket, takes some; how many ms until there is something in it again.
fn draw(tokens: &mut f32, passed_ms: f32, per_s: u32, burst: u32, taken: f32) -> f32 {
    let per_ms = per_s as f32 / 1_000.0;
    *tokens = (*tokens + passed_ms * per_ms).min(burst as f32) - taken;
    if *tokens < 0.0 { -*tokens / per_ms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let limits = Limits {
            messages_burst: 3,
            messages_per_s: 10,
            bytes_burst: 100,
            bytes_per_s: 1_000,
            controls_burst: 2,
            controls_per_s: 1,
            ..Limits::default()
        };
        let mut budget = Budget::new(&limits, 0);
        assert!((0..3).all(|_| budget.take(&limits, 0, Taken::message(10)).is_none()));
        assert_eq!(budget.take(&limits, 0, Taken::message(10)), Some(Duration::from_millis(100)));
        assert_eq!(budget.take(&limits, 200, Taken::message(10)), None);
        let now_ms = u64::from(u32::MAX) + 1_000;
        assert_eq!(budget.take(&limits, now_ms, Taken::part(200)), Some(Duration::from_millis(100)));
        assert!((0..2).all(|_| budget.take(&limits, now_ms + 200, Taken::control(0)).is_none()));
        assert!(!budget.is_overrun());
        budget.take(&limits, now_ms + 200, Taken::control(0));
        assert!(budget.is_overrun());
    }
}
