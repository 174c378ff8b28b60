//! What the operator does with a store: look whether it is whole, copy it while it is in use, bring a copy back, read it and fill it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use slotcast_protocol::{Limits, ObjectName};
use slotcast_state::{Contents, Kinds, Name};

use super::error::StoreError;
use super::folder::{Folder, STORE, sync_parent};
use super::moment::Moment;
use super::names::{Names, Sum};
use super::opened::{self, Opened};
use super::{objects, recover, schema};
use crate::engine::Kept;

/// Looks at every page, if there are not more than `bytes_max`.
pub(super) fn check_pages(connection: &Connection, bytes_max: u64) -> Result<(), StoreError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = number("page_count")? as u64 * number("page_size")? as u64;
    if bytes <= bytes_max { check(connection, "PRAGMA quick_check(1)") } else { Ok(()) }
}

fn check(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    let found: String = connection.query_row(sql, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::damaged(found.trim().replace('\n', "; "))) }
}

/// What [`verify`] looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Objects and users, each with its checksum and in full.
    pub objects: u64,
    /// bytes of their contents as they would be stored whole
    pub bytes: u64,
    /// Those that are newer in the log.
    pub in_log: u64,
}

/// Looks at every page, row, checksum, name and object of a data folder or a backup; `report` is told of all that is wrong. The store may
/// be in use.
pub fn verify(place: &Path, mut report: impl FnMut(String)) -> Result<Verified, StoreError> {
    let store = if place.is_dir() { place.join(STORE) } else { place.to_owned() };
    let Moment { connection, log } = Moment::take(&store)?;
    if let Err(error) = check(&connection, "PRAGMA integrity_check(20)") {
        report(error.to_string());
    }
    if let Err(error) = Names::read(&connection) {
        report(error.to_string());
    }
    let mut verified = Verified::default();
    objects::each(&connection, |_, row| {
        match row {
            Ok(row) => {
                verified.objects += 1;
                verified.bytes += row.kept.encode().len() as u64;
            }
            Err(error) => report(error.to_string()),
        }
        Ok(())
    })?;
    let looked = log.and_then(|log| {
        let flipped = |place: &String| report(format!("{place} is flipped; the next start puts it right"));
        log.mended.iter().for_each(flipped);
        recover::look(&connection, &log.rows, &Kinds::default(), &Limits::default(), |_, kept| {
            verified.in_log += 1;
            if let Err(error) = kept {
                report(error.to_string());
            }
            Ok(())
        })
    });
    if let Err(error) = looked {
        report(error.to_string());
    }
    Ok(verified)
}

/// Copies the store as it is at one moment into a new file, while it may be in use; the bytes of the copy. In a copy everything is whole.
pub fn backup(folder: &Path, copy: &Path) -> Result<u64, StoreError> {
    refuse_existing(copy)?;
    let part = copy.with_added_extension("part");
    refuse_existing(&part)?;
    let made = copy_moment(&folder.join(STORE), &part).and_then(|()| {
        let file = std::fs::File::open(&part).and_then(|file| {
            file.sync_all()?;
            std::fs::rename(&part, copy)?;
            sync_parent(copy)?;
            file.metadata()
        });
        file.map(|file| file.len()).map_err(|error| StoreError::io(copy, &error))
    });
    if made.is_err() {
        // Half a copy must not be taken for one.
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn copy_moment(store: &Path, part: &Path) -> Result<(), StoreError> {
    let Moment { connection, log } = Moment::take(store)?;
    let log = log?;
    let copy = schema::create_copy(part)?;
    let portion = copy.unchecked_transaction()?;
    objects::copy(&connection, &portion)?;
    Sum::stored(&connection)?.store(&portion)?;
    schema::set_meta(&portion, [("log_sequence", log.end)])?;
    portion.commit()?;
    recover::fold(&copy, &log.rows, &Kinds::default(), &Limits::default())?;
    copy.close().map_err(|(_, error)| StoreError::from(error))
}

fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Err(StoreError::Failed(format!("{} is there already; it is not replaced", path.display())));
    }
    Ok(())
}

/// Makes a data folder of a copy. Every object and inbox begins a new epoch: what clients saw after the copy was made is gone, and no cursor into it
/// may be taken for one into the copy.
pub fn restore(copy: &Path, folder: &Path, mut epoch: impl FnMut() -> u64) -> Result<u64, StoreError> {
    if !copy.is_file() {
        return Err(StoreError::NoStore(format!("{} is no backup: there is no such file", copy.display())));
    }
    let claimed = Folder::claim(folder)?;
    refuse_existing(&claimed.store())?;
    opened::refuse_orphans(&claimed)?;
    let part = claimed.store().with_added_extension("part");
    let copied = std::fs::copy(copy, &part).map_err(|error| StoreError::io(&part, &error));
    let restored = copied.and_then(|_| {
        let connection = schema::open_copy(&part)?;
        check(&connection, "PRAGMA integrity_check(1)")?;
        let found = opened::read_copy(&connection, folder)?;
        let opened = Opened::fold(connection, folder, found, &Kinds::default(), &Limits::default())?;
        let count = begin_anew(&opened.connection, &mut epoch)?;
        schema::checkpoint(&opened.connection, "TRUNCATE")?;
        opened.connection.close().map_err(|(_, error)| StoreError::from(error))?;
        let moved = std::fs::File::open(&part)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&part, claimed.store()))
            .and_then(|()| sync_parent(&claimed.store()));
        moved.map(|()| count).map_err(|error| StoreError::io(&part, &error))
    });
    if restored.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    restored
}

fn begin_anew(connection: &Connection, epoch: &mut impl FnMut() -> u64) -> Result<u64, StoreError> {
    let mut count = 0;
    let mut last = String::new();
    let transaction = connection.unchecked_transaction()?;
    loop {
        let mut portion = Vec::new();
        objects::some_after(&transaction, &last, |name, row| {
            let row = row?;
            let mut kept = row.kept;
            kept.begin_anew(epoch());
            portion.push((name.to_owned(), row.sequence, kept.encode()));
            Ok(())
        })?;
        let Some((name, ..)) = portion.last() else { break };
        last = name.clone();
        for (name, sequence, contents) in portion {
            objects::write(&transaction, &name, sequence, &contents)?;
            count += 1;
        }
    }
    transaction.commit()?;
    Ok(count)
}

/// Every object as it is at one moment, in the order of the names, or what is wrong with it; the store may be in use. Users are not exported: what
/// they say to each other is theirs.
pub fn export(
    folder: &Path,
    mut visit: impl FnMut(&ObjectName, Result<Contents, StoreError>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Moment { connection, log } = Moment::take(&folder.join(STORE))?;
    let mut newer = BTreeMap::new();
    recover::look(&connection, &log?.rows, &Kinds::default(), &Limits::default(), |name, kept| {
        if let Name::Object(object) = name {
            newer.insert(object.clone(), kept);
        }
        Ok(())
    })?;
    objects::each(&connection, |name, row| {
        let name = Name::parse(name).map_err(StoreError::damaged)?;
        let Name::Object(name) = name else { return Ok(()) };
        let later = newer.split_off(&name);
        for (name, contents) in std::mem::replace(&mut newer, later) {
            visit(&name, contents.map(object_in))?;
        }
        let kept = newer.remove(&name).unwrap_or_else(|| row.map(|row| row.kept));
        visit(&name, kept.map(object_in))
    })?;
    newer.into_iter().try_for_each(|(name, kept)| visit(&name, kept.map(object_in)))
}

fn object_in(kept: Kept) -> Contents {
    kept.object().expect("under an object's name lies an object")
}

/// For an `export` that no one reads any more.
pub fn stop() -> StoreError {
    StoreError::Failed("stopped".to_owned())
}

/// Puts whole objects into a store that no server has open: all of them or none.
pub struct Import {
    connection: Connection,
    sum: Sum,
    sequence: u64,
    _folder: Folder,
}

impl Import {
    /// Into a folder, which is made if need be.
    pub fn open(folder: &Path, kinds: &Kinds, limits: &Limits) -> Result<Import, StoreError> {
        let folder = Folder::claim(folder)?;
        let Opened { connection, sum, log, .. } = Opened::open(&folder, kinds, limits)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Import { connection, sum, sequence: log.sequence(), _folder: folder })
    }

    /// Whether the object is there already.
    pub fn has(&self, object: &ObjectName) -> Result<bool, StoreError> {
        Ok(objects::read(&self.connection, &object.clone().into())?.is_some())
    }

    /// Puts one, in place of what was there.
    pub fn put(&mut self, object: &ObjectName, contents: &Contents) -> Result<(), StoreError> {
        if !self.has(object)? {
            self.sum.add(object.as_str());
        }
        objects::write(&self.connection, object.as_str(), self.sequence, &contents.encode())
    }

    /// Makes all of it count.
    pub fn finish(self) -> Result<(), StoreError> {
        self.sum.store(&self.connection)?;
        self.connection.execute_batch("COMMIT")?;
        schema::checkpoint(&self.connection, "TRUNCATE")?;
        Ok(())
    }
}
