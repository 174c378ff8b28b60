//! One flipped bit anywhere in a data folder: the store is refused in words, or the object that it hit is named as damaged, or everything
//! is as it was written. Nothing wrong is ever served, and nothing vanishes.
//!
//! `SLOTCAST_TEST_FLIPS` says how many bits of each folder; 0 is all of them.
#![cfg(feature = "node")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use slotcast_node::engine::embedded::StoreError;
use slotcast_node::engine::{Embedded, Engine, LoadError};
use slotcast_state::{Kinds, Name};
use slotcast_tests::dice::Dice;
use slotcast_tests::engines::work::{Maker, Shown, Work};
use slotcast_tests::engines::{copy_folder, limits, stored_in};
use slotcast_tests::real::folder::TempFolder;
use slotcast_tests::real::number;

const FLIPS: usize = 1_000;
const OBJECTS: u64 = 40;
const LOG_BYTES: usize = 64 * 1024 * 1024;

/// What a flip came to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    flips: u64,
    refused: u64,
    /// Objects.
    damaged: u64,
    harmless: u64,
    /// In the log, where everything was as it was written nevertheless.
    mended: u64,
}

#[test]
fn after_a_stop_that_was_asked_for() {
    let (folder, mut maker) = (TempFolder::quick("flips"), Maker::new(11));
    let shown = work(folder.path(), &mut maker, 60);
    let mut engine = open(folder.path()).expect("it was just closed");
    let shown = groups(&mut engine, &mut maker, shown, 30, OBJECTS / 4, &mut Expected::new());
    drop(engine);
    sweep("closed", folder.path(), &shown);
}

#[test]
fn after_a_start_and_nothing_more() {
    let (folder, mut maker) = (TempFolder::quick("flips"), Maker::new(13));
    let shown = work(folder.path(), &mut maker, 60);
    drop(open(folder.path()).expect("it was just closed"));
    sweep("all whole", folder.path(), &shown);
}

#[test]
fn after_a_crash() {
    let (folder, mut maker) = (TempFolder::quick("flips"), Maker::new(12));
    let shown = work(&folder.join("first"), &mut maker, 40);
    let mut engine = open(&folder.join("first")).expect("it was just closed");
    let mut expected = Expected::new();
    let shown = groups(&mut engine, &mut maker, shown, 16, OBJECTS / 4, &mut expected);
    copy_folder(&folder.join("first"), &folder.join("crashed"));
    drop(engine);
    std::fs::remove_dir_all(folder.join("first")).expect("it was made here");
    let tally = sweep("crashed", &folder.join("crashed"), &shown);
    assert!(tally.mended > 0, "no bit of the log was hit, or none was put right");
}

fn open(folder: &Path) -> Result<Embedded, StoreError> {
    Embedded::open(folder, &Kinds::default(), &limits(LOG_BYTES))
}

/// A new store with so many groups in it, closed; what is in it.
fn work(folder: &Path, maker: &mut Maker, count: usize) -> Shown {
    std::fs::create_dir_all(folder).expect("the temporary folder can be written to");
    let mut engine = open(folder).expect("a new one");
    groups(&mut engine, maker, Shown::default(), count, OBJECTS, &mut Expected::new())
}

/// A shard's next position.
type Expected = BTreeMap<u16, u64>;

fn groups(
    engine: &mut Embedded,
    maker: &mut Maker,
    mut shown: Shown,
    count: usize,
    objects: u64,
    expected: &mut Expected,
) -> Shown {
    for _ in 0..count {
        let group = maker.group(objects);
        shown = maker.wanted.shown(&shown, &group);
        let batch = |work: &Work| {
            let position = expected.entry(work.shard).or_default();
            *position += 1;
            work.batch(*position - 1)
        };
        let batches: Vec<_> = group.iter().map(batch).collect();
        engine.commit(&batches).expect("the disk is good");
    }
    shown
}

/// Flips bits of all files of a folder.
fn sweep(what: &str, folder: &Path, shown: &Shown) -> Tally {
    let read = |name: String| {
        let bytes = std::fs::read(folder.join(&name)).expect("it is there");
        (name, bytes)
    };
    let files: Vec<(String, Vec<u8>)> = stored_in(folder).into_iter().map(read).collect();
    let bits: usize = files.iter().map(|(_, bytes)| bytes.len() * 8).sum();
    let flips = flips(&files[0].1, bits);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        let (files, flips) = (&files, &flips);
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let mut trial = Trial::new(files, shown);
                    flips.iter().skip(worker).step_by(threads).for_each(|bit| trial.flip(*bit));
                    trial.tally
                })
            })
            .collect();
        for worker in workers {
            let tally = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sum.flips += tally.flips;
            sum.refused += tally.refused;
            sum.damaged += tally.damaged;
            sum.harmless += tally.harmless;
            sum.mended += tally.mended;
        }
    });
    let Tally { flips: tried, refused, damaged, harmless, mended } = sum;
    println!(
        "{what}, {} KiB: {tried} of {bits} bits; {refused} refused, {damaged} named as damage of an object, {harmless} harmless, \
         {mended} of these in the log",
        bits / 8 / 1024
    );
    assert!(refused > 0 && damaged + harmless > 0, "{sum:?}");
    sum
}

/// Some bits of all files, and where a bit weighs most all of them: SQLite's own head, and the page of the table `meta`.
fn flips(store: &[u8], bits: usize) -> Vec<usize> {
    const HEAD_BYTES: usize = 100;
    const META: std::ops::Range<usize> = 4096..8192;
    let count = number("SLOTCAST_TEST_FLIPS").map_or(FLIPS, |flips| flips as usize);
    if count == 0 {
        return (0..bits).collect();
    }
    let mut dice = Dice::new(bits as u64);
    let heavy = (0..HEAD_BYTES).chain(META.filter(|byte| store[*byte] != 0));
    let sampled = (0..count).map(|_| dice.below(bits as u64) as usize);
    heavy.flat_map(|byte| byte * 8..byte * 8 + 8).chain(sampled).collect()
}

struct Trial<'a> {
    files: &'a [(String, Vec<u8>)],
    shown: &'a Shown,
    folder: TempFolder,
    tally: Tally,
}

impl<'a> Trial<'a> {
    fn new(files: &'a [(String, Vec<u8>)], shown: &'a Shown) -> Trial<'a> {
        Trial { files, shown, folder: TempFolder::quick("flip"), tally: Tally::default() }
    }

    fn flip(&mut self, bit: usize) {
        let data = self.folder.join("data");
        std::fs::create_dir_all(&data).expect("the temporary folder can be written to");
        let (mut before, mut at, mut in_log) = (0, String::new(), false);
        for (name, bytes) in self.files {
            let mut bytes = bytes.clone();
            let place = bit.checked_sub(before).filter(|place| *place < bytes.len() * 8);
            if let Some(place) = place {
                bytes[place / 8] ^= 1 << (place % 8);
                at = format!("bit {} of byte {} of {name}", place % 8, place / 8);
                in_log = name.starts_with("log-");
            }
            before += bytes.len() * 8;
            std::fs::write(data.join(name), bytes).expect("the temporary folder has room");
        }
        self.tally.flips += 1;
        let tried = catch_unwind(AssertUnwindSafe(|| self.look(&data, &at, in_log)));
        if let Err(panic) = tried {
            println!("it was {at}");
            std::panic::resume_unwind(panic);
        }
        std::fs::remove_dir_all(data).expect("it was made here");
    }

    fn look(&mut self, data: &Path, at: &str, in_log: bool) {
        let engine = match open(data) {
            Ok(engine) => engine,
            Err(error) => {
                assert!(error.to_string().len() > 20, "{at}: {error}");
                self.tally.refused += 1;
                return;
            }
        };
        assert_eq!(engine.size().names, self.shown.len() as u64, "{at}: some have vanished, or come");
        let (index, mut reader) = (engine.index(), engine.reader().expect("it is open"));
        let mut damaged = 0;
        for (object, wanted) in self.shown {
            assert!(index.has(object), "{at}: {object} has vanished");
            match reader.load(object) {
                Ok(Some(contents)) => {
                    assert!(contents.encode()[..] == wanted[..], "{at}: {object} is not what was written");
                }
                Ok(None) => panic!("{at}: {object} has vanished"),
                Err(LoadError::Damaged(what) | LoadError::Failed(what)) => {
                    assert!(what.contains(&object.to_string()) || what.contains("damaged"), "{at}: {what}");
                    damaged += 1;
                }
            }
        }
        drop(reader);
        if damaged == 0 {
            self.tally.harmless += 1;
            self.tally.mended += u64::from(in_log);
            self.goes_on(engine, self.shown, data, at);
        } else {
            self.tally.damaged += 1;
        }
    }

    /// What is harmless today is harmless tomorrow: the next write is there after a crash.
    fn goes_on(&self, mut engine: Embedded, shown: &Shown, data: &Path, at: &str) {
        let mut maker = Maker::going_on(shown);
        let mut objects = shown.keys().filter_map(Name::object);
        let object = objects.next().expect("there are objects").clone();
        let number = object.as_str()[5..].parse().expect("the name ends in its number");
        let (commits, users) = (vec![maker.commit(number)], vec![maker.user_commit(number)]);
        let rosters = maker.roster_commit(number).into_iter().collect();
        let work = Work { commits, users, rosters, ..Work::default() };
        engine.commit(&[work.batch(0)]).unwrap_or_else(|error| panic!("{at}: {error}"));
        let copy = self.folder.join("copy");
        copy_folder(data, &copy);
        drop(engine);
        let engine = open(&copy).unwrap_or_else(|error| panic!("{at}, and a write: {error}"));
        let mut reader = engine.reader().expect("it is open");
        for name in work.names() {
            let there = reader.load(&name).expect("it was good before");
            assert!(there.as_ref() == maker.wanted.kept(&name), "{at}: a write after it is lost");
        }
        drop(reader);
        drop(engine);
        std::fs::remove_dir_all(copy).expect("it was made here");
    }
}
