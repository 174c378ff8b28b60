//! Reads objects on a thread of its own, beside the one who writes.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use slotcast_protocol::ObjectName;
use slotcast_state::Contents;

use super::error::StoreError;
use super::names::Names;
use super::{objects, schema};
use crate::engine::{LoadError, Reader};

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
    fn load(&mut self, object: &ObjectName) -> Result<Option<Contents>, LoadError> {
        if !self.names.has(object) {
            return Ok(None);
        }
        match objects::read(&self.connection, object) {
            Ok(Some(row)) => Ok(Some(row.contents)),
            Ok(None) => Err(LoadError::Damaged(format!("the object {object} has vanished from the store"))),
            Err(StoreError::Damaged(what)) => Err(LoadError::Damaged(what)),
            Err(error) => Err(LoadError::Failed(error.to_string())),
        }
    }
}
