//! The log: rows of commits, and which of them are still needed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rusqlite::Connection;
use slotcast_protocol::ObjectName;

use super::checksum;
use super::error::StoreError;
use super::schema;

/// bytes of rows that one group deletes at the most, so that none takes long
const FREED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// One row as it lies there.
pub struct LogRow {
    pub sequence: u64,
    pub commits: Vec<u8>,
}

/// The end of the log: what the next row follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub sequence: u64,
    pub checksum: u32,
}

impl End {
    /// Where the log begins: the last row that was deleted.
    pub fn base(connection: &Connection) -> Result<End, StoreError> {
        let (sequence, checksum) =
            (schema::meta(connection, "log_sequence")?, schema::meta(connection, "log_checksum")?);
        Ok(End { sequence, checksum: checksum as u32 })
    }

    /// Appends a row.
    pub fn append(&mut self, connection: &Connection, shard: u16, commits: &[u8]) -> Result<(), StoreError> {
        let sequence = self.sequence + 1;
        let checksum = checksum::log_row(self.checksum, sequence, shard, commits);
        let sql = "INSERT INTO log (sequence, shard, commits, checksum) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(sql)?.execute((sequence as i64, shard, commits, checksum))?;
        *self = End { sequence, checksum };
        Ok(())
    }

    /// Deletes all rows up to `sequence`, whose checksum the next one carries on.
    pub fn cut(connection: &Connection, sequence: u64) -> Result<(), StoreError> {
        let sql = "SELECT checksum FROM log WHERE sequence = ?1";
        let last =
            connection.prepare_cached(sql)?.query_row([sequence as i64], |row| row.get::<_, i64>(0))?;
        connection.prepare_cached("DELETE FROM log WHERE sequence <= ?1")?.execute([sequence as i64])?;
        schema::set_meta(connection, [("log_sequence", sequence), ("log_checksum", last as u64)])
    }
}

/// Reads the whole log and holds every row against the one before it.
pub fn read(connection: &Connection) -> Result<(Vec<LogRow>, End), StoreError> {
    let mut end = End::base(connection)?;
    let mut statement =
        connection.prepare("SELECT sequence, shard, commits, checksum FROM log ORDER BY sequence")?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let (sequence, shard) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)?);
        if sequence != end.sequence + 1 {
            return Err(StoreError::damaged(format!("row {} of the log is missing", end.sequence + 1)));
        }
        let commits = row.get_ref(2)?.as_blob().map_err(StoreError::damaged)?.to_vec();
        let checksum = checksum::log_row(end.checksum, sequence, shard as u16, &commits);
        if i64::from(checksum) != row.get::<_, i64>(3)? || !(0..=i64::from(u16::MAX)).contains(&shard) {
            return Err(StoreError::damaged(format!("row {sequence} of the log fails its checksum")));
        }
        end = End { sequence, checksum };
        rows.push(LogRow { sequence, commits });
    }
    Ok((rows, end))
}

/// Which rows are still needed: those from the first one on that is about an object which has not been handed over whole since.
#[derive(Default)]
pub struct Needs {
    rows: VecDeque<(u64, u64)>,
    bytes: u64,
    /// The first row that an object still needs, by object, and how many objects need which row first.
    first: HashMap<ObjectName, u64>,
    by_row: BTreeMap<u64, usize>,
    /// Up to here objects have been asked for.
    asked_to: u64,
}

impl Needs {
    /// Bytes of the rows that are there.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A row about these objects was appended.
    pub fn appended(&mut self, sequence: u64, bytes: u64, objects: &[ObjectName]) {
        self.rows.push_back((sequence, bytes));
        self.bytes += bytes;
        for object in objects {
            if !self.first.contains_key(object) {
                self.first.insert(object.clone(), sequence);
                *self.by_row.entry(sequence).or_default() += 1;
            }
        }
    }

    /// An object was handed over whole, behind all rows that there are.
    pub fn stored(&mut self, object: &ObjectName) {
        let Some(sequence) = self.first.remove(object) else { return };
        let count = self.by_row.get_mut(&sequence).expect("who needs a row is counted");
        *count -= 1;
        if *count == 0 {
            self.by_row.remove(&sequence);
        }
    }

    /// The last row of those that can be deleted now.
    pub fn free(&self) -> Option<u64> {
        let needed = self.by_row.first_key_value().map_or(u64::MAX, |(sequence, _)| *sequence);
        let mut bytes = 0;
        let free = self.rows.iter().take_while(|(sequence, row_bytes)| {
            bytes += row_bytes;
            *sequence < needed && bytes <= FREED_BYTES_MAX.max(*row_bytes)
        });
        free.last().map(|(sequence, _)| *sequence)
    }

    /// They were deleted.
    pub fn freed(&mut self, up_to: u64) {
        while let Some((_, bytes)) = self.rows.pop_front_if(|(sequence, _)| *sequence <= up_to) {
            self.bytes -= bytes;
        }
    }

    /// When the log is longer than half of `bytes_max`: the objects that keep its older half alive, each asked for once.
    pub fn wanted(&mut self, bytes_max: u64) -> Vec<ObjectName> {
        if self.bytes <= bytes_max / 2 {
            return Vec::new();
        }
        let mut bytes = 0;
        let older = self.rows.iter().take_while(|(_, row_bytes)| {
            bytes += row_bytes;
            bytes <= bytes_max / 4
        });
        let up_to = older.last().map_or(0, |(sequence, _)| *sequence);
        if up_to <= self.asked_to {
            return Vec::new();
        }
        let asked_to = std::mem::replace(&mut self.asked_to, up_to);
        let wanted = self.first.iter().filter(|(_, first)| **first > asked_to && **first <= up_to);
        wanted.map(|(object, _)| object.clone()).collect()
    }
}
