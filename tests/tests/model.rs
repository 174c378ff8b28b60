//! A shard against the naive model: random inputs, every answer, commit, start and frame checked.

use std::collections::BTreeMap;

use slotcast_tests::ledger::Met;
use slotcast_tests::trial::Trial;

const SEEDS: u64 = 300;
const STEPS: u64 = 300;

#[test]
fn a_shard_does_what_the_page_says() {
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut trial = Trial::new(seed, &["room/1", "still/1", "safe/1"]);
        for step in 0..STEPS {
            trial.step().unwrap_or_else(|why| panic!("seed {seed}, step {step}: {why}"));
        }
        let Met { accepted, conflicts, repeated, forgotten, wrong_epoch, expired, deaths, diffs, .. } =
            trial.ledger.met;
        let Met { storage_full, evicted, loaded, loads_refused, waited, swept, .. } = trial.ledger.met;
        for (name, count) in [
            ("accepted", accepted),
            ("conflicts", conflicts),
            ("repeated", repeated),
            ("forgotten", forgotten),
            ("wrong_epoch", wrong_epoch),
            ("expired", expired),
            ("deaths", deaths),
            ("diffs", diffs),
            ("snapshots", trial.ledger.met.snapshots),
            ("older parts", trial.ledger.met.older_parts),
            ("storage_full", storage_full),
            ("evicted", evicted),
            ("loaded", loaded),
            ("loads_refused", loads_refused),
            ("waited", waited),
            ("swept", swept),
        ] {
            *met.entry(name).or_default() += count;
        }
    }
    println!("{met:?}");
    assert!(met.values().all(|count| *count > 0), "{met:?}");
}
