//! Open loop: changes fall due at fixed times, whatever the server does.

use super::fleet::Fleet;
use super::report::Report;
use super::tally::Tally;
use super::target::Target;
use crate::process::Cost;
use std::io;
use std::time::Duration;

const WARM_SECONDS: f64 = 1.0;
/// After the last change was due, deliveries may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A steady row of changes, given to the writers in turn.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Changes per second, over all writers.
    pub rate: f64,
    /// For so long.
    pub seconds: f64,
    /// The clients 0 to this write.
    pub writers: usize,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// How many clients get each change.
    pub receivers: u64,
    /// So many in turn fall due at the same time.
    pub burst: u64,
}

impl Schedule {
    /// The changes of the whole row.
    pub fn changes(&self) -> u64 {
        (self.rate * self.seconds).round() as u64
    }

    /// Runs the row and waits until all is delivered; the answer is the time it took, in s.
    pub fn run(&self, fleet: &mut Fleet) -> io::Result<f64> {
        let start_us = fleet.now_us();
        let expected = fleet.tally.arrived() + self.changes() * self.receivers;
        let mut next = 0;
        while next < self.changes() {
            let now_us = fleet.now_us();
            let before = next;
            while next < self.changes() && self.due_us(start_us, next) <= now_us {
                let writer = next as usize % self.writers;
                fleet.clients[writer].write(self.due_us(start_us, next), self.value_bytes);
                next += 1;
            }
            for number in before..next.min(before + self.writers as u64) {
                fleet.flush(number as usize % self.writers)?;
            }
            let wait_us = self.due_us(start_us, next).saturating_sub(fleet.now_us());
            fleet.turn(Duration::from_micros(wait_us))?;
        }
        let done = |fleet: &Fleet| fleet.tally.arrived() >= expected;
        fleet.turn_until(DRAIN_MAX, done)?;
        Ok((fleet.now_us() - start_us) as f64 / 1e6)
    }

    /// Runs a second unmeasured, then the row, and tells what it brought.
    pub fn measure(&self, fleet: &mut Fleet, target: &Target, report: &mut Report) -> io::Result<()> {
        Schedule { seconds: WARM_SECONDS, ..*self }.run(fleet)?;
        fleet.tally = Tally::default();
        let (before, own) = (target.cost()?, Cost::read(std::process::id())?);
        let seconds = self.run(fleet)?;
        let own = (own, Cost::read(std::process::id())?);
        report.keep("missing", (self.changes() * self.receivers).saturating_sub(fleet.tally.deliveries));
        report.tell_row(seconds, &fleet.tally, (before, target.cost()?), own);
        Ok(())
    }

    fn due_us(&self, start_us: u64, change: u64) -> u64 {
        let first = change / self.burst * self.burst;
        start_us + (first as f64 * 1e6 / self.rate) as u64
    }
}
