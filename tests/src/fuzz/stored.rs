//! What lies on the disk: any bytes are refused, or read as something that is written as the same again, and a commit that is read can
//! be done or is refused.

use slotcast_protocol::User;
use slotcast_protocol::reader::Reader;
use slotcast_state::roster::{self, List};
use slotcast_state::{Commit, Contents, UserCommit, UserContents};

use super::wide;
use crate::store;

/// The first byte says which.
pub fn hold(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 6 {
        0 => objects_commit(bytes),
        1 => same(bytes, Contents::decode, Contents::encode),
        2 => users_commit(bytes),
        3 => same(bytes, UserContents::decode, UserContents::encode),
        4 => rosters_commit(bytes),
        _list => same(bytes, |bytes| List::decode(&owner(), bytes), List::encode),
    }
}

fn owner() -> User {
    User::parse("ada").expect("a good name")
}

fn same<T, E>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, E>, encode: impl Fn(&T) -> Vec<u8>) {
    let Ok(read) = decode(bytes) else { return };
    let written = encode(&read);
    let Ok(again) = decode(&written) else { panic!("what was written cannot be read") };
    assert_eq!(encode(&again), written, "written and read");
}

fn objects_commit(bytes: &[u8]) {
    _ = Commit::skip(&mut Reader::new(bytes));
    let decode = |bytes: &[u8]| Commit::decode(&mut Reader::new(bytes));
    same(bytes, decode, store::bytes);
    if let Ok(commit) = decode(bytes) {
        let mut contents = Contents::new(commit.epoch);
        let moved = u64::from(!commit.changes.is_empty());
        _ = contents.replay(&Commit { version: moved, ..commit }, 3, 4);
        same(&contents.encode(), Contents::decode, Contents::encode);
    }
}

fn users_commit(bytes: &[u8]) {
    let decode = |bytes: &[u8]| UserCommit::decode(&mut Reader::new(bytes));
    same(bytes, decode, store::user_bytes);
    if let Ok(commit) = decode(bytes) {
        let mut contents = UserContents::new(commit.epoch);
        _ = contents.apply(&commit, &wide());
        same(&contents.encode(), UserContents::decode, UserContents::encode);
    }
}

fn rosters_commit(bytes: &[u8]) {
    let decode = |bytes: &[u8]| roster::Commit::decode(&mut Reader::new(bytes));
    same(bytes, decode, store::roster_bytes);
    if let Ok(commit) = decode(bytes) {
        let mut list = List::new(commit.owner.clone(), commit.mark.epoch);
        _ = list.replay(&commit);
        same(&list.encode(), |bytes| List::decode(&commit.owner, bytes), List::encode);
    }
}
