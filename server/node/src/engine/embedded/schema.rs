//! The tables, the version of their form, and how SQLite is to treat them.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::checksum;
use super::error::StoreError;

/// "Slot" in ASCII; tells a store from other SQLite files.
const APPLICATION_ID: i64 = 0x536c_6f74;

/// The form that this version writes. Form 1 has objects alone, form 2 has users and no rosters, and up to form 3 the log is a table: they are read, and
/// raised when they are opened to be written.
pub const FORM: i64 = 4;
const FORM_OLDEST: i64 = 1;
const FORM_OF_FILES: i64 = 4;

/// `docs/store.md` explains them.
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE object (name TEXT PRIMARY KEY, sequence INTEGER NOT NULL, contents BLOB NOT NULL,
                         checksum INTEGER NOT NULL);
    INSERT INTO meta VALUES ('log_sequence', 0), ('names', 0), ('names_sum', 0), ('checksum', 0);
";

/// Of the forms before files.
const LOG_TABLE: &str = "
    CREATE TABLE log (sequence INTEGER PRIMARY KEY, shard INTEGER NOT NULL, commits BLOB NOT NULL,
                      checksum INTEGER NOT NULL)";

/// For the one who writes; makes the store if there is none.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let fresh = !path.exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    leave_log_on_close(&connection)?;
    if fresh || is_empty(&connection)? {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        create(&connection)?;
        checkpoint(&connection, "TRUNCATE")?;
    }
    check_form(&connection, path)?;
    if !is_store(&connection)? {
        return Err(StoreError::NoStore(format!(
            "{} is a copy that `slotcast backup` made, and no store: `slotcast restore` makes a store of it, in which \
             every object begins a new epoch",
            path.display()
        )));
    }
    if connection.is_readonly("main")? {
        let path = path.display();
        return Err(StoreError::Failed(format!(
            "{path} can only be read: its head is damaged, or nobody may write it"
        )));
    }
    // What was committed is in our log until it has been brought into the store, which is synced then. SQLite's own log is emptied by
    // us, between two groups.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    tune(&connection)?;
    Ok(connection)
}

/// Or a copy of one, which has no log.
pub fn is_store(connection: &Connection) -> Result<bool, StoreError> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode == "wal")
}

/// Whether its log is a table of its own, as it was before it lay in files.
pub fn has_log_table(connection: &Connection) -> Result<bool, StoreError> {
    let form: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(form < FORM_OF_FILES)
}

/// A new copy without anything in it, synced by no one yet.
pub fn create_copy(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    tune(&connection)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    create(&connection)?;
    Ok(connection)
}

/// For the one who brings SQLite's log into the store while another connection writes.
pub fn open_to_settle(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    leave_log_on_close(&connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// For those who only look; another process may be writing.
pub fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::NoStore(format!("there is no store at {}", path.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    leave_log_on_close(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    tune(&connection)?;
    // As they are at one moment, while the server may be changing them.
    let moment = connection.unchecked_transaction()?;
    check_form(&moment, path)?;
    moment.commit()?;
    Ok(connection)
}

/// For a copy that no one else knows of.
pub fn open_copy(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    tune(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    check_form(&connection, path)?;
    Ok(connection)
}

fn tune(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

/// SQLite would bring its log into the store when the last connection closes, even after an fdatasync of it has failed, and whoever only
/// looks would write.
fn leave_log_on_close(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// As a crash may leave it before its tables were made. A store that has lost its list of tables has more pages than one.
fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(tables == 0 && pages <= 1)
}

fn create(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES}"))?;
    set_meta(connection, [])?;
    connection.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORM}; COMMIT;"
    ))?;
    Ok(())
}

fn check_form(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let path = path.display();
    if number("application_id")? != APPLICATION_ID {
        return Err(StoreError::NoStore(format!("{path} is an SQLite file, but no store of slotcast")));
    }
    match number("user_version")? {
        FORM_OLDEST..=FORM => {}
        newer if newer > FORM => {
            return Err(StoreError::Newer(format!(
                "{path} has the form {newer} of a later version of slotcast; this one reads up to {FORM}. \
                 Nothing was changed: start the later version, or restore a backup that this one made"
            )));
        }
        other => return Err(StoreError::damaged(format!("{path} has the form {other}, which never was"))),
    }
    check_tables(connection)?;
    check_meta(connection)
}

/// Brings SQLite's log into the store; whether all of it could be.
pub fn checkpoint(connection: &Connection, mode: &str) -> Result<bool, StoreError> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let (busy, log, done) = connection.query_row(&sql, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    Ok(busy == 0 && log == done)
}

/// SQLite's own log beside the store.
pub fn wal(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// All that was committed is on the disk when this returns: in the store, or, while someone reads an older state of it, in SQLite's log.
pub fn settle(connection: &Connection, store: &Path) -> Result<(), StoreError> {
    if checkpoint(connection, "PASSIVE")? {
        return Ok(());
    }
    let wal = wal(store);
    let synced = File::open(&wal).and_then(|file| file.sync_data());
    synced.map_err(|error| StoreError::io(&wal, &error))
}

/// A number of the store's own.
pub fn meta(connection: &Connection, key: &str) -> Result<u64, StoreError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    let value = connection.query_row(sql, [key], |row| row.get::<_, i64>(0)).optional()?;
    value.map(|value| value as u64).ok_or_else(|| StoreError::damaged(format!("`{key}` is missing in meta")))
}

/// Sets some of them, and the checksum over all.
pub fn set_meta<const N: usize>(connection: &Connection, values: [(&str, u64); N]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")?;
    for (key, value) in values {
        statement.execute((key, value as i64))?;
    }
    statement.execute(("checksum", meta_checksum(connection)?))?;
    Ok(())
}

/// They are as they were made.
fn check_tables(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let tables = statement.query_map([], |row| row.get::<_, String>(0))?;
    let tables: Vec<String> = tables.collect::<Result<_, _>>().map_err(StoreError::damaged)?;
    let wanted = if has_log_table(connection)? { [TABLES, LOG_TABLE].concat() } else { TABLES.to_owned() };
    let count = wanted.matches("CREATE TABLE").count();
    if tables.len() != count || !tables.iter().all(|table| wanted.contains(table)) {
        return Err(StoreError::damaged("its tables are not those of its form"));
    }
    Ok(())
}

/// What they count from must be right before anything is counted.
fn check_meta(connection: &Connection) -> Result<(), StoreError> {
    if u64::from(meta_checksum(connection)?) != meta(connection, "checksum")? {
        return Err(StoreError::damaged("the numbers in meta fail their checksum"));
    }
    Ok(())
}

fn meta_checksum(connection: &Connection) -> Result<u32, StoreError> {
    let sql = "SELECT key, value FROM meta WHERE key <> 'checksum' ORDER BY key";
    let mut statement = connection.prepare_cached(sql)?;
    let numbers =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(checksum::meta(&numbers.collect::<Result<Vec<_>, _>>()?))
}
