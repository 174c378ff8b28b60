use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use slotcast_state::Stored;

use super::folder::hold_log;
use super::moment::Moment;
use super::scratch::Scratch;
use super::*;

const LOG_BYTES: usize = 256 * 1024;

/// A folder in which there is a store.
struct Data(Scratch);

impl Data {
    fn new(test: &str) -> Data {
        Data(Scratch::new(test))
    }

    fn open(&self) -> Result<Embedded, StoreError> {
        let limits = Limits { log_bytes: LOG_BYTES, ..Limits::default() };
        Embedded::open(&self.0, &Kinds::default(), &limits)
    }

    fn moment(&self) -> Result<Moment, StoreError> {
        Moment::take(&self.0.join(STORE))
    }

    fn logs(&self) -> Vec<PathBuf> {
        log::paths(&self.0).expect("it can be read").into_iter().map(|(_, path)| path).collect()
    }
}

fn name(number: u64) -> Name {
    Name::parse(&format!("disk/{number}")).expect("a good name")
}

/// A commit about an object, of which an engine reads no more than that until it folds its log; and others whole.
fn batch(expected: u64, number: u64, bytes: usize, stores: Vec<Stored>) -> Batch {
    let mut commits = slotcast_protocol::writer::Writer::default();
    commits.array(2).text(&name(number).to_string()).text(&"x".repeat(bytes));
    Batch { shard: 0, expected, commits: commits.0, names: vec![name(number)], stores }
}

fn whole(number: u64, bytes: usize) -> Stored {
    Stored { name: name(number), contents: vec![7; bytes] }
}

/// Groups, one behind the other, with all objects whole that are wanted.
#[derive(Default)]
struct Work {
    done: u64,
    wanted: Vec<Name>,
}

impl Work {
    fn go_on(&mut self, engine: &mut Embedded, groups: u64) {
        for _ in 0..groups {
            let wanted = std::mem::take(&mut self.wanted).into_iter();
            let stores = wanted.map(|name| Stored { name, contents: vec![7; 900] }).collect();
            let batch = batch(self.done, self.done % 50, 3_000, stores);
            engine.commit(&[batch]).expect("the disk is good");
            self.wanted = engine.tidy().expect("the disk is good");
            self.done += 1;
        }
    }
}

/// SQLite finds no room when the commits are in the log already; the group that comes again is in it once.
#[test]
fn what_had_no_room_comes_again_and_is_logged_once() {
    let data = Data::new("again");
    let mut engine = data.open().expect("a new one");
    let pages: i64 =
        engine.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("it is open");
    let most = |engine: &Embedded, pages: i64| {
        engine
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .expect("it is open");
    };
    most(&engine, pages);
    let group = [batch(0, 1, 10, vec![whole(1, 100_000)])];
    for _ in 0..3 {
        assert!(matches!(engine.commit(&group), Err(CommitError::Full(_))));
    }
    most(&engine, 1_000_000);
    assert_eq!(engine.commit(&group), Ok(()));
    assert_eq!(engine.commit(&[batch(1, 1, 10, Vec::new())]), Ok(()));
    let rows = data.moment().expect("it is whole").log.expect("it is whole").rows;
    let commits: Vec<_> = rows.iter().map(|row| row.commits.clone()).collect();
    assert_eq!(commits, [group[0].commits.clone(), group[0].commits.clone()], "one of each group");
}

#[test]
fn what_someone_reads_is_not_written_over_unless_it_becomes_too_long() {
    let data = Data::new("held");
    let (mut engine, mut work) = (data.open().expect("a new one"), Work::default());
    work.go_on(&mut engine, 300);
    assert!(engine.size().log_bytes <= LOG_BYTES as u64);
    let held = hold_log(&data.0).expect("the folder can be written to");
    let before = data.logs().len();
    work.go_on(&mut engine, 150);
    assert!(engine.size().log_bytes > LOG_BYTES as u64, "it is held");
    assert!(data.logs().len() > before);
    work.go_on(&mut engine, 600);
    assert!(
        engine.size().log_bytes <= (HELD_TIMES_MAX + 1) * LOG_BYTES as u64,
        "and goes on without its reader"
    );
    drop(held);
    work.go_on(&mut engine, 100);
    assert!(engine.size().log_bytes <= LOG_BYTES as u64);
}

/// While groups come and files of the log are used again, whoever looks sees the tables and the log of one moment.
#[test]
fn a_moment_is_whole_while_the_log_goes_on() {
    let data = Data::new("moments");
    let (mut engine, mut work) = (data.open().expect("a new one"), Work::default());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut ends = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let Moment { connection, log } = data.moment().expect("it can be opened");
                let log = log.unwrap_or_else(|error| panic!("look {}: {error}", ends.len()));
                let base = schema::meta(&connection, "log_sequence").expect("it is whole");
                assert!(log.rows.iter().map(|row| row.sequence).eq(base + 1..=log.end));
                ends.push(log.end);
            }
            ends
        });
        work.go_on(&mut engine, 4_000);
        is_over.store(true, Ordering::Relaxed);
        let ends = looker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(ends.len() > 10 && ends.is_sorted(), "{ends:?}");
    });
}

/// However often it was opened before.
#[test]
fn a_log_that_was_taken_away_is_missed() {
    let data = Data::new("away");
    for starts in 1..5 {
        let mut engine = data.open().expect("nothing is missing");
        let before: BTreeSet<_> =
            data.logs().into_iter().map(|path| (std::fs::read(&path).ok(), path)).collect();
        engine.commit(&[batch(0, starts, 10, Vec::new())]).expect("the disk is good");
        drop(engine);
        let mut after = data.logs().into_iter().map(|path| (std::fs::read(&path).ok(), path));
        let (bytes, path) = after.find(|file| !before.contains(file)).expect("one was written to");
        std::fs::remove_file(&path).expect("it is there");
        assert!(matches!(data.open().map(drop), Err(StoreError::Damaged(_))), "after {starts} starts");
        // As it was before the group.
        let (bytes, empty) = (bytes.expect("it was there"), 512);
        std::fs::write(&path, &bytes[..empty]).expect("it has room");
    }
}
