//! The simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use slotcast_tests::seeds::simulate;
use slotcast_tests::sim::run;

const SEEDS: u64 = 2_000;
/// So many first seeds are run twice.
const TWICE: u64 = 50;

#[test]
fn everyone_ends_with_the_same() {
    simulate(SEEDS, TWICE, run);
}
