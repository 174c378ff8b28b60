//! The relay's simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use slotcast_tests::real::number;
use slotcast_tests::relay::{Tally, run};

const SEEDS: u64 = 600;
/// So many first seeds are run twice.
const TWICE: u64 = 20;

fn trial(seed: u64, aloud: bool) -> (u64, Tally) {
    run(seed, aloud).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn every_device_gets_everything_once() {
    if let Some(seed) = number("SLOTCAST_SEED") {
        let (hash, tally) = trial(seed, true);
        return println!("seed {seed}: log {hash:016x}\n{tally:?}");
    }
    let seeds = number("SLOTCAST_SEEDS").unwrap_or(SEEDS);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        let once = trial(seed, false);
        if seed < TWICE {
            assert_eq!(once.0, trial(seed, false).0, "seed {seed} has two logs");
        }
        tally.add(&once.1);
    }
    println!("{seeds} seeds");
    for (name, count) in tally.rows() {
        println!("{count:>10} {name}");
        assert!(count > 0 || seeds < SEEDS, "no seed has met {name}");
    }
}
