//! The store of one machine: an SQLite file in a data folder. Commits go into a log, one row per batch, one transaction and one
//! fdatasync per group; objects are written whole when the log grows long or memory is short, and the log behind them is deleted.
//!
//! `docs/store.md` draws tables, rows and bytes.

mod checksum;
mod error;
mod folder;
mod log;
mod names;
mod objects;
mod reader;
mod recover;
mod schema;
pub mod tools;
mod wal;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use slotcast_protocol::Limits;
use slotcast_state::{Kinds, Name};

pub use error::StoreError;
pub use folder::STORE;
pub use recover::Recovered;

use super::{Batch, CommitError, Engine, Index, LoadError, Positions, Reader, Size};
use folder::Folder;
use log::{End, Needs};
use names::{Names, Sum};

/// bytes; a page of SQLite's own log beside the store
const WAL_PAGE_BYTES: u64 = 4_096;

/// bytes of that log before it is brought into the store. Everyone waits while that happens: at 16 MiB for 30 ms, now for 4 ms, and it costs
/// no more in all. A log that stays short also lies on room that the disk has given already, and syncs faster.
const WAL_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// bytes; a store up to this size is checked page by page when it is opened. Beyond, the log and the names are, and each object when it is read.
const CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// See the module's text.
pub struct Embedded {
    connection: Connection,
    folder: Folder,
    names: Arc<Names>,
    sum: Sum,
    end: End,
    needs: Needs,
    positions: Positions,
    log_bytes_max: u64,
    /// What was found when it was opened.
    pub recovered: Recovered,
}

impl Embedded {
    /// Opens or makes the store in a folder: checks it, and does again what is only in its log.
    pub fn open(path: &Path, kinds: &Kinds, limits: &Limits) -> Result<Embedded, StoreError> {
        let folder = Folder::claim(path)?;
        match Embedded::open_store(&folder, kinds, limits) {
            Err(StoreError::Full(_)) => {
                folder.give_up_reserve();
                Embedded::open_store(&folder, kinds, limits)
            }
            opened => opened,
        }
        .map(|opened| opened.into_engine(folder, limits))
    }

    fn open_store(folder: &Folder, kinds: &Kinds, limits: &Limits) -> Result<Opened, StoreError> {
        let path = folder.store();
        wal::check(&path)?;
        let connection = schema::open(&path)?;
        tools::check_pages(&connection, CHECKED_BYTES_MAX)?;
        let (recovered, end) = recover::recover(&connection, kinds, limits)?;
        schema::checkpoint(&connection, "TRUNCATE")?;
        let (names, sum) = Names::read(&connection)?;
        Ok(Opened { connection, recovered, end, names, sum })
    }

    /// In one transaction, which is on the disk when this returns.
    fn write(&mut self, group: &[Batch]) -> Result<Written, StoreError> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut written = Written { end: self.end, sum: self.sum, ends: Vec::new(), freed: None };
        let mut fresh = BTreeSet::new();
        for batch in group {
            if !batch.commits.is_empty() {
                written.end.append(&transaction, batch.shard, &batch.commits)?;
            }
            written.ends.push(written.end);
            for stored in &batch.stores {
                let name = stored.name.to_string();
                if !self.names.has(&stored.name) && fresh.insert(&stored.name) {
                    written.sum.add(&name);
                }
                objects::write(&transaction, &name, written.end.sequence, &stored.contents)?;
            }
        }
        if written.sum != self.sum {
            written.sum.store(&transaction)?;
        }
        let bytes = group.iter().map(|batch| batch.commits.len() as u64).sum();
        if let Some(up_to) = self.needs.free(bytes) {
            up_to.cut(&transaction)?;
            written.freed = Some(up_to);
        }
        transaction.commit()?;
        Ok(written)
    }

    fn count(&mut self, group: &[Batch], written: &Written) {
        (self.end, self.sum) = (written.end, written.sum);
        for (batch, end) in group.iter().zip(&written.ends) {
            if !batch.commits.is_empty() {
                self.needs.appended(*end, batch.commits.len() as u64, &batch.names);
            }
            for stored in &batch.stores {
                self.names.insert(&stored.name);
                self.needs.stored(&stored.name);
            }
        }
        if let Some(up_to) = written.freed {
            self.needs.freed(up_to);
        }
    }

    /// Brings SQLite's log into the store when it has grown long. What is committed is safe before and after.
    fn shorten_wal(&mut self) -> Result<(), StoreError> {
        let mut look = self.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
        let pages = look.query_row([], |row| row.get::<_, i64>(1))?;
        if pages as u64 * WAL_PAGE_BYTES >= WAL_BYTES_MAX.min(self.log_bytes_max / 4) {
            schema::checkpoint(&self.connection, "PASSIVE")?;
        }
        Ok(())
    }
}

/// A stop that was asked for leaves one file; after any other the next start finds all that it needs beside it.
impl Drop for Embedded {
    fn drop(&mut self) {
        if let Err(error) = schema::checkpoint(&self.connection, "TRUNCATE") {
            tracing::debug!(%error, "the store's log stays beside it");
        }
    }
}

/// A store whose log is empty.
struct Opened {
    connection: Connection,
    recovered: Recovered,
    end: End,
    names: Names,
    sum: Sum,
}

impl Opened {
    fn into_engine(self, folder: Folder, limits: &Limits) -> Embedded {
        let Opened { connection, recovered, end, names, sum } = self;
        Embedded {
            connection,
            folder,
            names: Arc::new(names),
            sum,
            end,
            needs: Needs::default(),
            positions: Positions::default(),
            log_bytes_max: limits.log_bytes as u64,
            recovered,
        }
    }
}

/// What a transaction did.
struct Written {
    end: End,
    sum: Sum,
    /// The last row of the log after each batch.
    ends: Vec<End>,
    freed: Option<End>,
}

impl Engine for Embedded {
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        let mut positions = self.positions.clone();
        positions.follow(group)?;
        let written = self.write(group).map_err(commit_error)?;
        self.count(group, &written);
        self.positions = positions;
        Ok(())
    }

    fn tidy(&mut self) -> Result<Vec<Name>, CommitError> {
        self.shorten_wal().map_err(commit_error)?;
        Ok(self.needs.wanted(self.log_bytes_max))
    }

    fn give_up_reserve(&mut self) {
        self.folder.give_up_reserve();
    }

    fn reserve(&mut self) -> bool {
        self.folder.reserve()
    }

    fn index(&self) -> Arc<dyn Index> {
        self.names.clone()
    }

    fn reader(&self) -> Result<Box<dyn Reader>, LoadError> {
        let reader = reader::EmbeddedReader::open(&self.folder.store(), self.names.clone());
        reader
            .map(|reader| Box::new(reader) as Box<dyn Reader>)
            .map_err(|error| LoadError::Failed(error.to_string()))
    }

    fn size(&self) -> Size {
        Size { names: self.sum.names, log_bytes: self.needs.bytes() }
    }
}

impl Index for Names {
    fn has(&self, name: &Name) -> bool {
        Names::has(self, name)
    }
}

fn commit_error(error: StoreError) -> CommitError {
    match error {
        StoreError::Full(why) => CommitError::Full(why),
        other => CommitError::Failed(other.to_string()),
    }
}
