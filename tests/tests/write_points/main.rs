//! A crash at every point at which the store writes. A fixed piece of work is done once under a shim that records each write, truncation,
//! removal and sync; then, for every point of the record and several things that a disk may have made of what was not synced, the folder is
//! made anew and opened. All that was acknowledged before the point must be there, whole groups or nothing of what was not, and no crash
//! may be taken for damage.
//!
//! `SLOTCAST_TEST_POINTS` says how many points; 0 is all of them. `SLOTCAST_TEST_SEED` another piece of work.
#![cfg(feature = "node")]

mod disk;
mod trace;
mod work;

use std::path::Path;

use slotcast_node::engine::{Embedded, Engine};
use slotcast_state::{Kinds, Name};
use slotcast_tests::dice::Dice;
use slotcast_tests::engines::limits;
use slotcast_tests::engines::work::{Maker, Shown};
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::number;

use disk::{Disk, Files};
use trace::Op;
use work::{LOG_BYTES, OBJECTS, Steps};

const POINTS: usize = 600;
/// Of a recovery.
const POINTS_AGAIN: usize = 40;

/// Crashes whose recovery crashes again.
const AGAIN: usize = 8;
const AGAIN_ALL: usize = 60;

#[test]
fn a_crash_at_every_write() {
    let seed = number("SLOTCAST_TEST_SEED").unwrap_or(1);
    let points = number("SLOTCAST_TEST_POINTS").map_or(POINTS, |points| points as usize);
    let folder = TempFolder::quick("points");
    let record = work::record(&folder.join("data"), &folder.join("trace"), seed);
    let trial = Trial { steps: &Steps::new(seed), seed };
    let crash = Crash { begin: &Files::default(), record: &record, acknowledged: 0, words: String::new() };
    let first = trial.sweep(&crash, points);
    println!(
        "{} disk operations, {} crashes at {} of them; {} with an unfinished group that was there after all",
        record.len(),
        first.crashes,
        first.points,
        first.more
    );
    assert!(first.more > 0 && first.without > 0, "a group is always there, or never");
    let (mut dice, mut again) = (Dice::new(seed), Outcome::default());
    let recoveries = if points == 0 { AGAIN_ALL } else { AGAIN };
    for _ in 0..recoveries {
        again.add(trial.crash_again(&record, if points == 0 { 0 } else { POINTS_AGAIN }, &mut dice));
    }
    println!("{recoveries} recoveries, {} crashes at {} operations of them", again.crashes, again.points);
}

/// What came of some crashes.
#[derive(Clone, Copy, Default)]
struct Outcome {
    points: usize,
    crashes: usize,
    /// With the group that was under way.
    more: usize,
    without: usize,
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.points += other.points;
        self.crashes += other.crashes;
        self.more += other.more;
        self.without += other.without;
    }
}

/// Something that crashes: what it does to which files, and how many groups were acknowledged before.
struct Crash<'a> {
    begin: &'a Files,
    record: &'a [Op],
    acknowledged: usize,
    words: String,
}

struct Trial<'a> {
    steps: &'a Steps,
    seed: u64,
}

impl Trial<'_> {
    /// Crashes before so many of the operations, 0 for all of them; shares them out among the machine's cores.
    fn sweep(&self, crash: &Crash<'_>, points: usize) -> Outcome {
        let count = crash.record.len();
        let stride = count.checked_div(points).unwrap_or(1).max(1);
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        let portion = count.div_ceil(threads);
        let mut sum = Outcome::default();
        std::thread::scope(|scope| {
            let portions = (0..threads).map(|worker| worker * portion..((worker + 1) * portion).min(count));
            let workers: Vec<_> = portions
                .map(|points| {
                    scope.spawn(move || self.run(crash, points.filter(|at| at.is_multiple_of(stride))))
                })
                .collect();
            for worker in workers {
                sum.add(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
        sum
    }

    fn run(&self, crash: &Crash<'_>, points: impl Iterator<Item = usize>) -> Outcome {
        let folder = TempFolder::quick("point");
        let mut disk = Disk::new(crash.begin.clone(), crash.acknowledged);
        let (mut at, mut outcome) = (0, Outcome::default());
        for point in points {
            crash.record[at..point].iter().for_each(|op| disk.take(op));
            at = point;
            outcome.points += 1;
            let mut dice = Dice::new(self.seed ^ (point as u64) << 20);
            for (how, files) in disk.crashes(&crash.record[point], &mut dice) {
                outcome.crashes += 1;
                let at = format!("{}point {point} of {}, {how}", crash.words, crash.record.len());
                self.check(&folder, &files, disk.acknowledged, &at, &mut outcome);
            }
        }
        outcome
    }

    fn check(
        &self,
        folder: &TempFolder,
        files: &Files,
        acknowledged: usize,
        at: &str,
        outcome: &mut Outcome,
    ) {
        let data = folder.join("data");
        files.write(&data);
        let engine = open(&data).unwrap_or_else(|error| keep(files, at, &format!("refused: {error}")));
        let there = read(&engine);
        let is = |groups| self.steps.after(groups) == Some(&there);
        match (is(acknowledged), is(acknowledged + 1)) {
            (true, _) => outcome.without += 1,
            (false, true) => outcome.more += 1,
            (false, false) => {
                keep(files, at, &format!("neither what {acknowledged} groups made nor one more"))
            }
        }
        if outcome.crashes.is_multiple_of(16) {
            goes_on(engine, &data, &folder.join("copy"), at);
        }
        std::fs::remove_dir_all(data).expect("it was made here");
    }

    /// A crash, and another one during the recovery.
    fn crash_again(&self, record: &[Op], points: usize, dice: &mut Dice) -> Outcome {
        let point = dice.below(record.len() as u64) as usize;
        let mut disk = Disk::new(Files::default(), 0);
        record[..point].iter().for_each(|op| disk.take(op));
        let crashes = disk.crashes(&record[point], dice);
        let (how, files) = dice.pick(&crashes);
        let folder = TempFolder::quick("again");
        files.write(&folder.join("data"));
        let recovery = work::record_opening(&folder.join("data"), &folder.join("trace"));
        let words = format!("point {point}, {how}, then ");
        let acknowledged = disk.acknowledged;
        self.sweep(&Crash { begin: &files, record: &recovery, acknowledged, words }, points)
    }
}

/// A group more, and a stop that nobody asked for.
fn goes_on(mut engine: Embedded, data: &Path, copy: &Path, at: &str) {
    let (more, wanted) = work::one_more(&read(&engine));
    engine.commit(&[more.batch(0)]).unwrap_or_else(|error| panic!("{at}: {error}"));
    slotcast_tests::engines::copy_folder(data, copy);
    drop(engine);
    let engine = open(copy).unwrap_or_else(|error| panic!("{at}, and one more: {error}"));
    assert!(read(&engine) == wanted, "{at}: what was written next is not there");
    std::fs::remove_dir_all(copy).expect("it was made here");
}

fn open(folder: &Path) -> Result<Embedded, String> {
    Embedded::open(folder, &Kinds::default(), &limits(LOG_BYTES)).map_err(|error| error.to_string())
}

/// All objects, users and rosters, read one by one.
fn read(engine: &Embedded) -> Shown {
    let mut reader = engine.reader().expect("it is open");
    let mut there = Shown::default();
    let users = (0..OBJECTS).map(|number| Maker::user(number).into());
    let rosters = (0..OBJECTS).map(|number| Name::Roster(Maker::user(number)));
    for name in (0..OBJECTS).map(Maker::object).chain(users).chain(rosters) {
        let found = reader.load(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
        found.map(|kept| there.insert(name, kept.encode().into()));
    }
    assert_eq!(there.len() as u64, engine.size().names, "names that nobody made");
    there
}

/// Leaves the folder for whoever looks into it.
fn keep(files: &Files, at: &str, why: &str) -> ! {
    let kept = std::env::temp_dir().join(format!("slotcast-crash-{}", std::process::id()));
    files.write(&kept);
    panic!("{at}: {why}; the folder as it was: {}", kept.display())
}
