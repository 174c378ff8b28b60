//! The operator's tools for a store: `backup`, `restore`, `verify`, `export`, `import`. They work on the files, not through a server; the
//! first, the third and the fourth may be used while one is serving.

pub mod backup;
pub mod export;
pub mod import;
pub mod restore;
pub mod verify;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::config::DATA;
use crate::engine::embedded::StoreError;

/// Which store.
#[derive(Args)]
pub struct Data {
    /// The data folder
    #[arg(long = "data", value_name = "FOLDER", env = "SLOTCAST_DATA", default_value = DATA)]
    folder: PathBuf,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Failed(error.to_string())
    }
}

/// An incarnation that no client has met.
fn fresh_epoch() -> u64 {
    // The standard library's only dice: every state is keyed by the system's.
    RandomState::new().hash_one(std::time::SystemTime::now()) >> 12 | 1
}

/// `1 object`, `2 objects`
fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
