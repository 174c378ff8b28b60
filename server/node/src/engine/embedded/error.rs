//! Why a store cannot be opened or read, in words for the operator.

use std::fmt;
use std::io;
use std::path::Path;

/// See the module's text.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has it.
    InUse(String),
    /// It was written by a later version.
    Newer(String),
    /// What is there is no store.
    NoStore(String),
    /// It is not what was written. Nothing of it was changed.
    Damaged(String),
    /// There is no room.
    Full(String),
    /// Reading or writing failed.
    Failed(String),
}

impl StoreError {
    pub(super) fn damaged(what: impl fmt::Display) -> Self {
        StoreError::Damaged(format!(
            "the store is damaged: {what}. Nothing was changed. `slotcast verify` lists what is wrong; \
             `slotcast restore` brings back a backup"
        ))
    }

    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::StorageFull => StoreError::Full(text),
            _other => StoreError::Failed(text),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::InUse(text) | StoreError::Newer(text) | StoreError::NoStore(text) => {
                f.write_str(text)
            }
            StoreError::Damaged(text) | StoreError::Full(text) | StoreError::Failed(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        // SQLite's index of its log is a file too, and growing it is where a full disk shows first. Nothing in it has to last.
        if error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
        {
            return StoreError::Full(format!("no room for the index of its log ({error})"));
        }
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
        if matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
        {
            return StoreError::damaged(format!("a column is not what was written ({error})"));
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::damaged(error),
            Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
            _other => StoreError::Failed(error.to_string()),
        }
    }
}
