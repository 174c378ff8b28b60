//! What the server says about itself at `/metrics`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What has happened is counted by then.
const REPORTED_WITHIN: Duration = Duration::from_millis(1_500);

/// All that it says at one moment.
pub struct Metrics(String);

impl Metrics {
    /// Asks for it.
    pub fn read(server: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(Metrics(page))
    }

    /// One number; 0 where the server does not say.
    pub fn number(&self, name: &str) -> u64 {
        let value = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }
}

/// Groups that the store has committed, each with one fdatasync, and the changes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    pub groups: u64,
    pub changes: u64,
}

impl Commits {
    /// Asks for them; 0 where the server does not say.
    pub fn read(server: SocketAddr) -> io::Result<Self> {
        let metrics = Metrics::read(server)?;
        let (groups, changes) = ("slotcast_store_commits_total", "slotcast_store_commit_changes_total");
        Ok(Commits { groups: metrics.number(groups), changes: metrics.number(changes) })
    }

    /// Those that have come since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Commits { groups: self.groups - earlier.groups, changes: self.changes - earlier.changes }
    }
}

/// Questions for a friend list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// What went on at once.
    pub at_hand: u64,
    /// What waited until its list was fetched.
    pub waited: u64,
    pub fetched: u64,
    /// Lists that a client had and the server never.
    pub denied: u64,
}

impl Lists {
    /// Asks for them until they stay the same: a shard reports now and then. For when nothing goes on.
    pub fn settled(server: SocketAddr) -> io::Result<Self> {
        let mut found = Lists::read(server)?;
        loop {
            std::thread::sleep(REPORTED_WITHIN);
            let before = std::mem::replace(&mut found, Lists::read(server)?);
            if before == found {
                return Ok(found);
            }
        }
    }

    fn read(server: SocketAddr) -> io::Result<Self> {
        let metrics = Metrics::read(server)?;
        let number = |name: &str| metrics.number(&format!("slotcast_lists_{name}_total"));
        let (at_hand, waited) = (number("at_hand"), number("waited"));
        Ok(Lists { at_hand, waited, fetched: number("fetched"), denied: number("denied") })
    }

    /// Those that have come since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Lists {
            at_hand: self.at_hand - earlier.at_hand,
            waited: self.waited - earlier.waited,
            fetched: self.fetched - earlier.fetched,
            denied: self.denied - earlier.denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let metrics = Metrics("# TYPE a counter\na_total_more 3\na_total 7\n".to_owned());
        assert_eq!((metrics.number("a_total"), metrics.number("b_total")), (7, 0));
    }
}
