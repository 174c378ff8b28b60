//! How fast a user may send: a token bucket in thousandths of a message. Who has emptied it is refused, and told when to come back.

use slotcast_protocol::Limits;

/// Starts full.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// Thousandths of a message that have been taken and not come back.
    spent: u64,
    at_ms: u64,
}

impl Rate {
    /// Takes a message; or in how many ms there is room for it.
    pub fn take(&mut self, now_ms: u64, limits: &Limits) -> Result<(), u64> {
        let (per_s, burst) = (u64::from(limits.tells_per_s), u64::from(limits.tells_burst) * 1_000);
        let back = now_ms.saturating_sub(self.at_ms).saturating_mul(per_s);
        self.spent = self.spent.saturating_sub(back);
        self.at_ms = now_ms;
        let spent = self.spent + 1_000;
        if spent > burst {
            return Err((spent - burst).div_ceil(per_s));
        }
        self.spent = spent;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let limits = Limits { tells_per_s: 10, tells_burst: 3, ..Limits::default() };
        let mut rate = Rate::default();
        let rows = [
            (5_000, Ok(())),
            (5_000, Ok(())),
            (5_000, Ok(())),
            (5_000, Err(100)),
            (5_099, Err(1)),
            (5_100, Ok(())),
        ];
        for (at, wanted) in rows {
            assert_eq!(rate.take(at, &limits), wanted, "{at}");
        }
        assert_eq!(rate.take(90_000, &limits), Ok(()));
    }
}
