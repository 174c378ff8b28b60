//! Clients that are cut and come back by themselves: at once, and if that fails as section 6 of the protocol says.

use super::client::Stage;
use super::fleet::Fleet;
use super::target::Target;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::Range;
use std::time::Duration;

/// Connects begun in one turn. Few enough that those who are not cut are not held up by the load itself.
const CONNECTS_PER_TURN_MAX: usize = 64;
const TURN_MAX: Duration = Duration::from_millis(1);
const BACKOFF_FIRST_MS: u64 = 500;
const BACKOFF_LAST_MS: u64 = 30_000;

/// The clients, and when those without a connection try again.
pub struct Herd {
    /// All of them, those too that are never cut.
    pub fleet: Fleet,
    /// How often the server ended a connection after the cut.
    pub turned_away: u64,
    target: Target,
    /// µs of the fleet's clock, and who. At most one for each client.
    returns: BinaryHeap<Reverse<(u64, usize)>>,
    attempts: Vec<u32>,
}

impl Herd {
    /// A herd of these clients.
    pub fn new(target: Target, fleet: Fleet) -> Self {
        let attempts = vec![0; fleet.clients.len()];
        Self { fleet, turned_away: 0, target, returns: BinaryHeap::new(), attempts }
    }

    /// Cuts some of them.
    pub fn cut(&mut self, mut numbers: Range<usize>) -> io::Result<()> {
        numbers.try_for_each(|number| self.fleet.cut(number))
    }

    /// Who has been cut comes back now.
    pub fn return_now(&mut self, numbers: Range<usize>) {
        let now_us = self.fleet.now_us();
        self.returns.extend(numbers.map(|number| Reverse((now_us, number))));
    }

    /// Whether the first so many have their object, each by its own answer.
    pub fn is_back(&self, count: usize) -> bool {
        self.answers() >= count as u64
            && self.fleet.clients[..count].iter().all(|client| client.stage == Stage::Following)
    }

    /// How many uses have been answered.
    pub fn answers(&self) -> u64 {
        self.fleet.tally.resumed + self.fleet.tally.snapshots
    }

    /// Connects whose time has come, and what has come in.
    pub fn turn(&mut self) -> io::Result<()> {
        for number in std::mem::take(&mut self.fleet.ended) {
            self.put_off(number);
        }
        for _ in 0..CONNECTS_PER_TURN_MAX {
            let Some(number) = self.next_due() else { return self.fleet.turn(TURN_MAX) };
            self.fleet.reopen(&self.target, number)?;
        }
        self.fleet.turn(Duration::ZERO)
    }

    fn next_due(&mut self) -> Option<usize> {
        let now_us = self.fleet.now_us();
        self.returns.peek().filter(|due| due.0.0 <= now_us)?;
        self.returns.pop().map(|due| due.0.1)
    }

    /// Tries again when the server said, or after a time that grows with each attempt.
    fn put_off(&mut self, number: usize) {
        self.turned_away += 1;
        let attempt = self.attempts[number];
        self.attempts[number] += 1;
        let most_ms = (BACKOFF_FIRST_MS << attempt.min(16)).min(BACKOFF_LAST_MS);
        let wait_ms =
            self.fleet.clients[number].retry_ms.unwrap_or_else(|| dice(number, attempt) % (most_ms + 1));
        self.returns.push(Reverse((self.fleet.now_us() + wait_ms * 1000, number)));
    }
}

/// Spread over clients and attempts, and the same in each run (the mixer of SplitMix64).
fn dice(number: usize, attempt: u32) -> u64 {
    let mixed = ((number as u64) << 32 | u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Speaks;
    use crate::load::client::Client;
    use crate::load::link::Link;
    use crate::load::part::Part;
    use std::net::TcpListener;

    /// After how many µs a client comes again that was turned away so often.
    fn waits_us(attempts: u32, retry_ms: Option<u64>) -> u64 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let server = listener.local_addr().expect("it is bound");
        let target = Target { server, pid: std::process::id(), speaks: Speaks::Slotcast };
        let mut fleet = Fleet::open(&target, Vec::new()).expect("there is nothing to open");
        let link = Link::connect(server, 0, None).expect("it listens");
        let mut client = Client::new(link, Part::audience(1).remove(0), Speaks::Slotcast);
        client.retry_ms = retry_ms;
        fleet.clients.push(client);
        let mut herd = Herd::new(target, fleet);
        herd.attempts[0] = attempts;
        let before_us = herd.fleet.now_us();
        herd.put_off(0);
        herd.returns.pop().expect("it was put there").0.0 - before_us
    }

    #[test]
    fn who_is_told_when_comes_then() {
        assert!((7_000_000..7_100_000).contains(&waits_us(0, Some(7_000))));
    }

    #[test]
    fn who_is_not_told_waits_longer_each_time() {
        let longest = |attempts| (attempts..attempts + 8).map(|attempts| waits_us(attempts, None)).max();
        assert!(waits_us(0, None) < 600_000);
        assert!(longest(0) < longest(8));
        assert!(longest(20) < Some(30_100_000));
    }
}
