//! The store of one machine. Commits go into a log of our own, one frame and one fdatasync a group; objects are written whole into an SQLite file
//! beside it when the log grows long or memory is short, and the log behind them is used again.
//!
//! `docs/store.md` draws files, tables, rows and bytes.

mod checksum;
mod earlier;
mod error;
mod folder;
mod log;
mod moment;
mod names;
mod needs;
mod objects;
mod opened;
mod reader;
mod recover;
mod schema;
#[cfg(test)]
mod scratch;
mod settler;
#[cfg(test)]
mod tests;
pub mod tools;

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
use log::Log;
use names::{Names, Sum};
use needs::Needs;
use opened::Opened;
use settler::Settler;

/// bytes; a page of SQLite's own log beside the store
const WAL_PAGE_BYTES: u64 = 4_096;

/// bytes of that log that are not yet in the store before they are brought there. The disk has one queue: with 2 MiB, four times a second under load, the
/// groups beside it were one in a hundred.
const WAL_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// bytes of that log, as long as more comes while it is brought into the store, before everyone waits for the rest, so that it begins anew
const WAL_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// files of the log, of sixteen, that are given up at a time, as the store is synced before that
const FILES_AT_A_TIME: usize = 4;

/// So many times its length the log may have while someone reads it; then it goes on without them, and they begin again.
const HELD_TIMES_MAX: u64 = 4;

/// See the module's text.
pub struct Embedded {
    connection: Connection,
    folder: Folder,
    names: Arc<Names>,
    sum: Sum,
    log: Log,
    needs: Needs,
    positions: Positions,
    log_bytes_max: u64,
    settler: Settler,
    /// Something is being brought to the disk: then the log up to here is needed no more.
    settling: Option<u64>,
    /// Up to here it is needed no more.
    settled: u64,
    /// SQLite's log has grown since it was looked at.
    has_stored: bool,
    /// There was no room for the whole objects of a group whose commits are in the log. It comes again.
    is_logged: bool,
    /// What was found when it was opened.
    pub recovered: Recovered,
}

impl Embedded {
    /// Opens or makes the store in a folder: checks it, and does again what is only in its log.
    pub fn open(path: &Path, kinds: &Kinds, limits: &Limits) -> Result<Embedded, StoreError> {
        let folder = Folder::claim(path)?;
        let opened = match Opened::open(&folder, kinds, limits) {
            Err(StoreError::Full(_)) => {
                folder.give_up_reserve();
                Opened::open(&folder, kinds, limits)
            }
            opened => opened,
        };
        let Opened { connection, recovered, log, names, sum } = opened?;
        let settler = Settler::start(&folder.store())?;
        Ok(Embedded {
            connection,
            folder,
            names: Arc::new(names),
            sum,
            log,
            needs: Needs::default(),
            positions: Positions::default(),
            log_bytes_max: limits.log_bytes as u64,
            settler,
            settling: None,
            settled: 0,
            has_stored: false,
            is_logged: false,
            recovered,
        })
    }

    /// The commits, which are on the disk when this returns.
    fn log(&mut self, group: &[Batch]) -> Result<(), StoreError> {
        if group.iter().all(|batch| batch.commits.is_empty()) {
            return Ok(());
        }
        let bytes = self.log.append(group)?;
        let sequence = self.log.sequence();
        self.needs.appended(sequence, bytes);
        group.iter().flat_map(|batch| &batch.names).for_each(|name| self.needs.needed(sequence, name));
        Ok(())
    }

    /// The whole objects, which can be read when this returns. They need not be on the disk: the log has them until they are.
    fn store(&mut self, group: &[Batch]) -> Result<(), StoreError> {
        if group.iter().all(|batch| batch.stores.is_empty()) {
            return Ok(());
        }
        let transaction = self.connection.unchecked_transaction()?;
        let (mut sum, mut fresh) = (self.sum, BTreeSet::new());
        for stored in group.iter().flat_map(|batch| &batch.stores) {
            let name = stored.name.to_string();
            if !self.names.has(&stored.name) && fresh.insert(&stored.name) {
                sum.add(&name);
            }
            objects::write(&transaction, &name, self.log.sequence(), &stored.contents)?;
        }
        if sum != self.sum {
            sum.store(&transaction)?;
        }
        transaction.commit()?;
        (self.sum, self.has_stored) = (sum, true);
        for stored in group.iter().flat_map(|batch| &batch.stores) {
            self.names.insert(&stored.name);
            self.needs.stored(&stored.name);
        }
        Ok(())
    }

    /// Gives up files of the log that nobody needs, once all that was in them is on the disk elsewhere, and brings SQLite's log into the store when
    /// it has grown long. No one waits for that but those who would make the log too long.
    fn shorten(&mut self) -> Result<(), StoreError> {
        self.cut();
        let Some(border) = self.settling else { return self.begin_to_settle() };
        let outcome = self.settler.is_done(self.needs.bytes() > self.log_bytes_max);
        if matches!(outcome, Ok(false)) {
            return Ok(());
        }
        self.settling = None;
        outcome?;
        self.settled = border;
        self.cut();
        let (bytes, unsettled) = self.wal()?;
        if bytes >= WAL_FILE_BYTES_MAX && unsettled > 0 {
            schema::checkpoint(&self.connection, "PASSIVE")?;
        }
        Ok(())
    }

    /// Unless someone reads the log: whoever begins to from now on needs nothing of that.
    fn cut(&mut self) {
        if !self.log.begins_before(self.settled) {
            return;
        }
        let claim = self.folder.claim_log();
        if claim.is_some() || self.needs.bytes() > self.log_bytes_max * HELD_TIMES_MAX {
            self.log.cut(self.settled);
            self.needs.freed(self.settled);
        }
    }

    fn begin_to_settle(&mut self) -> Result<(), StoreError> {
        let (border, files) = self.log.border(self.settled, self.needs.needless());
        let cuts = files >= FILES_AT_A_TIME;
        if cuts {
            let transaction = self.connection.unchecked_transaction()?;
            schema::set_meta(&transaction, [("log_sequence", border)])?;
            transaction.commit()?;
        } else if !std::mem::take(&mut self.has_stored)
            || self.wal()?.1 < WAL_BYTES_MAX.min(self.log_bytes_max / 4)
        {
            return Ok(());
        }
        self.settler.begin()?;
        self.settling = Some(if cuts { border } else { self.settled });
        Ok(())
    }

    /// Bytes of SQLite's log, and how many of them are not yet in the store.
    fn wal(&self) -> Result<(u64, u64), StoreError> {
        let mut look = self.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
        let (pages, settled) =
            look.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        Ok((pages as u64 * WAL_PAGE_BYTES, (pages - settled) as u64 * WAL_PAGE_BYTES))
    }
}

/// After a stop that was asked for SQLite's log is empty; after any other the next start finds all that it needs.
impl Drop for Embedded {
    fn drop(&mut self) {
        if self.settling.take().is_some()
            && let Err(error) = self.settler.is_done(true)
        {
            tracing::error!(%error, "the store could not be settled");
            return;
        }
        if let Err(error) = schema::checkpoint(&self.connection, "TRUNCATE") {
            tracing::debug!(%error, "SQLite's log stays beside the store");
        }
    }
}

impl Engine for Embedded {
    fn commit(&mut self, group: &[Batch]) -> Result<(), CommitError> {
        let mut positions = self.positions.clone();
        positions.follow(group)?;
        if !self.is_logged {
            self.log(group).map_err(commit_error)?;
        }
        self.is_logged = true;
        self.store(group).map_err(commit_error)?;
        self.is_logged = false;
        self.positions = positions;
        Ok(())
    }

    fn tidy(&mut self) -> Result<Vec<Name>, CommitError> {
        self.shorten().map_err(commit_error)?;
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
