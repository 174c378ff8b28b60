//! The roster's simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use slotcast_tests::roster::{Tally, run};
use slotcast_tests::seeds;

const SEEDS: u64 = 600;
/// So many first seeds are run twice.
const TWICE: u64 = 20;

fn trial(seed: u64, aloud: bool) -> (u64, Tally) {
    run(seed, aloud).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn no_home_says_yes_after_a_no_that_was_called_done() {
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
