//! What happens when a store is opened: every object and user that the log speaks of is read, brought up to date and written whole, and the log begins
//! anew. From then on what is in no one's memory is read with one row.

use std::collections::BTreeMap;

use rusqlite::Connection;
use slotcast_protocol::Limits;
use slotcast_protocol::reader::Reader;
use slotcast_state::{Commit, Kinds, Name};

use super::error::StoreError;
use super::log::read::LogRow;
use super::names::Sum;
use super::objects;
use crate::engine::Kept;

/// bytes of objects that are written in one transaction
const PORTION_BYTES: usize = 16 * 1024 * 1024;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Groups in the log.
    pub groups: u64,
    /// Commits in them that were done again.
    pub commits: u64,
    /// Objects and users that were written.
    pub names: u64,
}

/// Where the commits lie: row, and from where to where in it.
type Places = BTreeMap<Name, Vec<(usize, usize, usize)>>;

/// Folds the log into the objects. May be stopped at any moment and begun again.
pub fn fold(
    connection: &Connection,
    rows: &[LogRow],
    kinds: &Kinds,
    limits: &Limits,
) -> Result<Recovered, StoreError> {
    let Some(last) = rows.last() else { return Ok(Recovered::default()) };
    let mut recovered = Recovered { groups: rows.len() as u64, ..Recovered::default() };
    let mut sum = Sum::stored(connection)?;
    let mut places = places(rows)?.into_iter().peekable();
    while places.peek().is_some() {
        let portion = connection.unchecked_transaction()?;
        let mut bytes = 0;
        while bytes < PORTION_BYTES
            && let Some((name, places)) = places.next()
        {
            let (before, text) = (objects::read(connection, &name)?, name.to_string());
            if before.is_none() {
                sum.add(&text);
            }
            let (kept, done) = again(&name, before, rows, &places, kinds, limits)?;
            let contents = kept.encode();
            objects::write(connection, &text, last.sequence, &contents)?;
            bytes += contents.len();
            recovered.commits += done;
            recovered.names += 1;
        }
        sum.store(connection)?;
        portion.commit()?;
    }
    Ok(recovered)
}

/// As [`fold`] finds it, without changing anything: what the log speaks of, up to date.
pub fn look(
    connection: &Connection,
    rows: &[LogRow],
    kinds: &Kinds,
    limits: &Limits,
    mut visit: impl FnMut(&Name, Result<Kept, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for (name, places) in places(rows)? {
        let found = objects::read(connection, &name)
            .and_then(|before| again(&name, before, rows, &places, kinds, limits));
        visit(&name, found.map(|(kept, _)| kept))?;
    }
    Ok(())
}

fn places(rows: &[LogRow]) -> Result<Places, StoreError> {
    let mut places = Places::new();
    for (number, row) in rows.iter().enumerate() {
        let broken =
            |fault| StoreError::damaged(format!("group {} of the log cannot be read: {fault}", row.sequence));
        let mut reader = Reader::new(&row.commits);
        while !reader.is_done() {
            let from = reader.at();
            let name = Commit::skip(&mut reader).and_then(Name::parse).map_err(broken)?;
            places.entry(name).or_default().push((number, from, reader.at()));
        }
    }
    Ok(places)
}

/// The object or user after its commits, and how many of them it did not have.
fn again(
    name: &Name,
    before: Option<objects::Row>,
    rows: &[LogRow],
    places: &[(usize, usize, usize)],
    kinds: &Kinds,
    limits: &Limits,
) -> Result<(Kept, u64), StoreError> {
    let broken = |fault| StoreError::damaged(format!("the log of {name} cannot be followed: {fault}"));
    let has = before.as_ref().map_or(0, |row| row.sequence);
    let mut kept = before.map(|row| row.kept);
    let mut done = 0;
    for (row, from, to) in places.iter().filter(|(row, ..)| rows[*row].sequence > has) {
        let mut reader = Reader::new(&rows[*row].commits[*from..*to]);
        kept = Some(Kept::replay(kept, &mut reader, name, kinds, limits).map_err(broken)?);
        done += 1;
    }
    let kept = kept.ok_or_else(|| StoreError::damaged(format!("{name} has no row that its log follows")))?;
    Ok((kept, done))
}
