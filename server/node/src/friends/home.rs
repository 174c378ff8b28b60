//! A worker as a home of lists: under which name the service knows it, and what it is still to be told.

use std::cell::{Cell, RefCell};

use serde_json::{Value as Json, json};
use slotcast_protocol::User;
use slotcast_protocol::roster::Mark;

#[derive(Default)]
pub struct Home {
    name: String,
    /// It listens for what becomes stale.
    pub listens: Cell<bool>,
    acknowledged: RefCell<Vec<(User, Mark)>>,
    released: RefCell<Vec<(User, u64)>>,
}

impl Home {
    /// `run` differs from run to run.
    pub fn new(run: u64, worker: usize) -> Home {
        Home { name: format!("{run:016x}-{worker}"), ..Home::default() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if it is the first since the last word: one word says all that have gathered.
    pub fn acknowledge(&self, owner: User, mark: Mark) -> bool {
        let mut acknowledged = self.acknowledged.borrow_mut();
        acknowledged.push((owner, mark));
        acknowledged.len() == 1
    }

    pub fn release(&self, owner: User, fetch: u64) {
        self.released.borrow_mut().push((owner, fetch));
    }

    /// What the next request says; gone with it, as what is not heard is asked for again.
    pub fn word(&self, wait_ms: u64) -> Json {
        let acknowledged = self.acknowledged.take().into_iter();
        let acknowledged: Vec<_> =
            acknowledged.map(|(owner, mark)| json!([owner.as_str(), mark.to_string()])).collect();
        let released = self.released.take().into_iter();
        let released: Vec<_> = released.map(|(owner, fetch)| json!([owner.as_str(), fetch])).collect();
        json!({"wait_ms": wait_ms, "acknowledged": acknowledged, "released": released})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_for_all_that_has_gathered() {
        let home = Home::new(1, 0);
        let acknowledge =
            |rev| home.acknowledge(User::parse("alice").expect("a good user"), Mark { epoch: 1, rev });
        assert_eq!([acknowledge(1), acknowledge(2)], [true, false]);
        let said = json!([["alice", "0000000000000001.1"], ["alice", "0000000000000001.2"]]);
        assert_eq!(home.word(0)["acknowledged"], said);
        assert!(acknowledge(3));
    }
}
