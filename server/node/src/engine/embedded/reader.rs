//! Reads objects and users on a thread of its own, beside the one who writes.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use slotcast_state::Name;

use super::error::StoreError;
use super::names::Names;
use super::{objects, schema};
use crate::engine::{Kept, LoadError, Reader};

pub struct EmbeddedReader {
    connection: Connection,
    names: Arc<Names>,
}

impl EmbeddedReader {
    pub fn open(path: &Path, names: Arc<Names>) -> Result<Self, StoreError> {
        Ok(EmbeddedReader { connection: schema::open_to_read(path)?, names })
    }
}

impl Reader for EmbeddedReader {
    fn load(&mut self, name: &Name) -> Result<Option<Kept>, LoadError> {
        if !self.names.has(name) {
            return Ok(None);
        }
        match objects::read(&self.connection, name) {
            Ok(Some(row)) => Ok(Some(row.kept)),
            Ok(None) => {
                let who = objects::who(&name.to_string());
                Err(LoadError::Damaged(format!("{who} has vanished from the store")))
            }
            Err(StoreError::Damaged(what)) => Err(LoadError::Damaged(what)),
            Err(error) => Err(LoadError::Failed(error.to_string())),
        }
    }
}
