//! Group commits of the embedded engine, in turn with the floor of as many bytes.

use super::floor::Row;
use super::objects::{author, batch, commit, object, slot, value};
use serde_json::{Value, json};
use slotcast_bench::histogram::Histogram;
use slotcast_bench::process::Cost;
use slotcast_node::engine::{Batch, Embedded, Engine};
use slotcast_protocol::Limits;
use slotcast_state::Kinds;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const OBJECTS: usize = 1_000;
const SLOTS: usize = 10;
/// Groups that are made beforehand and committed in turn: the engine does not look into them.
const GROUPS: usize = 16;
/// Rounds in which engine and floor alternate.
const ROUNDS: u32 = 4;

/// Groups of so many changes each.
#[derive(clap::Args)]
pub struct Commits {
    /// Where; the store is made and removed.
    #[arg(long)]
    folder: PathBuf,
    /// Changes of a group.
    #[arg(long, value_delimiter = ',', default_value = "1,100,300,3000")]
    changes: Vec<usize>,
    /// Bytes of each value, which makes about 116 bytes of each change.
    #[arg(long, default_value_t = 72)]
    value_bytes: usize,
    /// For so long, engine and floor each.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

impl Commits {
    pub fn run(&self) -> Result<Value, Box<dyn Error>> {
        let rows = self.changes.iter().map(|changes| self.row(*changes));
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into())
    }

    fn row(&self, changes: usize) -> Result<Value, Box<dyn Error>> {
        let folder = self.folder.join("commits");
        let groups = self.groups(changes);
        let bytes = groups.iter().map(Batch::bytes).sum::<usize>() / groups.len();
        let limits = Limits { log_bytes: 1 << 36, ..Limits::default() };
        let mut engine = Embedded::open(&folder, &Kinds::default(), &limits)?;
        let mut row = Row::begin(&self.folder, bytes)?;
        let (mut seen, mut expected) = (Seen::default(), 0);
        let round = Duration::from_secs_f64(self.seconds / f64::from(ROUNDS));
        for _ in 0..ROUNDS {
            row.run(round)?;
            seen.run(&mut engine, &groups, &mut expected, round)?;
        }
        drop(engine);
        remove(&folder)?;
        Ok(json!({
            "changes": changes,
            "bytes_per_change": (bytes as f64 / changes as f64).round(),
            "engine": seen.fields(changes),
            "floor": row.end()?,
        }))
    }

    fn groups(&self, changes: usize) -> Vec<Batch> {
        let (author, value) = (author(0), value(self.value_bytes));
        let objects: Vec<_> = (0..OBJECTS).map(object).collect();
        let one = |number: usize| {
            let (place, round) = (number % OBJECTS, number / OBJECTS);
            commit(&objects[place], round as u64 + 1, slot(round % SLOTS), &value, &author)
        };
        let group = |group: usize| {
            let commits: Vec<_> = (group * changes..(group + 1) * changes).map(one).collect();
            batch(0, &commits, Vec::new())
        };
        (0..GROUPS).map(group).collect()
    }
}

/// What the engine's rounds brought.
#[derive(Default)]
struct Seen {
    groups: Histogram,
    cpu_us: f64,
    seconds: f64,
}

impl Seen {
    fn run(
        &mut self,
        engine: &mut Embedded,
        groups: &[Batch],
        expected: &mut u64,
        time: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let (begun, before) = (Instant::now(), Cost::read(std::process::id())?);
        let mut one = [Batch::default()];
        while begun.elapsed() < time {
            one[0].clone_from(&groups[*expected as usize % groups.len()]);
            one[0].expected = *expected;
            let group = Instant::now();
            engine.commit(&one).map_err(|error| error.to_string())?;
            engine.tidy().map_err(|error| error.to_string())?;
            self.groups.record(group.elapsed().as_micros() as u64);
            *expected += 1;
        }
        self.seconds += begun.elapsed().as_secs_f64();
        self.cpu_us += Cost::read(std::process::id())?.cpu_us_since(&before);
        Ok(())
    }

    fn fields(&self, changes: usize) -> Value {
        let count = self.groups.count() as f64;
        json!({
            "groups": self.groups.count(),
            "groups_per_s": (count / self.seconds).round(),
            "changes_per_s": (count * changes as f64 / self.seconds).round(),
            "cpu_us_per_change": (self.cpu_us / count / changes as f64 * 1000.0).round() / 1000.0,
            "p50_ms": self.groups.quantile_ms(0.5),
            "p99_ms": self.groups.quantile_ms(0.99),
            "max_ms": self.groups.max_us() as f64 / 1000.0,
        })
    }
}

/// The folder of a benchmark's own store.
pub fn remove(folder: &Path) -> std::io::Result<()> {
    if folder.exists() { std::fs::remove_dir_all(folder) } else { Ok(()) }
}
