//! What stores of the forms 1 to 3 have and later ones have not: their log is a table. It is read, and the store raised when it is opened to be written.

use rusqlite::Connection;

use super::error::StoreError;
use super::log::read::LogRow;
use super::{checksum, schema};

/// Reads the whole log and holds every row against the one before it.
pub fn read(connection: &Connection) -> Result<Vec<LogRow>, StoreError> {
    let mut before = schema::meta(connection, "log_sequence")?;
    let mut before_checksum = schema::meta(connection, "log_checksum")? as u32;
    let mut statement =
        connection.prepare("SELECT sequence, shard, commits, checksum FROM log ORDER BY sequence")?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let (sequence, shard) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)?);
        if sequence != before + 1 {
            return Err(StoreError::damaged(format!("row {} of the log is missing", before + 1)));
        }
        let commits = row.get_ref(2)?.as_blob().map_err(StoreError::damaged)?.to_vec();
        let checksum = checksum::log_row(before_checksum, sequence, shard as u16, &commits);
        if i64::from(checksum) != row.get::<_, i64>(3)? || !(0..=i64::from(u16::MAX)).contains(&shard) {
            return Err(StoreError::damaged(format!("row {sequence} of the log fails its checksum")));
        }
        (before, before_checksum) = (sequence, checksum);
        rows.push(LogRow { sequence, commits });
    }
    Ok(rows)
}

/// Makes a store of the present form of one whose log has been folded.
pub fn raise(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("DROP TABLE log; DELETE FROM meta WHERE key = 'log_checksum';")?;
    connection.pragma_update(None, "user_version", schema::FORM)?;
    Ok(())
}
