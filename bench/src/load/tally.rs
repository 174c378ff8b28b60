//! What the clients have seen since the last clearing.

use crate::histogram::Histogram;

/// Counts over all clients.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Times from due to delivered.
    pub latency: Histogram,
    /// Changes that reached a client.
    pub deliveries: u64,
    /// Versions that a diff passed over without their changes: folded into a later one.
    pub versions_skipped: u64,
    /// Diffs that began after what the client had: a fault of the server.
    pub gaps: u64,
    /// Diffs of what the client already had.
    pub repeats: u64,
    /// Snapshots, the last parts of them.
    pub snapshots: u64,
    /// Answers to `use` that were diffs.
    pub resumed: u64,
    /// Writes that were accepted.
    pub successes: u64,
    /// Writes that were refused.
    pub rejects: u64,
    /// Errors.
    pub errors: u64,
    /// Pongs to our pings.
    pub pongs: u64,
    /// Connections that the server ended.
    pub closed: u64,
    /// Bytes read.
    pub bytes: u64,
    /// The first refusal, in words.
    pub complaint: Option<String>,
}

impl Tally {
    /// Versions that have reached the clients, by themselves or folded into later ones.
    pub fn arrived(&self) -> u64 {
        self.deliveries + self.versions_skipped
    }

    /// Keeps the first refusal.
    pub fn complain(&mut self, what: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(what);
    }
}
