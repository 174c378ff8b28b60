//! The rows of whole objects and users.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension};
use slotcast_state::Name;

use super::checksum;
use super::error::StoreError;
use crate::engine::Kept;

/// An object or user as it is stored, checked.
pub struct Row {
    /// The log row up to which everything is in it.
    pub sequence: u64,
    pub kept: Kept,
}

/// Reads one; None if there is none.
pub fn read(connection: &Connection, name: &Name) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT sequence, contents, checksum FROM object WHERE name = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let text = name.to_string();
    let found = statement.query_row([&text], |row| {
        let (sequence, checksum) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(2)?);
        Ok(check(&text, sequence, row.get_ref(1)?.as_blob()?, checksum))
    });
    found.optional()?.transpose()
}

/// The row's contents, if they are what was written.
pub fn check(name: &str, sequence: u64, contents: &[u8], checksum: i64) -> Result<Row, StoreError> {
    if i64::from(checksum::object_row(name, sequence, contents)) != checksum {
        return Err(StoreError::damaged(format!("{} fails its checksum", who(name))));
    }
    match Name::parse(name).and_then(|name| Kept::decode(&name, contents)) {
        Ok(kept) => Ok(Row { sequence, kept }),
        Err(fault) => Err(StoreError::damaged(format!("{} cannot be read: {fault}", who(name)))),
    }
}

/// As the operator reads it.
pub fn who(name: &str) -> String {
    if name.starts_with('@') { format!("the user {name}") } else { format!("the object {name}") }
}

/// Writes one, in place of what was there.
pub fn write(connection: &Connection, name: &str, sequence: u64, contents: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT INTO object (name, sequence, contents, checksum) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (name) DO UPDATE SET sequence = ?2, contents = ?3, checksum = ?4";
    let checksum = checksum::object_row(name, sequence, contents);
    connection.prepare_cached(sql)?.execute((name, sequence as i64, contents, checksum))?;
    Ok(())
}

/// Puts all rows into an empty store as they are, right or wrong.
pub fn copy(from: &Connection, to: &Connection) -> Result<(), StoreError> {
    let mut read = from.prepare("SELECT name, sequence, contents, checksum FROM object ORDER BY name")?;
    let mut put =
        to.prepare("INSERT INTO object (name, sequence, contents, checksum) VALUES (?1, ?2, ?3, ?4)")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let column = |place| row.get_ref(place).map(ToSqlOutput::Borrowed);
        put.execute((column(0)?, column(1)?, column(2)?, column(3)?))?;
    }
    Ok(())
}

/// rows that are rewritten at a time
const SOME: i64 = 256;

/// Every row in the order of the names.
pub fn each(
    connection: &Connection,
    visit: impl FnMut(&str, Result<Row, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    rows(connection, "", -1, visit)
}

/// The next rows behind a name.
pub fn some_after(
    connection: &Connection,
    name: &str,
    visit: impl FnMut(&str, Result<Row, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    rows(connection, name, SOME, visit)
}

/// At most `count` rows behind a name; all if it is negative.
fn rows(
    connection: &Connection,
    after: &str,
    count: i64,
    mut visit: impl FnMut(&str, Result<Row, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let sql = "SELECT name, sequence, contents, checksum FROM object WHERE name > ?1 ORDER BY name LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((after, count))?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().map_err(StoreError::damaged)?;
        let contents = row.get_ref(2)?.as_blob().map_err(StoreError::damaged)?;
        let (sequence, checksum) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(3)?);
        visit(name, check(name, sequence, contents, checksum))?;
    }
    Ok(())
}
