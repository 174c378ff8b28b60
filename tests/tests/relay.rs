//! The relay's simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use slotcast_tests::relay::run;
use slotcast_tests::seeds::simulate;

const SEEDS: u64 = 2_000;
/// So many first seeds are run twice.
const TWICE: u64 = 20;

#[test]
fn every_device_gets_everything_once() {
    simulate(SEEDS, TWICE, run);
}
