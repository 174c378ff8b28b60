//! What the server says about its store at `/metrics`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Groups that the store has committed, each with one fdatasync, and the changes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    pub groups: u64,
    pub changes: u64,
}

impl Commits {
    /// Asks for them; 0 where the server does not say.
    pub fn read(server: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        let (groups, changes) = ("slotcast_store_commits_total", "slotcast_store_commit_changes_total");
        Ok(Commits { groups: number(&page, groups), changes: number(&page, changes) })
    }

    /// Those that have come since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Commits { groups: self.groups - earlier.groups, changes: self.changes - earlier.changes }
    }
}

fn number(page: &str, name: &str) -> u64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let page = "# TYPE a counter\na_total_more 3\na_total 7\n";
        assert_eq!((number(page, "a_total"), number(page, "b_total")), (7, 0));
    }
}
