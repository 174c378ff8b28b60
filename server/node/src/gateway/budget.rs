//! What one session may send: a token bucket. Who has emptied it is read later, not refused.

use std::time::Duration;

use slotcast_protocol::Limits;

/// Small, as every session has one: the rate is the limits'.
pub struct Budget {
    tokens: f32,
    filled_ms: u64,
}

impl Budget {
    pub fn new(limits: &Limits, now_ms: u64) -> Self {
        Budget { tokens: limits.messages_burst as f32, filled_ms: now_ms }
    }

    /// Takes a token for a message; how long to wait before the next one is read.
    pub fn take(&mut self, limits: &Limits, now_ms: u64) -> Option<Duration> {
        let (per_ms, burst) = (limits.messages_per_s as f32 / 1_000.0, limits.messages_burst as f32);
        let passed_ms = now_ms.saturating_sub(self.filled_ms);
        self.filled_ms = now_ms;
        self.tokens = (self.tokens + passed_ms as f32 * per_ms).min(burst) - 1.0;
        (self.tokens < 0.0).then(|| Duration::from_millis((-self.tokens / per_ms).ceil() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let limits = Limits { messages_burst: 3, messages_per_s: 10, ..Limits::default() };
        let mut budget = Budget::new(&limits, 0);
        assert!((0..3).all(|_| budget.take(&limits, 0).is_none()));
        assert_eq!(budget.take(&limits, 0), Some(Duration::from_millis(100)));
        assert_eq!(budget.take(&limits, 200), None);
    }
}
