//! Sessions that come in a crowd, while those who are there already go on asking.

use super::asking::Due;
use super::{Crew, Session};
use crate::load::link::Link;
use crate::load::seen::Seen;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Newcomers whom the server has not welcomed yet: few enough that those who ask are not held up by the load itself.
const JOINING_MAX: u64 = 64;
const JOIN_TIME_MAX: Duration = Duration::from_secs(120);
const TURN_MAX: Duration = Duration::from_millis(1);

impl<S: Session> Crew<S> {
    /// A session comes for each part, as fast as the server takes them, while what the askers ask falls due at `rate`; until `done`.
    /// The answer is how long that took, in s.
    pub fn join<P>(
        &mut self,
        rate: f64,
        parts: Vec<P>,
        server: SocketAddr,
        session: impl Fn(Link, P) -> S,
        done: impl Fn(&Seen) -> bool,
    ) -> io::Result<f64> {
        let start = Instant::now();
        let mut due = Due { start_us: self.now_us(), rate, burst: 1, next: 0, bursts: u64::MAX };
        self.seen.arrivals.began_us = due.start_us;
        let before = self.sessions.len() as u64;
        let mut parts = parts.into_iter();
        while !done(&self.seen) && self.seen.closed == 0 && start.elapsed() < JOIN_TIME_MAX {
            while self.sessions.len() as u64 - before < self.seen.arrivals.greeted + JOINING_MAX
                && let Some(part) = parts.next()
            {
                let link = Link::connect(server, self.sessions.len(), None)?;
                self.begin(session(link, part))?;
            }
            let wait = self.send_due(&mut due)?;
            self.turn(wait.min(TURN_MAX))?;
        }
        let seconds = start.elapsed().as_secs_f64();
        self.drain()?;
        Ok(seconds)
    }
}
