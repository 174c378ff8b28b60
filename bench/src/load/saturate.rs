//! Closed loop: as many changes as the server takes, with a bound on those on the way. The bound doubles until
//! the 99th percentile passes the limit, or more on the way brings no more.

use super::fleet::Fleet;
use super::report::Report;
use super::tally::Tally;
use super::target::Target;
use crate::process::Cost;
use std::io;
use std::time::Duration;

/// The latency at p99 that counts as saturated, in ms.
pub const P99_MS_MAX: f64 = 200.0;
const WARM_SECONDS: f64 = 0.3;
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// A step must bring so many times more to count as better.
const WORTH_IT: f64 = 1.03;
/// Rises of the bound that bring no more before the search ends.
const FRUITLESS_MAX: u32 = 2;

/// A search for the highest rate.
#[derive(Clone, Copy, Debug)]
pub struct Saturate {
    /// Seconds of each step.
    pub seconds: f64,
    /// The clients 0 to this write, each with its share of the bound.
    pub writers: usize,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// How many clients get each change.
    pub receivers: u64,
    /// The first bound per writer, in changes.
    pub window_first: u64,
    /// The last bound per writer, in changes.
    pub window_last: u64,
}

/// What one step brought.
#[derive(Clone, Debug)]
struct Step {
    /// Changes on the way at most, per writer.
    pub window: u64,
    /// The time from the first change to the last delivery, in s.
    pub seconds: f64,
    /// Deliveries that did not come.
    pub missing: u64,
    /// What the clients saw.
    pub tally: Tally,
    /// What the server cost before and after.
    pub cost: (Cost, Cost),
    /// What the generator cost before and after.
    pub own: (Cost, Cost),
}

impl Step {
    /// Deliveries per second.
    fn rate(&self) -> f64 {
        self.tally.deliveries as f64 / self.seconds
    }

    fn print(&self) {
        let (window, rate, p99_ms) = (self.window, self.rate(), self.tally.latency.quantile_ms(0.99));
        let verdict = if self.counts() { "" } else { " (does not count)" };
        eprintln!("  window {window}: {rate:.0} deliveries/s, p99 {p99_ms} ms{verdict}");
    }

    /// Whether every change arrived by itself, in time.
    fn counts(&self) -> bool {
        let tally = &self.tally;
        let faults =
            self.missing + tally.gaps + tally.versions_skipped + tally.rejects + tally.errors + tally.closed;
        faults == 0 && tally.latency.quantile_ms(0.99) < P99_MS_MAX
    }
}

impl Saturate {
    /// Searches, and tells what the best step brought.
    pub fn measure(&self, fleet: &mut Fleet, target: &Target, report: &mut Report) -> io::Result<()> {
        let best = self.search(fleet, target)?;
        report.tell("saturated", best.counts()).tell("window", best.window).keep("missing", best.missing);
        report.tell_row(best.seconds, &best.tally, best.cost, best.own);
        Ok(())
    }

    /// The best step; the first one, if none counts.
    fn search(&self, fleet: &mut Fleet, target: &Target) -> io::Result<Step> {
        let mut best = self.step(fleet, target, self.window_first)?;
        let mut fruitless = 0;
        let mut window = self.window_first * 2;
        while window <= self.window_last && fruitless < FRUITLESS_MAX && fleet.tally.closed == 0 {
            let step = self.step(fleet, target, window)?;
            let better = step.counts() && step.rate() > best.rate() * WORTH_IT;
            fruitless = if better { 0 } else { fruitless + 1 };
            if better || (step.counts() && !best.counts()) {
                best = step;
            }
            window *= 2;
        }
        Ok(best)
    }

    fn step(&self, fleet: &mut Fleet, target: &Target, window: u64) -> io::Result<Step> {
        self.keep_full(fleet, window, WARM_SECONDS)?;
        fleet.tally = Tally::default();
        let (before, own) = (target.cost()?, Cost::read(std::process::id())?);
        let (seconds, missing) = self.keep_full(fleet, window, self.seconds)?;
        let cost = (before, target.cost()?);
        let own = (own, Cost::read(std::process::id())?);
        let step = Step { window, seconds, missing, tally: fleet.tally.clone(), cost, own };
        step.print();
        Ok(step)
    }

    /// Keeps the changes on the way at the bound for so long, then lets all arrive. The answer is the time it took, in s,
    /// and how many deliveries did not come.
    fn keep_full(&self, fleet: &mut Fleet, window: u64, seconds: f64) -> io::Result<(f64, u64)> {
        let start_us = fleet.now_us();
        let end_us = start_us + (seconds * 1e6) as u64;
        let arrived_first = fleet.tally.arrived();
        let mut written = 0;
        while fleet.now_us() < end_us && fleet.tally.closed == 0 {
            let done = (fleet.tally.arrived() - arrived_first) / self.receivers;
            let room = (window * self.writers as u64).saturating_sub(written - done.min(written));
            written += self.refill(fleet, window, written, room)?;
            fleet.turn(Duration::from_millis(20))?;
        }
        let expected = arrived_first + written * self.receivers;
        fleet.turn_until(DRAIN_MAX, |fleet| fleet.tally.arrived() >= expected || fleet.tally.closed > 0)?;
        let seconds = (fleet.now_us() - start_us) as f64 / 1e6;
        Ok((seconds, expected.saturating_sub(fleet.tally.arrived())))
    }

    /// One writer takes all the room; several take it in turn, a window each, so that each sends seldom and much.
    fn refill(&self, fleet: &mut Fleet, window: u64, written: u64, room: u64) -> io::Result<u64> {
        let share = if self.writers == 1 { room } else { window };
        let shares = room.checked_div(share).unwrap_or(0);
        let due_us = fleet.now_us();
        for turn in 0..shares {
            let writer = (written / share + turn) as usize % self.writers;
            for _ in 0..share {
                fleet.clients[writer].write(due_us, self.value_bytes);
            }
            fleet.flush(writer)?;
        }
        Ok(shares * share)
    }
}
