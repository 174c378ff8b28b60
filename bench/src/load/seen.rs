//! What the sessions of a crew have seen since the last step began.

use super::friends::Arrivals;
use crate::histogram::Histogram;

#[derive(Debug, Default)]
pub struct Seen {
    /// Times from due to answered.
    pub latency: Histogram,
    /// What was done and said to be done.
    pub successes: u64,
    /// Of others, what came to a session by itself.
    pub deliveries: u64,
    /// Times from due to delivered.
    pub delivered: Histogram,
    /// Those who log in and look who of their friends is there.
    pub arrivals: Arrivals,
    /// What the server has refused.
    pub rejects: u64,
    pub errors: u64,
    /// Connections that the server ended.
    pub closed: u64,
    /// What was not answered, or not delivered, in time.
    pub missing: u64,
    /// The class that the answers named.
    pub class: String,
    /// The first refusal, in words.
    pub complaint: Option<String>,
}

impl Seen {
    /// Keeps the first refusal.
    pub fn complain(&mut self, what: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(what);
    }

    /// Keeps the class that an answer names.
    pub fn name_class(&mut self, class: &[u8]) {
        if self.class.as_bytes() != class {
            self.class = String::from_utf8_lossy(class).into_owned();
        }
    }
}
