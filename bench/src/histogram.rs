//! A histogram of microseconds with buckets that widen: exact below 64 µs, within 1/32 (3 %) above.

const SUB_BITS: u32 = 5;
const SUB: usize = 1 << SUB_BITS;
/// Two runs of exact buckets, then 32 for each power of two up to 2^40 µs (12 days).
const BUCKETS: usize = SUB * (40 - SUB_BITS as usize + 1);

/// Counts of times in µs. What is longer than its range counts in the last bucket.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max_us: 0 }
    }
}

impl Histogram {
    /// Counts one time.
    #[inline]
    pub fn record(&mut self, us: u64) {
        self.buckets[bucket(us)] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly.
    pub fn max_us(&self) -> u64 {
        self.max_us
    }

    /// The time that a share of all (0.99: 99 %) do not pass, rounded up to its bucket's end; 0 if there are none.
    pub fn quantile_us(&self, share: f64) -> u64 {
        let rank = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper_us(index).min(self.max_us);
            }
        }
        self.max_us
    }

    /// The same, in ms.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.quantile_us(share) as f64 / 1000.0
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[inline]
fn bucket(us: u64) -> usize {
    let octave = (u64::BITS - us.leading_zeros()).saturating_sub(SUB_BITS + 1);
    ((octave as usize) * SUB + (us >> octave) as usize).min(BUCKETS - 1)
}

fn upper_us(index: usize) -> u64 {
    let octave = (index / SUB).saturating_sub(1);
    let within = (index - octave * SUB) as u64;
    ((within + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_lies_in_its_bucket() {
        for us in (0..5000).chain([63, 64, 65, 1 << 20, (1 << 20) + 1, (1 << 39) - 1]) {
            let index = bucket(us);
            let below = index.checked_sub(1).map(upper_us);
            assert!(us <= upper_us(index), "{us}");
            assert!(below.is_none_or(|below| us > below), "{us}");
        }
    }

    #[test]
    fn buckets_are_within_a_thirtysecond() {
        for us in [64, 1000, 33_333, 7_654_321] {
            let upper = upper_us(bucket(us));
            assert!((upper - us) as f64 <= us as f64 / 32.0, "{us} in a bucket up to {upper}");
        }
    }

    #[test]
    fn quantiles_of_a_row_of_numbers() {
        let mut histogram = Histogram::default();
        (1..=60).for_each(|us| histogram.record(us));
        assert_eq!(histogram.quantile_us(0.5), 30);
        assert_eq!(histogram.quantile_us(1.0), 60);
        assert_eq!((histogram.count(), histogram.max_us()), (60, 60));
    }

    #[test]
    fn nothing_and_too_much() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(0.99), 0);
        histogram.record(u64::MAX);
        assert_eq!(histogram.max_us(), u64::MAX);
        assert!(histogram.quantile_us(0.99) >= 1 << 39);
    }
}
