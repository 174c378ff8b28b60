//! A store as it is at one moment, for those who only look; a server may be writing to it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;
use super::folder::{Folder, hold_log};
use super::log::read::Found;
use super::{opened, schema};

/// Of a log that is written to meanwhile a look may catch a frame in the midst of its being written, and one behind it whole.
const LOOKS_MAX: usize = 10;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The tables and the log that goes on from them.
pub struct Moment {
    /// In a transaction, so that they stay as they were.
    pub connection: Connection,
    pub log: Result<Found, StoreError>,
}

impl Moment {
    /// Of a store in its folder, or of a copy.
    pub fn take(store: &Path) -> Result<Moment, StoreError> {
        let connection = schema::open_to_read(store)?;
        let parent = store.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new("."));
        if !schema::is_store(&connection)? {
            let log = opened::read_copy(&connection, folder);
            return Ok(Moment { connection, log });
        }
        let claimed = Folder::claim_if_free(folder)?;
        let mut looks = if claimed.is_some() { 1 } else { LOOKS_MAX };
        loop {
            let held = claimed.is_none().then(|| hold_log(folder)).transpose()?;
            connection.execute_batch("BEGIN")?;
            let log = opened::read(&connection, folder);
            drop(held);
            looks -= 1;
            if log.is_ok() || looks == 0 {
                return Ok(Moment { connection, log });
            }
            connection.execute_batch("ROLLBACK")?;
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}
