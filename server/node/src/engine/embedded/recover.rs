//! What happens when a store is opened: every object that the log speaks of is read, brought up to date and written whole, and the log is
//! empty. From then on an object that is in no one's memory is read with one row.

use std::collections::BTreeMap;

use rusqlite::Connection;
use slotcast_protocol::ObjectName;
use slotcast_protocol::reader::Reader;
use slotcast_state::{Commit, Contents, Kinds};

use super::error::StoreError;
use super::log::{self, End, LogRow};
use super::names::Sum;
use super::{objects, schema};

/// bytes of objects that are written in one transaction
const PORTION_BYTES: usize = 16 * 1024 * 1024;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Log rows, each one batch of a shard.
    pub rows: u64,
    /// Commits in them that were done again.
    pub commits: u64,
    /// Objects that were written.
    pub objects: u64,
}

/// Where an object's commits lie: row, and from where to where in it.
type Places = BTreeMap<ObjectName, Vec<(usize, usize, usize)>>;

/// Folds the log into the objects. May be stopped at any moment and begun again.
pub fn recover(
    connection: &Connection,
    kinds: &Kinds,
    inflight: usize,
) -> Result<(Recovered, End), StoreError> {
    let (rows, end) = log::read(connection)?;
    if rows.is_empty() {
        return Ok((Recovered::default(), end));
    }
    let places = places(&rows)?;
    // What the last run left unfinished at the end of SQLite's log is not to lie behind what is written now, where it would look like
    // something that was on the disk.
    schema::checkpoint(connection, "TRUNCATE")?;
    let mut recovered = Recovered { rows: rows.len() as u64, ..Recovered::default() };
    let mut sum = Sum::stored(connection)?;
    let mut places = places.into_iter().peekable();
    while places.peek().is_some() {
        let portion = connection.unchecked_transaction()?;
        let mut bytes = 0;
        while bytes < PORTION_BYTES
            && let Some((object, places)) = places.next()
        {
            let before = objects::read(connection, &object)?;
            if before.is_none() {
                sum.add(object.as_str());
            }
            let (contents, done) = again(&object, before, &rows, &places, kinds, inflight)?;
            let contents = contents.encode();
            objects::write(connection, object.as_str(), end.sequence, &contents)?;
            bytes += contents.len();
            recovered.commits += done;
            recovered.objects += 1;
        }
        sum.store(connection)?;
        portion.commit()?;
    }
    let cut = connection.unchecked_transaction()?;
    end.cut(connection)?;
    cut.commit()?;
    Ok((recovered, end))
}

/// As [`recover`] finds it, without changing anything: the objects of the log, up to date.
pub fn look(
    connection: &Connection,
    kinds: &Kinds,
    inflight: usize,
    mut visit: impl FnMut(&ObjectName, Result<Contents, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (rows, _) = log::read(connection)?;
    for (object, places) in places(&rows)? {
        let found = objects::read(connection, &object)
            .and_then(|before| again(&object, before, &rows, &places, kinds, inflight));
        visit(&object, found.map(|(contents, _)| contents))?;
    }
    Ok(())
}

fn places(rows: &[LogRow]) -> Result<Places, StoreError> {
    let mut places = Places::new();
    for (number, row) in rows.iter().enumerate() {
        let broken =
            |fault| StoreError::damaged(format!("row {} of the log cannot be read: {fault}", row.sequence));
        let mut reader = Reader::new(&row.commits);
        while !reader.is_done() {
            let from = reader.at();
            let object = Commit::skip(&mut reader).map_err(broken)?;
            let place = (number, from, reader.at());
            match places.get_mut(object) {
                Some(known) => known.push(place),
                None => _ = places.insert(ObjectName::parse(object).map_err(broken)?, vec![place]),
            }
        }
    }
    Ok(places)
}

/// The object after its commits, and how many of them it did not have.
fn again(
    object: &ObjectName,
    before: Option<objects::Row>,
    rows: &[LogRow],
    places: &[(usize, usize, usize)],
    kinds: &Kinds,
    inflight: usize,
) -> Result<(Contents, u64), StoreError> {
    let broken = |fault| StoreError::damaged(format!("the log of {object} cannot be followed: {fault}"));
    let has = before.as_ref().map_or(0, |row| row.sequence);
    let mut contents = before.map(|row| row.contents);
    let mut done = 0;
    for (row, from, to) in places.iter().filter(|(row, ..)| rows[*row].sequence > has) {
        let commit = Commit::decode(&mut Reader::new(&rows[*row].commits[*from..*to])).map_err(broken)?;
        let contents = contents.get_or_insert_with(|| Contents::new(commit.epoch));
        contents.replay(&commit, kinds.of(object).resync_depth, inflight).map_err(broken)?;
        done += 1;
    }
    Ok((contents.unwrap_or_default(), done))
}
