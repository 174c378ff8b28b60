//! Which files of a log there are.

use std::io;
use std::path::{Path, PathBuf};

use crate::engine::embedded::error::StoreError;

/// `log-0`, `log-1`, …
const PREFIX: &str = "log-";

/// What is there when a log begins.
#[derive(Debug, Default)]
pub struct Left {
    /// Numbers of the files that may be written to at once.
    pub free: Vec<u32>,
    /// And of those that the store still speaks of.
    pub used: Vec<u32>,
}

impl Left {
    /// That no file has.
    pub fn next_number(&self) -> u32 {
        self.free.iter().chain(&self.used).max().map_or(0, |number| number + 1)
    }
}

pub fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{number}"))
}

/// All files of the log in a folder, by number.
pub fn paths(folder: &Path) -> Result<Vec<(u32, PathBuf)>, StoreError> {
    let named = |error: io::Error| StoreError::io(folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(named)? {
        let entry = entry.map_err(named)?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|text| text.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}
