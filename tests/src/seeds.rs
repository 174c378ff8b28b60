//! Seeds of a simulation: one that the environment names, or many on all cores.

use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// `SLOTCAST_SEED`, which is run alone and aloud.
fn named() -> Option<u64> {
    number("SLOTCAST_SEED")
}

/// `SLOTCAST_SEEDS`, how many.
fn how_many() -> Option<u64> {
    number("SLOTCAST_SEEDS")
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

/// What seeds met.
pub trait Counts: Debug + Default + Send {
    fn add(&mut self, other: &Self);
    fn rows(&self) -> Vec<(&'static str, u64)>;
}

/// A simulation's many seeds, or the one that is named. `run` gives the hash of its log, and what it met; the first `twice` seeds must give it twice.
/// With all seeds everything that is counted must have been met.
pub fn simulate<C: Counts, F: Display>(
    seeds: u64,
    twice: u64,
    run: impl Fn(u64, bool) -> Result<(u64, C), F> + Sync,
) {
    let trial = |seed, aloud| run(seed, aloud).unwrap_or_else(|failure| panic!("{failure}"));
    if let Some(seed) = named() {
        let (hash, met) = trial(seed, true);
        return println!("seed {seed}: log {hash:016x}\n{met:?}");
    }
    let asked = how_many().unwrap_or(seeds);
    let sums = on_all_cores(asked, |seed, sum: &mut C| {
        let (hash, met) = trial(seed, false);
        if seed < twice {
            assert_eq!(hash, trial(seed, false).0, "seed {seed} has two logs");
        }
        sum.add(&met);
    });
    let mut sum = C::default();
    sums.iter().for_each(|met| sum.add(met));
    println!("{asked} seeds");
    for (name, count) in sum.rows() {
        println!("{count:>10} {name}");
        assert!(count > 0 || asked < seeds, "no seed has met {name}");
    }
}

/// Runs `trial` with each seed below `seeds` until one panics; each thread adds to a sum of its own.
fn on_all_cores<T: Default + Send>(seeds: u64, trial: impl Fn(u64, &mut T) + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, |count| count.get().min(8));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| worker(&next, seeds, &trial))).collect();
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Takes seeds from the common pile until it is empty or someone has failed.
fn worker<T: Default>(next: &AtomicU64, seeds: u64, trial: &(impl Fn(u64, &mut T) + Sync)) -> T {
    let mut sum = T::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds {
            return sum;
        }
        // What a seed asserts inside is told with its number, too.
        let once = std::panic::AssertUnwindSafe(|| trial(seed, &mut sum));
        if let Err(panic) = std::panic::catch_unwind(once) {
            next.store(seeds, Ordering::Relaxed);
            println!("it was seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
