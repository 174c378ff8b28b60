//! Which groups of the log are still needed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use slotcast_state::Name;

/// objects that are asked for at a time, if there is no hurry: with 32 the groups of half a tenth of a second took five times as long
const WANTED_AT_A_TIME: u64 = 4;

/// Which groups are still needed: those from the first one on that is about an object which has not been handed over whole since.
#[derive(Default)]
pub struct Needs {
    /// Sequence and bytes of each that is there.
    groups: VecDeque<(u64, u64)>,
    bytes: u64,
    /// The first group that an object still needs, by object, and how many objects need which group first.
    first: HashMap<Name, u64>,
    by_group: BTreeMap<u64, usize>,
    /// Up to here objects are or have been asked for.
    asked_to: u64,
    /// Those whose turn has not come, how many there were, and the bytes that have been appended since some were asked for.
    wanted: VecDeque<Name>,
    wanted_at_first: u64,
    grown: u64,
}

impl Needs {
    /// Bytes of the groups that are there.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A group was appended.
    pub fn appended(&mut self, sequence: u64, bytes: u64) {
        self.groups.push_back((sequence, bytes));
        self.bytes += bytes;
        self.grown += bytes;
    }

    /// The group is about this one.
    pub fn needed(&mut self, sequence: u64, name: &Name) {
        if !self.first.contains_key(name) {
            self.first.insert(name.clone(), sequence);
            *self.by_group.entry(sequence).or_default() += 1;
        }
    }

    /// It was handed over whole, behind all groups that there are.
    pub fn stored(&mut self, name: &Name) {
        let Some(sequence) = self.first.remove(name) else { return };
        let count = self.by_group.get_mut(&sequence).expect("who needs a group is counted");
        *count -= 1;
        if *count == 0 {
            self.by_group.remove(&sequence);
        }
    }

    /// Up to which sequence no group is needed.
    pub fn needless(&self) -> u64 {
        self.by_group.first_key_value().map_or(u64::MAX, |(sequence, _)| sequence - 1)
    }

    /// The groups up to this one are gone.
    pub fn freed(&mut self, up_to: u64) {
        while let Some((_, bytes)) = self.groups.pop_front_if(|(sequence, _)| *sequence <= up_to) {
            self.bytes -= bytes;
        }
    }

    /// When the log is longer than half of `bytes_max`: the objects that keep its older half alive, each asked for once. A few at a time, as
    /// everyone waits while many are written whole, and so that all have been asked for before it has grown by an eighth more.
    pub fn wanted(&mut self, bytes_max: u64) -> Vec<Name> {
        let grown = std::mem::take(&mut self.grown);
        if self.wanted.is_empty() && self.bytes > bytes_max / 2 {
            self.want(bytes_max / 4);
        }
        let hurry = self.wanted_at_first * grown / (bytes_max / 8).max(1);
        let count = (hurry + WANTED_AT_A_TIME).min(self.wanted.len() as u64);
        let asked = self.wanted.drain(..count as usize);
        asked.filter(|name| self.first.get(name).is_some_and(|first| *first <= self.asked_to)).collect()
    }

    /// Puts those in line that need one of the oldest groups that are needed, as many as hold `bytes_max`.
    fn want(&mut self, bytes_max: u64) {
        let (mut bytes, needless) = (0, self.needless());
        // The first one in any case: a log that begins with a long group would never be shortened.
        let needed = self.groups.iter().skip_while(|(sequence, _)| *sequence <= needless);
        let older = needed.take_while(|(_, group_bytes)| {
            bytes += group_bytes;
            bytes <= bytes_max.max(*group_bytes)
        });
        let up_to = older.last().map_or(0, |(sequence, _)| *sequence);
        let asked_to = self.asked_to;
        self.asked_to = asked_to.max(up_to);
        let wanted = self.first.iter().filter(|(_, first)| **first > asked_to && **first <= up_to);
        self.wanted = wanted.map(|(name, _)| name.clone()).collect();
        self.wanted_at_first = self.wanted.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 64 * 1024;

    fn objects(count: usize) -> Vec<Name> {
        let name = |number| Name::parse(&format!("auction/{number}")).expect("a good name");
        (0..count).map(name).collect()
    }

    fn append(needs: &mut Needs, sequence: u64, bytes: u64, names: &[Name]) {
        needs.appended(sequence, bytes);
        names.iter().for_each(|name| needs.needed(sequence, name));
    }

    /// A log of groups about the same objects, in files of an eighth of its length; each that is asked for is handed over whole with the next group.
    fn longest(count: usize, group_bytes: u64, groups: u64) -> (u64, usize) {
        let (objects, mut needs) = (objects(count), Needs::default());
        let (mut longest, mut most_at_once, mut wanted) = (0, 0, Vec::new());
        let in_a_file = (BYTES_MAX / 8 / group_bytes).max(1);
        for sequence in 1..=groups {
            append(&mut needs, sequence, group_bytes, &objects);
            wanted.iter().for_each(|object| needs.stored(object));
            needs.freed(needs.needless().min(sequence) / in_a_file * in_a_file);
            wanted = needs.wanted(BYTES_MAX);
            (longest, most_at_once) = (longest.max(needs.bytes()), most_at_once.max(wanted.len()));
        }
        (longest, most_at_once)
    }

    #[test]
    fn a_log_keeps_its_bound_and_few_are_asked_for_at_once() {
        for (count, group_bytes, at_once_max) in
            [(1, 100, 1), (1_000, 100, 17), (10, 100, 10), (40, 8_000, 40), (1, 20_000, 1)]
        {
            let (longest, at_once) = longest(count, group_bytes, 10_000);
            assert!(longest <= BYTES_MAX, "{count} objects, groups of {group_bytes}: {longest} bytes");
            assert!(at_once <= at_once_max, "{count} objects, groups of {group_bytes}: {at_once} at once");
        }
    }

    #[test]
    fn each_is_asked_for_once_until_it_has_been_handed_over() {
        let (objects, mut needs) = (objects(100), Needs::default());
        let mut asked = Vec::new();
        for sequence in 1..=1_000 {
            append(&mut needs, sequence, BYTES_MAX / 100, &objects);
            asked.extend(needs.wanted(BYTES_MAX));
        }
        asked.sort();
        let mut once = objects.clone();
        once.sort();
        assert_eq!(asked, once);
    }
}
