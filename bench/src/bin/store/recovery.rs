//! A store of many slots, part of them only in its log, and what it takes to open it.

use super::objects::{author, batch, commit, object, slot, stored, value};
use serde_json::{Value, json};
use slotcast_node::engine::{Batch, Embedded, Engine};
use slotcast_protocol::Limits;
use slotcast_state::{Commit, Kinds};
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

/// Objects, or commits, of one group.
const GROUP: usize = 1_000;

/// What is to be in the store.
#[derive(clap::Args)]
pub struct Fill {
    /// The store's folder; it must not be there.
    #[arg(long)]
    folder: PathBuf,
    /// Objects.
    #[arg(long, default_value_t = 1_000_000)]
    objects: usize,
    /// Slots of each.
    #[arg(long, default_value_t = 1)]
    slots: usize,
    /// Objects that have one change more than the store has of them whole.
    #[arg(long, default_value_t = 300_000)]
    in_log: usize,
    /// Bytes of each value.
    #[arg(long, default_value_t = 34)]
    value_bytes: usize,
}

/// A store to be opened.
#[derive(clap::Args)]
pub struct Open {
    /// The store's folder.
    #[arg(long)]
    folder: PathBuf,
}

impl Fill {
    pub fn run(&self) -> Result<Value, Box<dyn Error>> {
        let (author, value) = (author(0), value(self.value_bytes));
        let limits = Limits { log_bytes: 1 << 36, ..Limits::default() };
        let begun = Instant::now();
        let mut engine = Embedded::open(&self.folder, &Kinds::default(), &limits)?;
        let mut expected = 0;
        let mut keep = |batch: Batch| {
            expected += 1;
            engine.commit(&[batch]).and_then(|()| engine.tidy()).map_err(|error| error.to_string())
        };
        let mut commits = 0;
        for first in (0..self.objects).step_by(GROUP) {
            let group = first..(first + GROUP).min(self.objects);
            let stores = group.map(|number| stored(&object(number), self.slots, &value, &author)).collect();
            keep(batch(commits, &[], stores))?;
            commits += 1;
        }
        for first in (0..self.in_log).step_by(GROUP) {
            let group = first..(first + GROUP).min(self.in_log);
            let version = self.slots as u64 + 1;
            let one = |number: usize| commit(&object(number), version, slot(0), &value, &author);
            let group: Vec<Commit> = group.map(one).collect();
            keep(batch(commits, &group, Vec::new()))?;
            commits += 1;
        }
        let size = engine.size();
        // As after a kill: nothing is brought from SQLite's log into the store, nothing is closed.
        std::mem::forget(engine);
        Ok(json!({
            "objects": size.names,
            "slots": self.objects * self.slots,
            "log_bytes": size.log_bytes,
            "seconds": begun.elapsed().as_secs_f64(),
        }))
    }
}

impl Open {
    pub fn run(&self) -> Result<Value, Box<dyn Error>> {
        let begun = Instant::now();
        let engine = Embedded::open(&self.folder, &Kinds::default(), &Limits::default())?;
        let seconds = begun.elapsed().as_secs_f64();
        let status = std::fs::read_to_string("/proc/self/status")?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        Ok(json!({
            "seconds": seconds,
            "objects": engine.size().names,
            "groups": engine.recovered.groups,
            "commits": engine.recovered.commits,
            "objects_from_log": engine.recovered.names,
            "rss_kib": kib("VmRSS:"),
            "rss_kib_peak": kib("VmHWM:"),
        }))
    }
}
