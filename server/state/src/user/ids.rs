//! The answers to the newest ids of each device, so that what is said twice happens once. Unlike writes to an object, messages are answered
//! by many, and so in any order.

use std::collections::{BTreeMap, BTreeSet};

/// Answers are kept so long after a device's last, in ms: 24 h.
pub const KEPT_MS: u64 = 24 * 60 * 60 * 1000;

/// What is known of an id.
#[derive(Debug, PartialEq, Eq)]
pub enum Known<A> {
    /// Never seen: do it.
    New,
    /// Done before, with this end.
    Answered(A),
    /// It lies before those that are kept, so no one knows.
    Forgotten,
}

/// The answers of the devices `K`. Per device those to its highest ids, and of the devices those that were heard last.
#[derive(Clone, Debug, PartialEq)]
pub struct Ids<K: Ord, A> {
    devices: BTreeMap<K, Kept<A>>,
    by_age: BTreeSet<(u64, K)>,
}

/// What is kept of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<A> {
    pub answers: BTreeMap<u64, A>,
    /// An id below this that is not kept is forgotten.
    pub floor: u64,
    pub touched_ms: u64,
}

impl<K: Ord, A> Default for Ids<K, A> {
    fn default() -> Self {
        Ids { devices: BTreeMap::new(), by_age: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, A: Clone> Ids<K, A> {
    pub fn look_up(&self, device: &K, id: u64) -> Known<A> {
        let Some(kept) = self.devices.get(device) else { return Known::New };
        match kept.answers.get(&id) {
            Some(answer) => Known::Answered(answer.clone()),
            None if id < kept.floor => Known::Forgotten,
            None => Known::New,
        }
    }

    /// Keeps the answers to the device's `inflight` highest ids, and those of `devices_max` devices.
    pub fn keep(&mut self, device: &K, id: u64, answer: A, now_ms: u64, inflight: usize, devices_max: usize) {
        let fresh = || Kept { answers: BTreeMap::new(), floor: 0, touched_ms: now_ms };
        let kept = self.devices.entry(device.clone()).or_insert_with(fresh);
        let before_ms = std::mem::replace(&mut kept.touched_ms, now_ms);
        kept.answers.insert(id, answer);
        while kept.answers.len() > inflight {
            let (lowest, _) = kept.answers.pop_first().expect("there are more than some");
            kept.floor = kept.floor.max(lowest + 1);
        }
        if before_ms != now_ms {
            self.by_age.remove(&(before_ms, device.clone()));
        }
        self.by_age.insert((now_ms, device.clone()));
        while self.devices.len() > devices_max {
            self.forget_oldest();
        }
    }

    /// Forgets those who have said nothing for 24 h.
    pub fn forget(&mut self, now_ms: u64) {
        while self.next_expiry().is_some_and(|at| at <= now_ms) {
            self.forget_oldest();
        }
    }

    /// When someone is to be forgotten, in ms.
    pub fn next_expiry(&self) -> Option<u64> {
        self.by_age.first().map(|(touched_ms, _)| touched_ms.saturating_add(KEPT_MS))
    }

    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// How many answers are kept.
    pub fn len(&self) -> usize {
        self.devices.values().map(|kept| kept.answers.len()).sum()
    }

    pub fn kept(&self) -> impl ExactSizeIterator<Item = (&K, &Kept<A>)> {
        self.devices.iter()
    }

    /// Puts back what [`Ids::kept`] gave.
    pub fn restore(&mut self, device: K, kept: Kept<A>) {
        self.by_age.insert((kept.touched_ms, device.clone()));
        self.devices.insert(device, kept);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, device)) = self.by_age.pop_first() {
            self.devices.remove(&device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_ids_in_any_order() {
        let mut ids = Ids::default();
        for id in [3, 1, 7, 5] {
            assert_eq!(ids.look_up(&"phone", id), Known::New, "{id}");
            ids.keep(&"phone", id, id * 10, 0, 3, 9);
        }
        let rows = [
            (0, Known::Forgotten),
            (1, Known::Forgotten),
            (2, Known::New),
            (3, Known::Answered(30)),
            (4, Known::New),
            (7, Known::Answered(70)),
            (8, Known::New),
        ];
        for (id, known) in rows {
            assert_eq!(ids.look_up(&"phone", id), known, "{id}");
        }
        assert_eq!(ids.look_up(&"laptop", 1), Known::New);
    }

    #[test]
    fn a_day_and_a_number_of_devices() {
        let mut ids = Ids::default();
        for (at, device) in ["a", "b", "c"].iter().enumerate() {
            ids.keep(device, 1, (), at as u64, 3, 2);
        }
        assert_eq!(ids.look_up(&"a", 1), Known::New);
        assert_eq!(ids.next_expiry(), Some(1 + KEPT_MS));
        ids.forget(1 + KEPT_MS);
        assert_eq!((ids.look_up(&"b", 1), ids.look_up(&"c", 1)), (Known::New, Known::Answered(())));
    }
}
