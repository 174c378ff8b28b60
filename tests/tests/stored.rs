//! What a stored object leaves as bytes: commits that are done again lead to what is there, from the beginning and from any whole object,
//! and no bytes whatever bring a reader down.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::reader::Reader;
use slotcast_protocol::{
    ChangeKind, Code, Device, Durability, Encoding, Event, Limits, Number, ObjectName, Op, User, Write,
};
use slotcast_state::{
    Answer, Audience, Author, Commit, Contents, Delivery, EdgeId, Effects, Found, Input, SessionId, Shard,
};
use slotcast_tests::dice::Dice;
use slotcast_tests::store::{Entry, bytes};
use slotcast_tests::trial::Trial;
use slotcast_tests::wishes;

const SEEDS: u64 = 150;
const STEPS: u64 = 150;
/// Contents that are kept by replay, per object.
const REPLAYED: usize = 5;

/// How often what is stored was of each sort.
type Met = BTreeMap<&'static str, u64>;

fn decoded(bytes: &[u8]) -> Contents {
    Contents::decode(bytes).unwrap_or_else(|fault| panic!("{fault}"))
}

fn read(bytes: &[u8]) -> Commit {
    Commit::decode(&mut Reader::new(bytes)).unwrap_or_else(|fault| panic!("{fault}"))
}

fn count(commit: &Commit, met: &mut Met) {
    let mut add = |name, times: usize| *met.entry(name).or_default() += times as u64;
    for change in commit.changes.iter() {
        let sort = match change.kind {
            ChangeKind::Set { .. } => "set",
            ChangeKind::Delete { .. } => "delete",
            ChangeKind::Patch { .. } => "patch",
            ChangeKind::Append { .. } => "append",
            ChangeKind::Clear => "clear",
        };
        add(sort, 1);
    }
    add("tied", commit.lives.iter().filter(|lived| lived.tied).count());
    add("expiring", commit.lives.iter().filter(|lived| lived.expires_ms.is_some()).count());
    add("refused", usize::from(matches!(commit.answer, Some(Answer::Refused(_)))));
    add("of several changes", usize::from(commit.changes.len() > 1));
    add("by the server", usize::from(commit.answer.is_none()));
}

/// Contents of one object that are kept by nothing but what is logged.
#[derive(Default)]
struct Replayed(Vec<Contents>);

impl Replayed {
    fn take(&mut self, logged: &[u8], depth: u64, inflight: usize, met: &mut Met) {
        let commit = read(logged);
        assert_eq!(bytes(&commit), logged, "a commit that was read is another");
        count(&commit, met);
        if self.0.is_empty() {
            self.0.push(Contents::new(commit.epoch));
        }
        for contents in &mut self.0 {
            let sends = contents.sends();
            contents.replay(&commit, depth, inflight).unwrap_or_else(|fault| panic!("{fault}"));
            *met.entry("sent").or_default() += contents.sends() - sends;
        }
    }

    /// All are what is stored; and that is one more to go on from.
    fn compare(&mut self, whole: &[u8], dice: &mut Dice, met: &mut Met) {
        for contents in &self.0 {
            assert!(contents.encode() == whole, "replayed is {contents:?}\nbut stored {:?}", decoded(whole));
        }
        let fresh = decoded(whole);
        assert!(fresh.encode() == whole, "what was stored and read is another: {fresh:?}");
        *met.entry("whole").or_default() += 1;
        match self.0.len() < REPLAYED {
            true => self.0.push(fresh),
            false => self.0[dice.between(1, REPLAYED as u64 - 1) as usize] = fresh,
        }
    }
}

#[test]
fn what_is_logged_leads_to_what_is_there() {
    let mut met = Met::new();
    for seed in 0..SEEDS {
        let mut trial = Trial::new(seed, &["safe/1", "safe/1", "safe/2"]);
        let mut dice = Dice::new(!seed);
        // A whole object after each step shows where a fault is; others show what only a long log does.
        let wants = dice.pick(&[100, 20, 3]);
        let mut objects: BTreeMap<ObjectName, Replayed> = BTreeMap::new();
        for step in 0..STEPS {
            let mut stepped = trial.step();
            if dice.percent(wants) || step + 1 == STEPS {
                stepped = stepped.and_then(|()| trial.want());
            }
            stepped.unwrap_or_else(|why| panic!("seed {seed}, step {step}: {why}"));
            for entry in std::mem::take(&mut trial.entries) {
                match entry {
                    Entry::Commit { name, bytes } => {
                        let object = name.object().expect("the trial has no users").clone();
                        let (depth, inflight) = trial.depths(&object);
                        objects.entry(object).or_default().take(&bytes, depth, inflight, &mut met);
                    }
                    Entry::Whole(stored) => {
                        let replayed =
                            objects.entry(stored.name.object().expect("as above").clone()).or_default();
                        replayed.compare(&stored.contents, &mut dice, &mut met);
                    }
                }
            }
        }
    }
    println!("{met:?}");
    assert_eq!(met.len(), 12, "{met:?}");
    assert!(met.values().all(|count| *count > 0), "{met:?}");
}

/// Random histories' bytes: commits and whole objects.
fn specimens(seeds: u64) -> Vec<Entry> {
    let histories = (0..seeds).flat_map(|seed| {
        let mut trial = Trial::new(seed, &["safe/1"]);
        for _ in 0..60 {
            trial.step().and_then(|()| trial.want()).expect("it is as the page says");
        }
        std::mem::take(&mut trial.entries)
    });
    histories.collect()
}

/// As a store would: read, and go on from there.
fn chew(bytes: &[u8], commit: &Commit) -> bool {
    let other = Commit::decode(&mut Reader::new(bytes));
    let skipped = Commit::skip(&mut Reader::new(bytes)).is_ok();
    let contents = Contents::decode(bytes);
    let reads = other.is_ok() || contents.is_ok() || skipped;
    if let Ok(mut contents) = contents {
        let again = Contents::decode(&contents.encode()).expect("what was written can be read");
        assert_eq!(again.encode(), contents.encode());
        for commit in other.iter().chain([commit]) {
            _ = contents.replay(commit, 3, 4);
        }
        // One that follows, so that it is done whatever is there.
        let (epoch, version) = (contents.epoch(), contents.version());
        let moved = u64::from(!commit.changes.is_empty());
        if let Some(version) = version.checked_add(moved) {
            _ = contents.replay(&Commit { epoch, version, ..commit.clone() }, 3, 4);
        }
    }
    reads
}

#[test]
fn no_bytes_bring_a_reader_down() {
    let mut dice = Dice::new(7);
    let specimens = specimens(6);
    let commits = specimens.iter().filter_map(|entry| match entry {
        Entry::Commit { bytes, .. } => Some(read(bytes)),
        Entry::Whole(_) => None,
    });
    let commits: Vec<Commit> = commits.collect();
    let (mut read, mut refused) = (0, 0);
    let mut tally = |reads| *if reads { &mut read } else { &mut refused } += 1;
    for entry in &specimens {
        let bytes = match entry {
            Entry::Commit { bytes, .. } => bytes,
            Entry::Whole(stored) => &stored.contents,
        };
        let commit = dice.pick(&commits);
        for _ in 0..20 {
            let mut bytes = bytes.clone();
            match dice.below(4) {
                0 => bytes.truncate(dice.below(bytes.len() as u64) as usize),
                1 => {
                    let at = dice.below(bytes.len() as u64) as usize;
                    bytes[at] = dice.roll() as u8;
                }
                _flips => {
                    for _ in 0..dice.between(1, 3) {
                        let at = dice.below(bytes.len() as u64) as usize;
                        bytes[at] ^= 1 << dice.below(8);
                    }
                }
            }
            tally(chew(&bytes, &commit));
        }
    }
    for _ in 0..20_000 {
        let noise: Vec<u8> = (0..dice.below(40)).map(|_| dice.roll() as u8).collect();
        let array = [&[0x9a][..], &noise].concat();
        tally(chew(&noise, &commits[0]) || chew(&array, &commits[0]));
    }
    println!("{read} read, {refused} refused");
    assert!(read > 1_000 && refused > 1_000);
}

#[test]
fn bytes_that_end_too_early_or_too_late_are_refused() {
    for entry in specimens(2) {
        let Entry::Whole(stored) = entry else { continue };
        for length in 0..stored.contents.len() {
            assert!(Contents::decode(&stored.contents[..length]).is_err(), "{length} bytes are enough");
        }
        let longer = [&stored.contents[..], &[0xc0]].concat();
        assert!(Contents::decode(&longer).is_err(), "a byte more is taken");
    }
}

#[test]
fn a_commit_that_does_not_follow_is_refused() {
    let logged = specimens(1).into_iter().filter_map(|entry| match entry {
        Entry::Commit { bytes, .. } => Some(read(&bytes)),
        Entry::Whole(_) => None,
    });
    let moving: Vec<Commit> = logged.filter(|commit| !commit.changes.is_empty()).take(3).collect();
    let [first, second, third] = &moving[..] else { panic!("three commits move something") };
    let mut contents = Contents::new(first.epoch);
    let replay = |contents: &mut Contents, commit: &Commit| contents.replay(commit, 1_000, 4).is_ok();
    assert!(!replay(&mut contents, second), "one is left out");
    assert!(replay(&mut contents, first));
    assert!(!replay(&mut contents, first), "one is done twice");
    assert!(!replay(&mut contents, &Commit { epoch: first.epoch + 1, ..second.clone() }), "another epoch");
    assert!(!replay(&mut contents, third), "one is left out");
    assert!(replay(&mut contents, second));
    assert_eq!(contents.version(), 2, "what was refused left no trace");
}

/// One shard and one object that is stored.
struct Bench {
    shard: Shard,
    object: ObjectName,
    now_ms: u64,
    effects: Effects,
}

impl Bench {
    fn new(found: Found) -> Self {
        Bench::with(found, 1_000_000)
    }

    /// Idle objects may take so many bytes.
    fn with(found: Found, idle_bytes: usize) -> Self {
        let (object, limits) = (wishes::object("safe/1"), Arc::new(Limits::default()));
        let shard = Shard::new(1, 5, Arc::new(wishes::kinds(0, 1_000)), limits, idle_bytes);
        let mut bench = Bench { shard, object: object.clone(), now_ms: 1, effects: Effects::default() };
        bench.put(Input::Use {
            session: session(),
            author: author(0),
            object: object.clone(),
            audience: Audience { view: wishes::shows(&None), encoding: Encoding::Json, rate: None },
            cursor: None,
            covered: false,
            turn: 1,
        });
        assert_eq!(bench.effects.loads, [object.clone().into()]);
        bench.put(Input::Loaded { name: object.into(), found });
        bench
    }

    fn put(&mut self, input: Input) {
        self.shard.handle(Input::Tick(self.now_ms), &mut self.effects);
        self.shard.handle(input, &mut self.effects);
    }

    /// A write of `add` to the counter, and its answer.
    fn add(&mut self, author: Arc<Author>, id: u64) -> Event {
        let number = Number::Integer(1);
        let ops = vec![Op::Add { slot: wishes::slot("add.a"), number }];
        let (object, conditions) = (self.object.clone(), Vec::new());
        let write = Write { id: Some(id), object, epoch: None, seen: 0, conditions, ops, at: None };
        self.effects.held.clear();
        self.put(Input::Write { session: session(), author, write });
        match self.effects.held.first() {
            Some(Delivery::Reply { event, .. }) => event.clone(),
            other => panic!("an answer, not {other:?}"),
        }
    }

    /// The same object in another run of the server, after so much time.
    fn restarted(mut self, ms: u64) -> Self {
        self.put(Input::Wanted { names: vec![self.object.clone().into()] });
        let whole = self.effects.stores.pop().expect("it was wanted");
        let mut next = Bench::new(Found::Contents(Box::new(decoded(&whole.contents))));
        next.now_ms = self.now_ms + ms;
        next
    }
}

fn session() -> SessionId {
    SessionId::new(EdgeId(0), 1, 0)
}

fn author(number: u64) -> Arc<Author> {
    let device = Device::parse(&format!("d{number}")).expect("a good device");
    Arc::new(Author { user: User::parse("ada").expect("a good user"), device })
}

fn version(event: &Event) -> u64 {
    match event {
        Event::Success(success) => {
            assert_eq!(success.class, Durability::Disk);
            success.version
        }
        other => panic!("a success, not {other:?}"),
    }
}

#[test]
fn answers_outlive_a_restart_for_a_day() {
    const HOUR_MS: u64 = 3_600_000;
    let mut bench = Bench::new(Found::Nothing);
    assert_eq!(version(&bench.add(author(1), 7)), 1);
    assert_eq!(version(&bench.add(author(2), 7)), 2);
    let mut bench = bench.restarted(23 * HOUR_MS);
    assert_eq!(version(&bench.add(author(1), 7)), 1, "the first answer again");
    assert_eq!(version(&bench.add(author(2), 8)), 3);
    let mut bench = bench.restarted(2 * HOUR_MS);
    bench.add(author(3), 1);
    assert_eq!(version(&bench.add(author(2), 7)), 2, "whoever writes is kept a day from then on");
    assert_eq!(version(&bench.add(author(1), 7)), 5, "a day is over, and it is not known any more");
}

#[test]
fn answers_of_so_many_devices_are_kept() {
    let mut bench = Bench::new(Found::Nothing);
    for device in 0..=4096 {
        bench.now_ms += 1;
        bench.add(author(device), 3);
    }
    let mut bench = bench.restarted(0);
    assert_eq!(version(&bench.add(author(1), 3)), 2, "the oldest that is kept");
    assert_eq!(version(&bench.add(author(4096), 3)), 4097);
    assert_eq!(version(&bench.add(author(0), 3)), 4098, "the one too many is forgotten");
}

#[test]
fn an_answer_for_want_of_room_is_none() {
    let mut bench = Bench::new(Found::Nothing);
    bench.put(Input::StorageFull(true));
    let refused = bench.add(author(1), 7);
    let full =
        |event: &Event| matches!(event, Event::Reject(reject) if reject.fault.code == Code::StorageFull);
    assert!(full(&refused), "{refused:?}");
    assert!(bench.effects.commits.is_empty(), "nothing is logged");
    bench.put(Input::StorageFull(false));
    assert_eq!(version(&bench.add(author(1), 7)), 1);
    bench.put(Input::StorageFull(true));
    assert_eq!(version(&bench.add(author(1), 7)), 1, "what was answered is answered again");
    assert!(full(&bench.add(author(1), 8)));
}

#[test]
fn a_whole_object_holds_what_came_behind_it_in_the_same_turn() {
    let mut bench = Bench::new(Found::Nothing);
    bench.add(author(1), 1);
    bench.put(Input::Wanted { names: vec![bench.object.clone().into()] });
    bench.add(author(1), 2);
    let [whole] = &bench.effects.stores[..] else { panic!("one, not {:?}", bench.effects.stores) };
    assert_eq!(decoded(&whole.contents).version(), 2, "the log may be cut behind both");
}

#[test]
fn what_leaves_nothing_behind_is_not_logged() {
    let mut bench = Bench::new(Found::Nothing);
    let ops = vec![Op::Delete { slot: wishes::slot("a") }];
    let (object, conditions) = (bench.object.clone(), Vec::new());
    let write = Write { id: None, object, epoch: None, seen: 0, conditions, ops, at: None };
    bench.put(Input::Write { session: session(), author: author(1), write });
    assert!(bench.effects.commits.is_empty(), "it may die and begin anew, and then the log had two epochs");
    bench.put(Input::Gone { session: session(), objects: vec![bench.object.clone()] });
    bench.put(Input::Tick(bench.now_ms + 1));
    assert_eq!(bench.shard.objects(), 0);
}

#[test]
fn an_object_leaves_memory_when_the_store_has_all_that_it_was_handed() {
    let mut bench = Bench::with(Found::Nothing, 0);
    let object = bench.object.clone();
    bench.add(author(1), 1);
    bench.put(Input::Wanted { names: vec![object.clone().into()] });
    bench.effects.stores.clear();
    bench.add(author(1), 2);
    bench.put(Input::Gone { session: session(), objects: vec![object.clone()] });
    assert_eq!(bench.effects.stores.len(), 1, "it is handed over once more before it goes");
    bench.put(Input::Kept { name: object.clone().into() });
    assert_eq!(bench.shard.objects(), 1, "the store has the first and not the second");
    bench.put(Input::Kept { name: object.into() });
    assert_eq!((bench.shard.objects(), bench.effects.evicted), (0, 1));
}
