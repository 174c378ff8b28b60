//! A store that has just been opened to be written: everything is in its tables, and its log begins anew.

use std::path::Path;

use rusqlite::Connection;
use slotcast_protocol::Limits;
use slotcast_state::Kinds;

use super::error::StoreError;
use super::folder::Folder;
use super::log::read::{self, Found};
use super::log::{self, Left, Log};
use super::names::{Names, Sum};
use super::recover::{self, Recovered};
use super::{earlier, schema, tools};

/// bytes; a store up to this size is checked page by page when it is opened. Beyond, the log and the names are, and each object when it is read.
const CHECKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub struct Opened {
    pub connection: Connection,
    pub recovered: Recovered,
    pub log: Log,
    pub names: Names,
    pub sum: Sum,
}

impl Opened {
    /// Opens or makes the store in a folder.
    pub fn open(folder: &Folder, kinds: &Kinds, limits: &Limits) -> Result<Opened, StoreError> {
        refuse_orphans(folder)?;
        let connection = schema::open(&folder.store())?;
        tools::check_pages(&connection, CHECKED_BYTES_MAX)?;
        let found = read(&connection, folder.path())?;
        Opened::fold(connection, folder.path(), found, kinds, limits)
    }

    /// Does again what is only in the log. Sequences go on behind one that no group gets, so that nothing that was half written at the end can be
    /// taken for what comes now.
    pub fn fold(
        connection: Connection,
        folder: &Path,
        found: Found,
        kinds: &Kinds,
        limits: &Limits,
    ) -> Result<Opened, StoreError> {
        let Found { rows, end, left, mended, is_torn } = found;
        mended.iter().for_each(|place| tracing::warn!(place, "a flipped bit in the log was put right"));
        if is_torn {
            tracing::warn!(
                "the last group was not on the disk when the server stopped; it was never acknowledged and is left out"
            );
        }
        let recovered = recover::fold(&connection, &rows, kinds, limits)?;
        let log = Log::begin(folder, &left, end + 1, limits.log_bytes as u64)?;
        let transaction = connection.unchecked_transaction()?;
        if schema::has_log_table(&transaction)? {
            earlier::raise(&transaction)?;
        }
        schema::set_meta(&transaction, [("log_sequence", end + 1)])?;
        transaction.commit()?;
        schema::checkpoint(&connection, "TRUNCATE")?;
        let (names, sum) = Names::read(&connection)?;
        Ok(Opened { connection, recovered, log, names, sum })
    }
}

/// The log of a store as it lies in its folder, or in a table of the store as it did once.
pub fn read(connection: &Connection, folder: &Path) -> Result<Found, StoreError> {
    if schema::has_log_table(connection)? {
        return read_copy(connection, folder);
    }
    read::read(folder, schema::meta(connection, "log_sequence")?)
}

/// The log of a copy: none, as all is whole in it, but for one of a form that has it in a table. It goes on in a folder in which there is none.
pub fn read_copy(connection: &Connection, folder: &Path) -> Result<Found, StoreError> {
    let rows = if schema::has_log_table(connection)? { earlier::read(connection)? } else { Vec::new() };
    let end = rows.last().map_or(schema::meta(connection, "log_sequence")?, |row| row.sequence);
    let free = log::paths(folder)?.into_iter().map(|(number, _)| number).collect();
    Ok(Found { rows, end, left: Left { free, used: Vec::new() }, ..Found::default() })
}

/// A log without its store is no new store.
pub fn refuse_orphans(folder: &Folder) -> Result<(), StoreError> {
    if folder.store().exists() {
        return Ok(());
    }
    let wal = schema::wal(&folder.store());
    let what = if std::fs::metadata(&wal).is_ok_and(|file| file.len() > 0) {
        wal.display().to_string()
    } else if read::has_groups(folder.path())? {
        format!("the log in {}", folder.path().display())
    } else {
        return Ok(());
    };
    Err(StoreError::damaged(format!("{what} is there, and the store is not")))
}
