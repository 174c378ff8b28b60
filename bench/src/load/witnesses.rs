//! Followers who get a steady row of changes while something else happens to the server.

use super::fleet::Fleet;
use super::tally::Tally;
use std::io;
use std::time::Duration;

const VALUE_BYTES: usize = 64;

/// Followers of one object; the first of them writes.
pub struct Witnesses {
    fleet: Fleet,
    rate: f64,
    start_us: u64,
    written: u64,
}

impl Witnesses {
    /// The row begins now, with `rate` changes per second.
    pub fn new(fleet: Fleet, rate: f64) -> Self {
        let start_us = fleet.now_us();
        Self { fleet, rate, start_us, written: 0 }
    }

    /// Writes what is due.
    pub fn write_due(&mut self) -> io::Result<()> {
        while self.next_due_us() <= self.fleet.now_us() {
            let due_us = self.next_due_us();
            self.fleet.clients[0].write(due_us, VALUE_BYTES);
            self.written += 1;
        }
        self.fleet.flush(0)
    }

    /// Acts on what has come in.
    pub fn turn(&mut self) -> io::Result<()> {
        self.fleet.turn(Duration::ZERO)
    }

    /// Deliveries of what was written that have not come.
    pub fn missing(&self) -> u64 {
        (self.written * self.fleet.clients.len() as u64).saturating_sub(self.fleet.tally.arrived())
    }

    /// What they have seen since the row began; a new one begins now.
    pub fn take(&mut self) -> Tally {
        self.written = 0;
        self.start_us = self.fleet.now_us();
        std::mem::take(&mut self.fleet.tally)
    }

    fn next_due_us(&self) -> u64 {
        self.start_us + (self.written as f64 * 1e6 / self.rate) as u64
    }
}
