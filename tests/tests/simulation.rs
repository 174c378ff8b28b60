//! The simulation over many seeds. `SLOTCAST_SEED=n` runs one, with its whole log; `SLOTCAST_SEEDS=n` says how many.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use slotcast_tests::sim::{Tally, run};

const SEEDS: u64 = 2_000;
/// So many first seeds are run twice.
const TWICE: u64 = 50;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

fn trial(seed: u64, aloud: bool) -> (u64, Tally) {
    run(seed, aloud).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Takes seeds from the common pile until it is empty or someone has failed.
fn worker(next: &AtomicU64, seeds: u64) -> Tally {
    let mut tally = Tally::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds {
            return tally;
        }
        // What a seed asserts inside is told with its number, too.
        let once = std::panic::catch_unwind(|| trial(seed, false)).unwrap_or_else(|panic| {
            next.store(seeds, Ordering::Relaxed);
            println!("it was seed {seed}");
            std::panic::resume_unwind(panic)
        });
        if seed < TWICE {
            assert_eq!(once.0, trial(seed, false).0, "seed {seed} has two logs");
        }
        tally.add(&once.1);
    }
}

#[test]
fn everyone_ends_with_the_same() {
    if let Some(seed) = number("SLOTCAST_SEED") {
        let (hash, tally) = trial(seed, true);
        return println!("seed {seed}: log {hash:016x}\n{tally:?}");
    }
    let seeds = number("SLOTCAST_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| worker(&next, seeds))).collect();
        for worker in workers {
            match worker.join() {
                Ok(counts) => tally.add(&counts),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    println!("{seeds} seeds");
    for (name, count) in tally.rows() {
        println!("{count:>10} {name}");
        assert!(count > 0 || seeds < SEEDS, "no seed has met {name}");
    }
}
