//! The piece of work, done by a process of its own under the shim.

use std::path::Path;
use std::process::Command;

use slotcast_node::engine::{Embedded, Engine};
use slotcast_state::{Kinds, Name};
use slotcast_tests::engines::limits;
use slotcast_tests::engines::work::{Maker, SHARDS, Shown, Work};
use slotcast_tests::real::shim;

use crate::trace::{self, MARK, Op};

pub const OBJECTS: u64 = 16;
pub const LOG_BYTES: usize = 128 * 1024;

const GROUPS: usize = 200;

/// After so many groups the process that does the work closes the store and opens it again.
const OPENED_AGAIN: usize = 65;

const FOLDER: &str = "SLOTCAST_WORK_FOLDER";
const SEED: &str = "SLOTCAST_WORK_SEED";

/// At the place n what the first n groups have made.
pub struct Steps(Vec<Shown>);

impl Steps {
    pub fn new(seed: u64) -> Steps {
        let mut maker = Maker::new(seed);
        let mut shown = vec![Shown::default()];
        for _ in 0..GROUPS {
            let group = maker.group(OBJECTS);
            let before = shown.last().expect("there is a first one");
            shown.push(maker.wanted.shown(before, &group));
        }
        Steps(shown)
    }

    /// None beyond the last group.
    pub fn after(&self, groups: usize) -> Option<&Shown> {
        self.0.get(groups)
    }
}

/// A batch that follows from what is there, and what there is then.
pub fn one_more(there: &Shown) -> (Work, Shown) {
    let mut maker = Maker::going_on(there);
    let (commits, users) = (vec![maker.commit(0), maker.commit(2)], vec![maker.user_commit(0)]);
    let rosters = maker.roster_commit(0).into_iter().collect();
    let work = Work { commits, users, rosters, ..Work::default() };
    let wanted = maker.wanted.shown(there, std::slice::from_ref(&work));
    (work, wanted)
}

/// Does all of it in a new folder; what was done to the disk.
pub fn record(folder: &Path, trace: &Path, seed: u64) -> Vec<Op> {
    under_shim(folder, trace, Some(seed))
}

/// Opens a folder and closes it again; what was done to the disk.
pub fn record_opening(folder: &Path, trace: &Path) -> Vec<Op> {
    under_shim(folder, trace, None)
}

fn under_shim(folder: &Path, trace: &Path, seed: Option<u64>) -> Vec<Op> {
    std::fs::create_dir_all(folder).expect("the temporary folder can be written to");
    let test = std::env::current_exe().expect("a test knows its own path");
    let mut child = Command::new(test);
    child.args(["--exact", "work::the_process_that_does_it", "--ignored", "--nocapture"]);
    child.envs(shim::under(folder, &[("TRACE", trace)])).env(FOLDER, folder);
    child.env(SEED, seed.map_or(String::new(), |seed| seed.to_string()));
    let done = child.output().expect("the test can be started again");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    trace::read(trace)
}

/// Not a test: `under_shim` starts it.
#[test]
#[ignore = "is started by a_crash_at_every_write"]
fn the_process_that_does_it() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let seed = std::env::var(SEED).expect("it comes with the folder");
    let open = || Embedded::open(folder, &Kinds::default(), &limits(LOG_BYTES)).expect("it opens");
    let mut engine = open();
    if seed.is_empty() {
        return;
    }
    let mut maker = Maker::new(seed.parse().expect("a number"));
    let mut wanted: Vec<Name> = Vec::new();
    let mut expected = [0; SHARDS as usize];
    for done in 1..=GROUPS {
        let mut group = maker.group(OBJECTS);
        for work in &mut group {
            let mine: Vec<_> = wanted.extract_if(.., |name| Maker::shard(name) == work.shard).collect();
            work.stores = mine.iter().map(|name| maker.wanted.stored(name)).collect();
        }
        let batches: Vec<_> = group
            .iter()
            .map(|work| {
                expected[usize::from(work.shard)] += 1;
                work.batch(expected[usize::from(work.shard)] - 1)
            })
            .collect();
        engine.commit(&batches).expect("the disk is good");
        std::fs::write(folder.join(MARK), done.to_string()).expect("the disk is good");
        wanted.extend(engine.tidy().expect("the disk is good"));
        if done.is_multiple_of(OPENED_AGAIN) {
            drop(engine);
            engine = open();
            (wanted, expected) = (Vec::new(), [0; SHARDS as usize]);
        }
    }
}
