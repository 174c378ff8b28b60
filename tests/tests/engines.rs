//! One list of cases over every engine: in memory, embedded, and each of them failing and crashing.
#![cfg(feature = "node")]

use slotcast_node::engine::{CommitError, Engine};
use slotcast_state::Name;
use slotcast_tests::engines::failing::Failing;
use slotcast_tests::engines::work::{Maker, SHARDS, Work};
use slotcast_tests::engines::{Subject, all};

const MIB: usize = 1024 * 1024;

fn each(log_bytes: usize, case: impl Fn(&mut Subject)) {
    for mut subject in all(log_bytes) {
        println!("{}", subject.name);
        case(&mut subject);
    }
}

fn put(subject: &mut Subject, works: &[Work]) {
    let name = subject.name;
    subject.put(works).unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// After a stop: all that was put, and nothing else.
fn holds(subject: &mut Subject, maker: &Maker) {
    subject.reopen();
    for (object, contents) in maker.wanted.all() {
        let name = subject.name;
        assert!(subject.has(object), "{name}: {object} is not listed");
        assert_eq!(subject.load(object).as_ref(), Some(contents), "{name}: {object}");
    }
    assert_eq!(subject.engine().size().names, maker.wanted.all().count() as u64, "{}", subject.name);
}

#[test]
fn what_is_not_there() {
    each(MIB, |subject| {
        let unknown = Maker::object(1);
        for _ in 0..2 {
            assert!(!subject.has(&unknown), "{}", subject.name);
            assert_eq!(subject.load(&unknown), None, "{}", subject.name);
            assert_eq!(subject.engine().size().names, 0);
            subject.reopen();
        }
    });
}

#[test]
fn commits_are_done_again_in_their_order() {
    each(MIB, |subject| {
        let mut maker = Maker::new(1);
        for round in 0..60 {
            put(subject, &maker.group(10));
            if round % 20 == 19 {
                holds(subject, &maker);
            }
        }
        let fails = subject.name.contains("failing");
        assert_eq!(subject.again > 5, fails, "{}: {} groups found no room", subject.name, subject.again);
    });
}

#[test]
fn one_who_is_stale_is_refused() {
    each(MIB, |subject| {
        let mut maker = Maker::new(2);
        let works: Vec<Work> = (0..4).map(|_| maker.work(0, 10)).collect();
        put(subject, &works[..1]);
        put(subject, &works[1..3]);
        let stray = Maker::new(3).work(1, 10);
        for expected in [0, 2, 4, u64::MAX] {
            let group = [stray.batch(0), works[3].batch(expected)];
            let refused = commit(subject.engine(), &group);
            let wanted = Err(CommitError::NotOwner { shard: 0, position: 3 });
            assert_eq!(refused, wanted, "{}: {expected}", subject.name);
        }
        let refused = commit(subject.engine(), &[stray.batch(0), stray.batch(0)]);
        assert_eq!(refused, Err(CommitError::NotOwner { shard: 1, position: 1 }), "{}", subject.name);
        put(subject, &works[3..]);
        // Nothing of the groups that were refused is there.
        holds(subject, &maker);
    });
}

/// As the committer does it.
fn commit(engine: &mut dyn Engine, group: &[slotcast_node::engine::Batch]) -> Result<(), CommitError> {
    loop {
        match engine.commit(group) {
            Err(CommitError::Full(_)) => {}
            done => return done,
        }
    }
}

#[test]
fn whole_objects_stand_for_what_came_before_them() {
    each(MIB, |subject| {
        let mut maker = Maker::new(4);
        for round in 0..40 {
            let mut works = maker.group(6);
            let touched: Vec<Name> = works[0].names().collect();
            if round % 2 == 0 {
                works[0].stores = vec![maker.wanted.stored(&touched[0])];
            }
            put(subject, &works);
            if round % 2 == 0 {
                let name = subject.name;
                assert!(subject.has(&touched[0]), "{name}: {} is not listed", touched[0]);
                let wanted = maker.wanted.kept(&touched[0]);
                assert_eq!(subject.load(&touched[0]).as_ref(), wanted, "{name}: {}", touched[0]);
            }
        }
        holds(subject, &maker);
        // Whole, and nothing new: as when it leaves memory.
        let object = Maker::object(0);
        let stores = vec![maker.wanted.stored(&object)];
        put(subject, &[Work { stores, ..Work::default() }]);
        assert_eq!(subject.load(&object).as_ref(), maker.wanted.kept(&object));
        holds(subject, &maker);
    });
}

#[test]
fn a_long_log_is_shortened() {
    const LOG_BYTES: usize = 64 * 1024;
    each(LOG_BYTES, |subject| {
        let mut maker = Maker::new(5);
        let (mut longest, mut wanted_ever) = (0, 0);
        let mut wanted: Vec<Name> = Vec::new();
        for _ in 0..200 {
            let mut works = maker.group(20);
            for work in &mut works {
                let mine = |name: &mut Name| Maker::shard(name) == work.shard;
                let stores: Vec<Name> = wanted.extract_if(.., mine).collect();
                work.stores = stores.iter().map(|name| maker.wanted.stored(name)).collect();
            }
            put(subject, &works);
            let asked = subject.engine().tidy().expect("it can be tidied");
            wanted_ever += asked.len();
            wanted.extend(asked);
            longest = longest.max(subject.engine().size().log_bytes);
        }
        let name = subject.name;
        assert!(longest <= 2 * LOG_BYTES as u64, "{name}: {longest} bytes of log");
        let keeps_log = name.starts_with("embedded") && !name.contains("crashing");
        assert_eq!(wanted_ever > 0, keeps_log, "{name}: {wanted_ever} objects were asked for");
        holds(subject, &maker);
    });
}

#[test]
fn ten_thousand_objects() {
    const OBJECTS: u64 = 10_000;
    const PER_BATCH: u64 = 500;
    each(64 * MIB, |subject| {
        let mut maker = Maker::new(6);
        for first in (0..OBJECTS).step_by(PER_BATCH as usize) {
            let mut works: Vec<Work> = (0..SHARDS).map(|shard| Work { shard, ..Work::default() }).collect();
            for number in first..first + PER_BATCH {
                let commit = maker.commit(number);
                works[usize::from(Maker::shard(&Maker::object(number)))].commits.push(commit);
            }
            put(subject, &works);
        }
        holds(subject, &maker);
    });
}

#[test]
fn after_a_failure_what_was_committed_is_there() {
    each(MIB, |subject| {
        let mut maker = Maker::new(7);
        for _ in 0..10 {
            put(subject, &maker.group(8));
        }
        holds(subject, &maker);
    });
    let mut broken = Failing::after(Box::new(slotcast_node::engine::MemoryEngine::default()), 3);
    let mut maker = Maker::new(8);
    let batches: Vec<_> = (0..5).map(|expected| maker.work(0, 4).batch(expected)).collect();
    let done: Vec<bool> =
        batches.iter().map(|batch| broken.commit(std::slice::from_ref(batch)).is_ok()).collect();
    assert_eq!(done, [true, true, true, false, false]);
}
