//! The roster's simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use slotcast_tests::roster::run;
use slotcast_tests::seeds::simulate;

const SEEDS: u64 = 600;
/// So many first seeds are run twice.
const TWICE: u64 = 20;

#[test]
fn no_home_says_yes_after_a_no_that_was_called_done() {
    simulate(SEEDS, TWICE, run);
}
