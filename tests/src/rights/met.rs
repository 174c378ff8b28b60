//! What the runs have met: a simulation in which something never happens says nothing about it.

use crate::seeds::Counts;

/// What a run has met.
#[derive(Debug, Default)]
pub struct Met {
    pub frames: u64,
    pub renewals: u64,
    pub left: u64,
    pub refused: u64,
    pub hidden_writes: u64,
    pub stale_starts: u64,
    pub parts: u64,
    pub compared: u64,
    pub shorter: u64,
}

impl Counts for Met {
    fn add(&mut self, other: &Met) {
        self.frames += other.frames;
        self.renewals += other.renewals;
        self.left += other.left;
        self.refused += other.refused;
        self.hidden_writes += other.hidden_writes;
        self.stale_starts += other.stale_starts;
        self.parts += other.parts;
        self.compared += other.compared;
        self.shorter += other.shorter;
    }

    fn rows(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("frames read", self.frames),
            ("renewals", self.renewals),
            ("objects left because of one", self.left),
            ("requests refused for want of a right", self.refused),
            ("writes refused because a slot is hidden", self.hidden_writes),
            ("starts that met other rights", self.stale_starts),
            ("snapshots in parts", self.parts),
            ("copies compared at rest", self.compared),
            ("of these with less than all slots", self.shorter),
        ]
    }
}
