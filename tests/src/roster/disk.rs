//! What a registrar has committed, and what every list was at each of its marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use slotcast_protocol::User;
use slotcast_protocol::reader::Reader;
use slotcast_protocol::roster::Mark;
use slotcast_protocol::writer::Writer;
use slotcast_state::roster::{Commit, Contacts, List};

#[derive(Default)]
pub struct Disk {
    lists: BTreeMap<User, List>,
    history: BTreeMap<User, Vec<Arc<Contacts>>>,
}

impl Disk {
    /// Does what a commit says to what is here.
    pub fn put(&mut self, commit: &Commit) -> Result<(), String> {
        // As it is read back from a log.
        let mut writer = Writer::default();
        commit.encode(&mut writer);
        let read = Commit::decode(&mut Reader::new(&writer.0)).map_err(|fault| fault.to_string())?;
        if read != *commit {
            return Err(format!("{commit:?} is read back as {read:?}"));
        }
        let fresh = || List::new(commit.owner.clone(), commit.mark.epoch);
        let list = self.lists.entry(commit.owner.clone()).or_insert_with(fresh);
        list.replay(commit).map_err(|fault| fault.to_string())?;
        let history = self.history.entry(commit.owner.clone()).or_default();
        let contacts = list.contacts();
        match history.last() {
            Some(last) if last.mark() == contacts.mark() && *last != contacts => {
                Err(format!("{}: another list at {}", commit.owner, commit.mark))
            }
            Some(last) if last.mark() == contacts.mark() => Ok(()),
            Some(_) | None => {
                history.push(contacts);
                Ok(())
            }
        }
    }

    /// What a start finds.
    pub fn load(&self, owner: &User) -> Option<Box<List>> {
        let read = |list: &List| List::decode(owner, &list.encode()).expect("what was written can be read");
        self.lists.get(owner).map(read).map(Box::new)
    }

    /// Where in the owner's history a mark is.
    pub fn place(&self, owner: &User, mark: Mark) -> Option<usize> {
        self.history.get(owner)?.iter().position(|contacts| contacts.mark() == mark)
    }

    /// All that the list ever was.
    pub fn history(&self, owner: &User) -> &[Arc<Contacts>] {
        self.history.get(owner).map_or(&[], Vec::as_slice)
    }
}
