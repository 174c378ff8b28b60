//! What the disk alone costs: append, fdatasync, again.

use serde_json::{Value, json};
use slotcast_bench::histogram::Histogram;
use slotcast_bench::process::Cost;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A row of appended groups.
#[derive(clap::Args)]
pub struct Floor {
    /// Where; the file is made and removed.
    #[arg(long)]
    folder: PathBuf,
    /// Bytes of each group.
    #[arg(long, default_value_t = 11_600)]
    bytes: usize,
    /// For so long.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

impl Floor {
    pub fn run(&self) -> io::Result<Value> {
        std::fs::create_dir_all(&self.folder)?;
        let mut row = Row::begin(&self.folder, self.bytes)?;
        row.run(Duration::from_secs_f64(self.seconds))?;
        row.end()
    }
}

/// A file that grows.
pub struct Row {
    file: File,
    path: PathBuf,
    group: Vec<u8>,
    /// The fdatasync alone.
    syncs: Histogram,
    /// Append and fdatasync.
    groups: Histogram,
    seconds: f64,
    cpu_us: f64,
}

impl Row {
    pub fn begin(folder: &Path, bytes: usize) -> io::Result<Row> {
        let path = folder.join("floor");
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path)?;
        let group = (0..bytes).map(|byte| byte as u8).collect();
        let (syncs, groups) = (Histogram::default(), Histogram::default());
        Ok(Row { file, path, group, syncs, groups, seconds: 0.0, cpu_us: 0.0 })
    }

    pub fn run(&mut self, time: Duration) -> io::Result<()> {
        let (begun, before) = (Instant::now(), Cost::read(std::process::id())?);
        while begun.elapsed() < time {
            let group = Instant::now();
            self.file.write_all(&self.group)?;
            let sync = Instant::now();
            self.file.sync_data()?;
            self.syncs.record(sync.elapsed().as_micros() as u64);
            self.groups.record(group.elapsed().as_micros() as u64);
        }
        self.cpu_us += Cost::read(std::process::id())?.cpu_us_since(&before);
        self.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }

    pub fn end(self) -> io::Result<Value> {
        std::fs::remove_file(&self.path)?;
        Ok(json!({
            "bytes": self.group.len(),
            "groups": self.groups.count(),
            "groups_per_s": (self.groups.count() as f64 / self.seconds).round(),
            "cpu_us_per_group": (self.cpu_us / self.groups.count() as f64).round(),
            "p50_ms": self.groups.quantile_ms(0.5),
            "p99_ms": self.groups.quantile_ms(0.99),
            "sync_p50_ms": self.syncs.quantile_ms(0.5),
            "sync_p99_ms": self.syncs.quantile_ms(0.99),
        }))
    }
}
