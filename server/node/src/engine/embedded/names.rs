//! Which objects and users there are. Whoever is asked for one that is not here needs no disk to say so; and one that is here and is not found
//! on the disk was lost, and is not taken for a new one.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{PoisonError, RwLock};

use rusqlite::Connection;
use slotcast_state::Name;

use super::checksum;
use super::error::StoreError;
use super::schema;

/// Eight bytes a name. The hashes are keyed, so that no one can make two names meet.
#[derive(Default)]
pub struct Names {
    keys: RandomState,
    known: RwLock<HashSet<u64>>,
}

/// How many names there are, and the sum that tells that they are the right ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub names: u64,
    pub sum: u64,
}

impl Sum {
    /// One name more.
    pub fn add(&mut self, name: &str) {
        self.names += 1;
        self.sum ^= checksum::name(name);
    }

    /// As the store says.
    pub fn stored(connection: &Connection) -> Result<Sum, StoreError> {
        Ok(Sum { names: schema::meta(connection, "names")?, sum: schema::meta(connection, "names_sum")? })
    }

    /// Into the store.
    pub fn store(self, connection: &Connection) -> Result<(), StoreError> {
        schema::set_meta(connection, [("names", self.names), ("names_sum", self.sum)])
    }
}

impl Names {
    /// Reads them all and holds them against their sum.
    pub fn read(connection: &Connection) -> Result<(Names, Sum), StoreError> {
        let names = Names::default();
        let mut sum = Sum::default();
        let mut statement =
            connection.prepare("SELECT name FROM object INDEXED BY sqlite_autoindex_object_1")?;
        let mut rows = statement.query([])?;
        {
            let mut known = names.known.write().unwrap_or_else(PoisonError::into_inner);
            while let Some(row) = rows.next()? {
                let name = row.get_ref(0)?.as_str().map_err(StoreError::damaged)?;
                sum.add(name);
                known.insert(names.keys.hash_one(name));
            }
        }
        let wanted = Sum::stored(connection)?;
        if sum != wanted {
            return Err(StoreError::damaged(format!(
                "{} objects are listed, and there should be {} (or their names are not those that were written)",
                sum.names, wanted.names
            )));
        }
        Ok((names, sum))
    }

    /// Whether the store has it.
    pub fn has(&self, name: &Name) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains(&self.keys.hash_one(name.to_string()))
    }

    /// What is stored from now on.
    pub fn insert(&self, name: &Name) {
        let key = self.keys.hash_one(name.to_string());
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key);
    }
}
