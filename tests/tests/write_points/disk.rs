//! What a disk has of some files, and what it may make of a crash.
//!
//! What was synced is there. Of what was written since then any part may be there, in pieces of 512 bytes, which a disk writes whole; what
//! was never written reads as zeros. Creations, removals and truncations happen in their order, and a sync of any file makes all those
//! before it last, as a journaling file system does it.

use std::collections::BTreeMap;
use std::path::Path;

use slotcast_tests::dice::Dice;

use crate::trace::{Kind, Op};

const SECTOR: usize = 512;

/// Contents by name.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("the temporary folder can be written to");
        for (name, bytes) in &self.0 {
            std::fs::write(folder.join(name), bytes).expect("the temporary folder has room");
        }
    }

    fn apply(&mut self, op: &Op) {
        match &op.kind {
            Kind::Create => _ = self.0.insert(op.file.clone(), Vec::new()),
            Kind::Remove => _ = self.0.remove(&op.file),
            Kind::Truncate { length } => {
                self.0.entry(op.file.clone()).or_default().resize(*length, 0);
            }
            Kind::Write { at, bytes } => self.put(&op.file, *at, bytes),
            Kind::Sync | Kind::Acknowledged(_) => {}
        }
    }

    /// Nothing, if the file is not there.
    fn put(&mut self, file: &str, at: usize, bytes: &[u8]) {
        let Some(held) = self.0.get_mut(file) else { return };
        if held.len() < at + bytes.len() {
            held.resize(at + bytes.len(), 0);
        }
        held[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

pub struct Disk {
    /// What is sure to be there.
    synced: Files,
    /// What was done since, in its order.
    pending: Vec<Op>,
    pub acknowledged: usize,
}

impl Disk {
    pub fn new(files: Files, acknowledged: usize) -> Disk {
        Disk { synced: files, pending: Vec::new(), acknowledged }
    }

    pub fn take(&mut self, op: &Op) {
        match &op.kind {
            Kind::Acknowledged(count) => self.acknowledged = *count,
            Kind::Sync => self.sync(&op.file),
            Kind::Create | Kind::Write { .. } | Kind::Truncate { .. } | Kind::Remove => {
                self.pending.push(op.clone());
            }
        }
    }

    /// All of this file, and of others what is no writing; and what was written to them before it.
    fn sync(&mut self, file: &str) {
        let changes = |op: &Op| !matches!(op.kind, Kind::Write { .. });
        let pending = std::mem::take(&mut self.pending);
        for (place, op) in pending.iter().enumerate() {
            let changed_later = pending[place..].iter().any(|later| later.file == op.file && changes(later));
            if op.file == file || changes(op) || changed_later {
                self.synced.apply(op);
            } else {
                self.pending.push(op.clone());
            }
        }
    }

    /// What may be there when the power goes during the next operation, and in words how.
    pub fn crashes(&self, next: &Op, dice: &mut Dice) -> Vec<(String, Files)> {
        let mut crashes = vec![("all was written".to_owned(), self.first(self.pending.len()))];
        if let Kind::Write { at, bytes } = &next.kind {
            let border = (at / SECTOR + 1) * SECTOR;
            let borders: Vec<usize> = (border..at + bytes.len()).step_by(SECTOR).collect();
            if !borders.is_empty() {
                let border = dice.pick(&borders);
                let mut files = self.first(self.pending.len());
                files.put(&next.file, *at, &bytes[..border - at]);
                crashes.push((format!("{} was torn at {border}", next.file), files));
            }
        }
        if self.pending.is_empty() {
            return crashes;
        }
        crashes.push(("nothing after the last sync was written".to_owned(), self.first(0)));
        let count = dice.below(self.pending.len() as u64) as usize;
        crashes.push((format!("only {count} of what was not synced"), self.first(count)));
        for chance in [20, 50, 90] {
            let words = format!("{chance} % of the sectors that were not synced");
            crashes.push((words, self.some(chance, dice)));
        }
        crashes
    }

    /// What was synced and the first of the rest.
    fn first(&self, count: usize) -> Files {
        let mut files = self.synced.clone();
        self.pending[..count].iter().for_each(|op| files.apply(op));
        files
    }

    /// What was synced, and of what was written since then each sector by chance.
    fn some(&self, chance: u64, dice: &mut Dice) -> Files {
        let mut files = self.synced.clone();
        let changes = |op: &Op| !matches!(op.kind, Kind::Write { .. });
        let last_change = dice.below(self.pending.len() as u64 + 1) as usize;
        for (place, op) in self.pending.iter().enumerate() {
            match &op.kind {
                Kind::Write { at, bytes } => {
                    let mut from = *at;
                    while from < at + bytes.len() {
                        let to = ((from / SECTOR + 1) * SECTOR).min(at + bytes.len());
                        if dice.percent(chance) {
                            files.put(&op.file, from, &bytes[from - at..to - at]);
                        }
                        from = to;
                    }
                }
                _change if changes(op) && place < last_change => files.apply(op),
                _lost => {}
            }
        }
        files
    }
}
