//! The log: rows of commits, and which of them are still needed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rusqlite::Connection;
use slotcast_state::Name;

use super::checksum;
use super::error::StoreError;
use super::schema;

/// bytes of rows that one group deletes at the most, so that none takes long (of 1 MiB each page is read: 1.5 ms); one that appends much
/// deletes twice as much
const FREED_BYTES_MAX: u64 = 64 * 1024;

/// objects that are asked for at a time, if there is no hurry: with 32 the groups of half a tenth of a second took five times as long
const WANTED_AT_A_TIME: u64 = 4;

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

    /// Deletes all rows up to this one, whose checksum the next one carries on.
    pub fn cut(self, connection: &Connection) -> Result<(), StoreError> {
        let End { sequence, checksum } = self;
        connection.prepare_cached("DELETE FROM log WHERE sequence <= ?1")?.execute([sequence as i64])?;
        schema::set_meta(connection, [("log_sequence", sequence), ("log_checksum", checksum.into())])
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
    rows: VecDeque<(End, u64)>,
    bytes: u64,
    /// The first row that an object still needs, by object, and how many objects need which row first.
    first: HashMap<Name, u64>,
    by_row: BTreeMap<u64, usize>,
    /// Up to here objects are or have been asked for.
    asked_to: u64,
    /// Those whose turn has not come, how many there were, and the bytes that have been appended since some were asked for.
    wanted: VecDeque<Name>,
    wanted_at_first: u64,
    grown: u64,
}

impl Needs {
    /// Bytes of the rows that are there.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A row about these was appended.
    pub fn appended(&mut self, row: End, bytes: u64, names: &[Name]) {
        let sequence = row.sequence;
        self.rows.push_back((row, bytes));
        self.bytes += bytes;
        self.grown += bytes;
        for name in names {
            if !self.first.contains_key(name) {
                self.first.insert(name.clone(), sequence);
                *self.by_row.entry(sequence).or_default() += 1;
            }
        }
    }

    /// It was handed over whole, behind all rows that there are.
    pub fn stored(&mut self, name: &Name) {
        let Some(sequence) = self.first.remove(name) else { return };
        let count = self.by_row.get_mut(&sequence).expect("who needs a row is counted");
        *count -= 1;
        if *count == 0 {
            self.by_row.remove(&sequence);
        }
    }

    /// The last row of those that can be deleted now, with a group of so many bytes.
    pub fn free(&self, group_bytes: u64) -> Option<End> {
        let bytes_max = FREED_BYTES_MAX.max(group_bytes * 2);
        let needed = self.by_row.first_key_value().map_or(u64::MAX, |(sequence, _)| *sequence);
        let mut bytes = 0;
        let free = self.rows.iter().take_while(|(row, row_bytes)| {
            bytes += row_bytes;
            row.sequence < needed && bytes <= bytes_max.max(*row_bytes)
        });
        free.last().map(|(row, _)| *row)
    }

    /// They were deleted.
    pub fn freed(&mut self, up_to: End) {
        while let Some((_, bytes)) = self.rows.pop_front_if(|(row, _)| row.sequence <= up_to.sequence) {
            self.bytes -= bytes;
        }
    }

    /// When the log is longer than half of `bytes_max`: the objects that keep its older half alive, each asked for once. A few at a time, as
    /// everyone waits while many are written whole, and so that all have been asked for before it has grown by an eighth more.
    pub fn wanted(&mut self, bytes_max: u64) -> Vec<Name> {
        let grown = std::mem::take(&mut self.grown);
        if self.wanted.is_empty() && self.bytes > bytes_max / 2 {
            self.want(bytes_max / 4);
        }
        let hurry = self.wanted_at_first * grown / (bytes_max / 8).max(1);
        let count = (hurry + WANTED_AT_A_TIME).min(self.wanted.len() as u64);
        let asked = self.wanted.drain(..count as usize);
        asked.filter(|name| self.first.get(name).is_some_and(|first| *first <= self.asked_to)).collect()
    }

    /// Puts those in line that need one of the oldest rows, as many as hold `bytes_max`.
    fn want(&mut self, bytes_max: u64) {
        let mut bytes = 0;
        // The first one in any case: a log that begins with a long row would never be shortened.
        let older = self.rows.iter().take_while(|(_, row_bytes)| {
            bytes += row_bytes;
            bytes <= bytes_max.max(*row_bytes)
        });
        let up_to = older.last().map_or(0, |(row, _)| row.sequence);
        let asked_to = self.asked_to;
        self.asked_to = asked_to.max(up_to);
        let wanted = self.first.iter().filter(|(_, first)| **first > asked_to && **first <= up_to);
        self.wanted = wanted.map(|(name, _)| name.clone()).collect();
        self.wanted_at_first = self.wanted.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 64 * 1024;

    fn objects(count: usize) -> Vec<Name> {
        let name = |number| Name::parse(&format!("auction/{number}")).expect("a good name");
        (0..count).map(name).collect()
    }

    /// A log of rows about the same objects; each that is asked for is handed over whole with the next row.
    fn longest(count: usize, row_bytes: u64, rows: u64) -> (u64, usize) {
        let (objects, mut needs) = (objects(count), Needs::default());
        let (mut longest, mut most_at_once, mut wanted) = (0, 0, Vec::new());
        for sequence in 1..=rows {
            let free = needs.free(row_bytes);
            needs.appended(End { sequence, checksum: 0 }, row_bytes, &objects);
            wanted.iter().for_each(|object| needs.stored(object));
            free.into_iter().for_each(|up_to| needs.freed(up_to));
            wanted = needs.wanted(BYTES_MAX);
            (longest, most_at_once) = (longest.max(needs.bytes()), most_at_once.max(wanted.len()));
        }
        (longest, most_at_once)
    }

    #[test]
    fn a_log_keeps_its_bound_and_few_are_asked_for_at_once() {
        for (count, row_bytes, at_once_max) in
            [(1, 100, 1), (1_000, 100, 17), (10, 100, 10), (40, 8_000, 40), (1, 20_000, 1)]
        {
            let (longest, at_once) = longest(count, row_bytes, 10_000);
            assert!(longest <= BYTES_MAX, "{count} objects, rows of {row_bytes}: {longest} bytes");
            assert!(at_once <= at_once_max, "{count} objects, rows of {row_bytes}: {at_once} at once");
        }
    }

    #[test]
    fn each_is_asked_for_once_until_it_has_been_handed_over() {
        let (objects, mut needs) = (objects(100), Needs::default());
        let mut asked = Vec::new();
        for sequence in 1..=1_000 {
            needs.appended(End { sequence, checksum: 0 }, BYTES_MAX / 100, &objects);
            asked.extend(needs.wanted(BYTES_MAX));
        }
        asked.sort();
        let mut once = objects.clone();
        once.sort();
        assert_eq!(asked, once);
    }
}
