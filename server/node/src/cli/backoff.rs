//! When to come back after a cut (protocol.md section 6).

use std::time::{Duration, Instant};

use super::client::dice;
use super::failure::say;

const BACKOFF_MS: u64 = 500;
const BACKOFF_MS_MAX: u64 = 30_000;
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// The pauses of one command, from its first connection on.
pub struct Backoff {
    attempt: u32,
    began: Instant,
    /// When the server said to come back.
    retry_ms: Option<u64>,
}

impl Backoff {
    pub fn new() -> Self {
        Backoff { attempt: 0, began: Instant::now(), retry_ms: None }
    }

    /// `goaway`: the server says itself how long the next pause is.
    pub fn goaway(&mut self, retry_ms: u64, reason: &str) {
        say(&format!("the server goes away: {reason}"));
        self.retry_ms = Some(retry_ms);
    }

    /// Says why there is a pause, and is over when it is.
    pub async fn pause(&mut self, why: &str) {
        self.attempt = if self.began.elapsed() > GOOD_CONNECTION { 0 } else { self.attempt };
        let wait_ms = self.retry_ms.take().unwrap_or_else(|| backoff_ms(self.attempt, dice()));
        say(&format!("{why}; again in {wait_ms} ms"));
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        self.attempt += 1;
        self.began = Instant::now();
    }
}

/// Random, so that not all come back at once.
fn backoff_ms(attempt: u32, dice: u64) -> u64 {
    let most = 2_u64.saturating_pow(attempt).saturating_mul(BACKOFF_MS).min(BACKOFF_MS_MAX);
    dice % (most + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backing_off() {
        for (attempt, most) in [(0, 500), (1, 1000), (5, 16_000), (6, 30_000), (63, 30_000), (1000, 30_000)] {
            assert_eq!(backoff_ms(attempt, most), most, "attempt {attempt}");
            assert_eq!(backoff_ms(attempt, most + 1), 0, "attempt {attempt}");
        }
    }
}
