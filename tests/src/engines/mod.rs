//! Engines under test: each kind of them with its way to come back after a stop, and wrappers that fail and crash.

pub mod crashing;
pub mod failing;
pub mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use slotcast_node::engine::{Batch, CommitError, Embedded, Engine, Kept, MemoryEngine, Reader};
use slotcast_protocol::Limits;
use slotcast_state::{Kinds, Name};

use crate::real::folder::TempFolder;
use crashing::Crashing;
use failing::Failing;
use work::Work;

/// How one comes back.
pub type Reopen = Box<dyn FnMut(Box<dyn Engine>) -> Box<dyn Engine> + Send>;

/// An engine, and its only owner.
pub struct Subject {
    pub name: &'static str,
    engine: Option<Box<dyn Engine>>,
    reopen: Reopen,
    expected: BTreeMap<u16, u64>,
    /// So often a group was put again because there was no room.
    pub again: u64,
}

/// All of them, fresh. Their logs are long from `log_bytes` on.
pub fn all(log_bytes: usize) -> Vec<Subject> {
    let crashing = |(engine, reopen): (Box<dyn Engine>, Reopen), crash: Reopen| {
        (Box::new(Crashing::new(engine, crash)) as Box<dyn Engine>, reopen)
    };
    let failing = |(engine, reopen): (Box<dyn Engine>, Reopen)| {
        let engine: Box<dyn Engine> = Box::new(Failing::now_and_then(engine));
        let reopen: Reopen = {
            let mut reopen = reopen;
            Box::new(move |engine| Box::new(Failing::now_and_then(reopen(engine))))
        };
        (engine, reopen)
    };
    let (folder, crash_folder) = (TempFolder::quick("engine"), Arc::new(TempFolder::quick("engine")));
    let crashed = (open(&crash_folder.join("0"), log_bytes), crash(crash_folder.clone(), log_bytes));
    vec![
        Subject::new("memory", memory()),
        Subject::new("embedded", embedded(folder, log_bytes)),
        Subject::new("memory, failing", failing(memory())),
        Subject::new("embedded, failing", failing(embedded(TempFolder::quick("engine"), log_bytes))),
        Subject::new("embedded, crashing", crashing(crashed, crash(crash_folder, log_bytes))),
    ]
}

fn memory() -> (Box<dyn Engine>, Reopen) {
    let engine = MemoryEngine::new(Arc::new(Kinds::default()));
    let mut latest = engine.reopened();
    let reopen = move |before: Box<dyn Engine>| -> Box<dyn Engine> {
        drop(before);
        let next = latest.reopened();
        latest = next.reopened();
        Box::new(next)
    };
    (Box::new(engine), Box::new(reopen))
}

fn embedded(folder: TempFolder, log_bytes: usize) -> (Box<dyn Engine>, Reopen) {
    let engine = open(folder.path(), log_bytes);
    let reopen = move |before: Box<dyn Engine>| {
        drop(before);
        open(folder.path(), log_bytes)
    };
    (engine, Box::new(reopen))
}

/// What kill -9 leaves of an embedded one, opened: its folder as it is while it is open.
fn crash(folder: Arc<TempFolder>, log_bytes: usize) -> Reopen {
    Box::new(move |before| {
        let newest = newest(folder.path());
        let next = folder.join((newest + 1).to_string());
        copy_folder(&folder.join(newest.to_string()), &next);
        drop(before);
        std::fs::remove_dir_all(folder.join(newest.to_string())).expect("it was made here");
        open(&next, log_bytes)
    })
}

fn newest(folder: &Path) -> u64 {
    let names = std::fs::read_dir(folder).expect("it is there").flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).max().expect("one is there")
}

/// The store and its logs, as they are at the moment.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the temporary folder can be written to");
    for name in stored_in(from) {
        std::fs::copy(from.join(&name), to.join(name)).expect("the temporary folder has room");
    }
}

/// The files of a data folder in which something is kept, by name.
pub fn stored_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it is there").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("a name in ASCII"));
    let is_kept = |name: &String| {
        matches!(name.as_str(), "slotcast.db" | "slotcast.db-wal") || name.starts_with("log-")
    };
    let mut names: Vec<String> = names.filter(is_kept).collect();
    names.sort_by_key(|name| (!name.starts_with("slotcast"), name.clone()));
    names
}

/// What the tests open a folder with.
pub fn limits(log_bytes: usize) -> Limits {
    Limits { log_bytes, ..Limits::default() }
}

fn open(folder: &Path, log_bytes: usize) -> Box<dyn Engine> {
    let opened = Embedded::open(folder, &Kinds::default(), &limits(log_bytes));
    Box::new(opened.unwrap_or_else(|error| panic!("{}: {error}", folder.display())))
}

impl Subject {
    fn new(name: &'static str, (engine, reopen): (Box<dyn Engine>, Reopen)) -> Subject {
        Subject { name, engine: Some(engine), reopen, expected: BTreeMap::new(), again: 0 }
    }

    pub fn engine(&mut self) -> &mut dyn Engine {
        self.engine.as_deref_mut().expect("it is there between two calls")
    }

    /// A stop and a new start.
    pub fn reopen(&mut self) {
        let before = self.engine.take().expect("it is there between two calls");
        self.engine = Some((self.reopen)(before));
        self.expected.clear();
    }

    /// As the committer does it: a group that does not fit is put again.
    pub fn put(&mut self, works: &[Work]) -> Result<(), CommitError> {
        let mut expected = self.expected.clone();
        let mut batch = |work: &Work| {
            let position = expected.entry(work.shard).or_default();
            *position += 1;
            work.batch(*position - 1)
        };
        let group: Vec<Batch> = works.iter().map(&mut batch).collect();
        while let Err(error) = self.engine().commit(&group) {
            let CommitError::Full(_) = error else { return Err(error) };
            self.engine().give_up_reserve();
            self.again += 1;
        }
        self.expected = expected;
        Ok(())
    }

    /// An object or user as it is stored; a read that fails is tried again, as a client would.
    pub fn load(&mut self, name: &Name) -> Option<Kept> {
        let mut reader: Box<dyn Reader> = self.engine().reader().expect("it can be read");
        let first = reader.load(name);
        first.or_else(|_| reader.load(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn has(&mut self, name: &Name) -> bool {
        self.engine().index().has(name)
    }
}
