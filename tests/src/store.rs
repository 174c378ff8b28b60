//! A store as the body of a shard has it: batches become durable one after another, and what is loaded is read back from bytes.

use std::collections::BTreeMap;

use slotcast_protocol::reader::Reader;
use slotcast_protocol::writer::Writer;
use slotcast_protocol::{Durability, Limits, ObjectName, User};
use slotcast_state::roster::{self, List};
use slotcast_state::{
    Commit, Contents, Delivery, Effects, Found, Kinds, Name, Stored, UserCommit, UserContents,
};

/// A record of the log.
pub enum Entry {
    Commit { name: Name, bytes: Vec<u8> },
    Whole(Stored),
}

/// What becomes durable at once, and what may be told when it is.
#[derive(Default)]
pub struct Batch {
    pub entries: Vec<Entry>,
    pub held: Vec<Delivery>,
}

impl Batch {
    /// Takes what a turn of a shard has for the engine; the whole objects come behind the commits.
    pub fn gather(&mut self, effects: &mut Effects) {
        let logged = effects.commits.iter().filter(|commit| commit.durability == Durability::Disk);
        let commits =
            logged.map(|commit| Entry::Commit { name: commit.object.clone().into(), bytes: bytes(commit) });
        self.entries.extend(commits);
        let logged = effects.user_commits.iter().filter(|commit| commit.durability == Durability::Disk);
        let commits = logged
            .map(|commit| Entry::Commit { name: commit.user.clone().into(), bytes: user_bytes(commit) });
        self.entries.extend(commits);
        let logged = effects.roster_commits.iter().filter(|(_, durability)| *durability == Durability::Disk);
        self.entries.extend(logged.map(|(commit, _)| {
            let name = Name::Roster(commit.owner.clone());
            Entry::Commit { name, bytes: roster_bytes(commit) }
        }));
        self.entries.extend(effects.stores.drain(..).map(Entry::Whole));
        self.held.append(&mut effects.held);
    }

    /// The whole objects in it, in their order.
    pub fn wholes(&self) -> Vec<Name> {
        let wholes = self.entries.iter().filter_map(|entry| match entry {
            Entry::Whole(stored) => Some(stored.name.clone()),
            Entry::Commit { .. } => None,
        });
        wholes.collect()
    }
}

/// A commit as it is in the log.
pub fn bytes(commit: &Commit) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64);
    commit.encode(&mut writer);
    writer.0
}

/// The same of a user.
pub fn user_bytes(commit: &UserCommit) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64);
    commit.encode(&mut writer);
    writer.0
}

/// The same of a roster.
pub fn roster_bytes(commit: &roster::Commit) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64);
    commit.encode(&mut writer);
    writer.0
}

/// What is durable of one object or user: the last whole, the commits behind it, and how many there ever were.
#[derive(Clone, Default)]
struct Kept {
    whole: Option<Vec<u8>>,
    log: Vec<Vec<u8>>,
    logged: usize,
}

/// All that a crash leaves.
#[derive(Clone, Default)]
pub struct Disk {
    names: BTreeMap<Name, Kept>,
}

/// What a crash has left of an object.
pub struct Survivor {
    pub object: ObjectName,
    pub contents: Contents,
    /// So many of its commits are in it.
    pub logged: usize,
}

impl Disk {
    pub fn put(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            match entry {
                Entry::Commit { name, bytes } => {
                    let kept = self.names.entry(name.clone()).or_default();
                    kept.log.push(bytes.clone());
                    kept.logged += 1;
                }
                Entry::Whole(Stored { name, contents }) => {
                    let kept = self.names.entry(name.clone()).or_default();
                    kept.whole = Some(contents.clone());
                    kept.log.clear();
                }
            }
        }
    }

    /// For a shard that asks. What is not in memory has all of it in its whole.
    pub fn load(&self, name: &Name) -> Result<Found, String> {
        let Some(kept) = self.names.get(name) else { return Ok(Found::Nothing) };
        match (&kept.whole, name) {
            (Some(whole), Name::Object(object)) if kept.log.is_empty() => {
                Ok(Found::Contents(Box::new(decode(object, whole)?)))
            }
            (Some(whole), Name::User(user)) if kept.log.is_empty() => {
                Ok(Found::User(Box::new(decode_user(user, whole)?)))
            }
            (Some(whole), Name::Roster(owner)) if kept.log.is_empty() => {
                Ok(Found::Roster(Box::new(decode_roster(owner, whole)?)))
            }
            _in_parts => Err(format!("{name} is not in memory and not whole in the store")),
        }
    }

    /// After a crash: the log is folded into the users.
    pub fn recover_users(&mut self, limits: &Limits) -> Result<BTreeMap<User, UserContents>, String> {
        let mut survivors = BTreeMap::new();
        for (name, kept) in &mut self.names {
            let Name::User(user) = name else { continue };
            let mut contents = kept.whole.as_ref().map(|whole| decode_user(user, whole)).transpose()?;
            for bytes in kept.log.drain(..) {
                let commit = UserCommit::decode(&mut Reader::new(&bytes));
                let commit = commit.map_err(|fault| format!("{user}: {fault}"))?;
                let contents = contents.get_or_insert_with(|| UserContents::new(commit.epoch));
                let applied = contents.apply(&commit, limits);
                applied.map_err(|fault| format!("{user} cannot be recovered: {fault}"))?;
            }
            let contents = contents.ok_or_else(|| format!("{user}: nothing is there of them"))?;
            kept.whole = Some(contents.encode());
            survivors.insert(user.clone(), contents);
        }
        Ok(survivors)
    }

    /// After a crash: the log is folded into the rosters.
    pub fn recover_rosters(&mut self) -> Result<BTreeMap<User, List>, String> {
        let mut survivors = BTreeMap::new();
        for (name, kept) in &mut self.names {
            let Name::Roster(owner) = name else { continue };
            let mut list = kept.whole.as_ref().map(|whole| decode_roster(owner, whole)).transpose()?;
            for bytes in kept.log.drain(..) {
                let commit = roster::Commit::decode(&mut Reader::new(&bytes));
                let commit = commit.map_err(|fault| format!("{owner}: {fault}"))?;
                let list = list.get_or_insert_with(|| List::new(owner.clone(), commit.mark.epoch));
                list.replay(&commit)
                    .map_err(|fault| format!("the roster of {owner} cannot be recovered: {fault}"))?;
            }
            let list = list.ok_or_else(|| format!("{owner}: nothing is there of the roster"))?;
            kept.whole = Some(list.encode());
            survivors.insert(owner.clone(), list);
        }
        Ok(survivors)
    }

    /// After a crash: the log is folded into the objects.
    pub fn recover(&mut self, kinds: &Kinds, inflight: usize) -> Result<Vec<Survivor>, String> {
        let mut survivors = Vec::new();
        for (name, kept) in &mut self.names {
            let Name::Object(object) = name else { continue };
            let depth = kinds.of(object).resync_depth;
            let mut contents = kept.whole.as_ref().map(|whole| decode(object, whole)).transpose()?;
            for bytes in kept.log.drain(..) {
                let commit = Commit::decode(&mut Reader::new(&bytes));
                let commit = commit.map_err(|fault| format!("{object}: {fault}"))?;
                let contents = contents.get_or_insert_with(|| Contents::new(commit.epoch));
                let replayed = contents.replay(&commit, depth, inflight);
                replayed.map_err(|fault| format!("{object} cannot be recovered: {fault}"))?;
            }
            let contents = contents.ok_or_else(|| format!("{object}: nothing is there of it"))?;
            kept.whole = Some(contents.encode());
            survivors.push(Survivor { object: object.clone(), contents, logged: kept.logged });
        }
        Ok(survivors)
    }
}

fn decode_user(user: &User, bytes: &[u8]) -> Result<UserContents, String> {
    UserContents::decode(bytes).map_err(|fault| format!("{user}: {fault}"))
}

fn decode_roster(owner: &User, bytes: &[u8]) -> Result<List, String> {
    List::decode(owner, bytes).map_err(|fault| format!("{owner}: {fault}"))
}

fn decode(object: &ObjectName, bytes: &[u8]) -> Result<Contents, String> {
    Contents::decode(bytes).map_err(|fault| format!("{object}: {fault}"))
}
