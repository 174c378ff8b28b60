//! The simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use slotcast_tests::seeds;
use slotcast_tests::sim::{Tally, run};

const SEEDS: u64 = 2_000;
/// So many first seeds are run twice.
const TWICE: u64 = 50;

fn trial(seed: u64, aloud: bool) -> (u64, Tally) {
    run(seed, aloud).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn everyone_ends_with_the_same() {
    if let Some(seed) = seeds::named() {
        let (hash, tally) = trial(seed, true);
        return println!("seed {seed}: log {hash:016x}\n{tally:?}");
    }
    let seeds = seeds::how_many().unwrap_or(SEEDS);
    let tallies = seeds::on_all_cores(seeds, |seed, tally: &mut Tally| {
        let (hash, met) = trial(seed, false);
        if seed < TWICE {
            assert_eq!(hash, trial(seed, false).0, "seed {seed} has two logs");
        }
        tally.add(&met);
    });
    let mut tally = Tally::default();
    tallies.iter().for_each(|met| tally.add(met));
    println!("{seeds} seeds");
    for (name, count) in tally.rows() {
        println!("{count:>10} {name}");
        assert!(count > 0 || seeds < SEEDS, "no seed has met {name}");
    }
}
