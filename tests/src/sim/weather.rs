//! What a seed is like: each kind of trouble is on or off and as frequent as it happens to be.

use slotcast_protocol::Limits;

use crate::dice::Dice;

#[derive(Debug)]
pub struct Weather {
    pub clients: u64,
    pub edges: u64,
    pub shards: u64,
    pub objects: u64,
    /// So many of them are stored.
    pub stored: u64,
    /// Events before everyone becomes quiet.
    pub events: u64,
    pub delay_ms: u64,
    /// Of a socket, in bytes.
    pub window: u64,
    /// Percent of a client's actions.
    pub cuts: u64,
    pub sends: u64,
    pub uses: u64,
    pub flush_budget: u64,
    pub linger_ms: u64,
    pub resync_depth: u64,
    pub big_values: bool,
    /// The server holds as much for slow readers as it may.
    pub tight: bool,
    /// From a batch to its being durable, and from a load to its answer.
    pub disk_ms: u64,
    pub idle_bytes: usize,
    /// Percent of the moments at which something may befall the server.
    pub crashes: u64,
    pub full: u64,
    pub wanted: u64,
    /// Percent of the loads.
    pub refusals: u64,
    pub limits: Limits,
}

impl Weather {
    pub fn new(dice: &mut Dice) -> Self {
        let narrow = dice.percent(60);
        let limits = Limits {
            ring_frames: dice.between(1, 12) as usize,
            ring_bytes: if dice.percent(30) { 300 } else { 100_000 },
            rings_bytes: if dice.percent(40) { dice.pick(&[1, 600, 2_500]) } else { 10_000_000 },
            inflight: if dice.percent(70) { 4 } else { 64 },
            slots: if dice.percent(10) { 6 } else { 4096 },
            part_bytes: dice.pick(&[30, 100, 64 * 1024]),
            ..Limits::default()
        };
        let big_values = dice.percent(6);
        let objects = dice.between(1, 3);
        Weather {
            clients: dice.between(2, 7),
            edges: dice.between(1, 3),
            shards: dice.between(1, 3),
            objects,
            stored: dice.below(objects + 1),
            events: dice.between(400, 2400),
            delay_ms: dice.pick(&[1, 5, 30, 200]),
            window: if narrow && !big_values { dice.between(20, 400) } else { 100_000 },
            cuts: dice.pick(&[0, 2, 6, 15]),
            sends: dice.pick(&[0, 5, 25]),
            uses: dice.pick(&[1, 4, 12]),
            flush_budget: dice.between(1, 4),
            linger_ms: dice.pick(&[0, 50, 100_000]),
            resync_depth: dice.pick(&[2, 8, 1_000]),
            big_values,
            tight: dice.percent(30),
            disk_ms: dice.pick(&[0, 10, 60, 400]),
            idle_bytes: dice.pick(&[0, 2_000, 1_000_000]),
            crashes: dice.pick(&[0, 0, 2, 6]),
            full: dice.pick(&[0, 0, 4]),
            wanted: dice.pick(&[0, 5, 30]),
            refusals: dice.pick(&[0, 0, 10]),
            limits,
        }
    }
}
