//! How fast the sessions ask: open loop (what they ask falls due at fixed times) and closed loop (as many on the way as a bound allows).

use super::{Crew, Session};
use std::io;
use std::time::{Duration, Instant};

/// After the last was sent, answers may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What falls due at fixed times: so many bursts, each of one session in turn.
pub(super) struct Due {
    pub start_us: u64,
    /// Of what is in the bursts, per second.
    pub rate: f64,
    pub burst: u64,
    /// How many have been sent.
    pub next: u64,
    pub bursts: u64,
}

impl Due {
    fn next_us(&self) -> u64 {
        self.start_us + (self.next as f64 * self.burst as f64 * 1e6 / self.rate) as u64
    }
}

impl<S: Session> Crew<S> {
    /// What they ask falls due at `rate`, `burst` of one session at a time, whatever the server does; the answer is the time until the
    /// last was answered, in s.
    pub fn on_time(&mut self, rate: f64, burst: u64, seconds: f64) -> io::Result<f64> {
        let start_us = self.now_us();
        let bursts = (rate * seconds / burst as f64).round() as u64;
        let mut due = Due { start_us, rate, burst, next: 0, bursts };
        while due.next < bursts && self.seen.closed == 0 {
            let wait = self.send_due(&mut due)?;
            self.turn(wait)?;
        }
        self.drain()?;
        Ok((self.now_us() - start_us) as f64 / 1e6)
    }

    /// Sends what is due; the answer is how long there is nothing more to send, or a little while.
    pub(super) fn send_due(&mut self, due: &mut Due) -> io::Result<Duration> {
        let now_us = self.now_us();
        while due.next < due.bursts && due.next_us() <= now_us {
            let number = due.next as usize % self.askers;
            if self.sessions[number].room() < due.burst {
                break;
            }
            self.send(number, due.burst, due.next_us())?;
            due.next += 1;
        }
        Ok(Duration::from_micros(due.next_us().saturating_sub(self.now_us()).min(20_000)))
    }

    /// Keeps `window` of every asker on the way for so long or until there were `asks`; then waits for the answers.
    pub fn keep_full(&mut self, window: u64, seconds: f64, asks: u64) -> io::Result<f64> {
        let start_us = self.now_us();
        let end_us = start_us.saturating_add((seconds * 1e6) as u64);
        let share = asks / self.askers as u64;
        let askers = &self.sessions[..self.askers];
        let last: Vec<u64> = askers.iter().map(|asker| asker.asked().saturating_add(share)).collect();
        let mut going = true;
        while going && self.now_us() < end_us && self.seen.closed == 0 {
            going = false;
            for (number, last) in last.iter().enumerate() {
                let asker = &self.sessions[number];
                let left = last - asker.asked();
                going |= left > 0;
                let room = window.min(asker.room() + asker.unanswered()) - asker.unanswered().min(window);
                // Half a window at a time, so that a session sends seldom and much.
                if room > window / 2 || room == window {
                    self.send(number, room.min(left), self.now_us())?;
                }
            }
            self.turn(Duration::from_millis(20))?;
        }
        self.drain()?;
        Ok((self.now_us() - start_us) as f64 / 1e6)
    }

    /// Turns until `done`, or as long as answers may take; the answer is whether it was done.
    pub fn turn_until(&mut self, done: impl Fn(&Self) -> bool) -> io::Result<bool> {
        let end = Instant::now() + DRAIN_MAX;
        while !done(self) && self.seen.closed == 0 {
            if Instant::now() >= end {
                return Ok(false);
            }
            self.turn(Duration::from_millis(20))?;
        }
        Ok(done(self))
    }

    pub fn asked(&self) -> u64 {
        self.sessions.iter().map(Session::asked).sum()
    }

    fn unanswered(&self) -> u64 {
        self.sessions.iter().map(Session::unanswered).sum()
    }

    fn send(&mut self, number: usize, count: u64, due_us: u64) -> io::Result<()> {
        for _ in 0..count {
            self.sessions[number].ask(due_us);
        }
        self.flush(number)
    }

    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.turn_until(|crew| crew.unanswered() == 0)?;
        self.seen.missing += self.unanswered();
        Ok(())
    }
}
