use super::frame::{Frame, SECTOR_BYTES};
use super::read::{Found, has_groups, read};
use super::*;
use crate::engine::embedded::scratch::Scratch;

const BYTES_MAX: u64 = FILES * FILE_BYTES_MIN;
/// Before the first group.
const BASE: u64 = 7;

/// A folder in which there is a log.
struct Folder(Scratch);

impl Folder {
    fn new(test: &str) -> Folder {
        Folder(Scratch::new(&format!("log-{test}")))
    }

    fn begin(&self) -> Log {
        Log::begin(&self.0, &Left::default(), BASE, BYTES_MAX).expect("the temporary folder has room")
    }

    fn read(&self, base: u64) -> Result<Found, String> {
        read(&self.0, base).map_err(|error| error.to_string())
    }

    fn change(&self, number: u32, change: impl FnOnce(&mut Vec<u8>)) {
        let path = files::path(&self.0, number);
        let mut bytes = std::fs::read(&path).expect("it is there");
        change(&mut bytes);
        std::fs::write(path, bytes).expect("it has room");
    }

    fn names(&self) -> Vec<u32> {
        paths(&self.0).expect("it can be read").into_iter().map(|(number, _)| number).collect()
    }
}

fn append(log: &mut Log, commits: &[u8]) {
    let batch = |commits: &[u8]| Batch { commits: commits.to_vec(), ..Batch::default() };
    let (first, second) = commits.split_at(commits.len() / 2);
    log.append(&[batch(first), batch(second)]).expect("the temporary folder has room");
}

/// What the group of this sequence says.
fn said(sequence: u64, bytes: usize) -> Vec<u8> {
    sequence.to_be_bytes().repeat(bytes / 8)
}

fn append_all(log: &mut Log, count: u64, bytes: usize) {
    for _ in 0..count {
        append(log, &said(log.sequence() + 1, bytes));
    }
}

/// All of them, as they were written.
fn are_there(found: &Found, from: u64, to: u64, bytes: usize) {
    assert_eq!(found.end, to);
    let there = found.rows.iter().map(|row| (row.sequence, row.commits.clone()));
    assert!(there.eq((from..=to).map(|sequence| (sequence, said(sequence, bytes)))), "others came back");
}

#[test]
fn groups_come_back_in_their_order() {
    for bytes in [8, 400, 504, 3_000, 40_000] {
        let folder = Folder::new("order");
        let mut log = folder.begin();
        are_there(&folder.read(BASE).expect("it is whole"), BASE + 1, BASE, bytes);
        append_all(&mut log, 50, bytes);
        are_there(&folder.read(BASE).expect("it is whole"), BASE + 1, BASE + 50, bytes);
        assert!(has_groups(&folder.0).expect("it can be read"));
    }
}

#[test]
fn files_are_used_again_and_what_was_in_them_is_gone() {
    let folder = Folder::new("again");
    let mut log = folder.begin();
    let mut base = BASE;
    for _ in 0..300 {
        append_all(&mut log, 5, 3_000);
        let (border, files) = log.border(0, log.sequence().saturating_sub(12));
        if files > 0 {
            log.cut(border);
            base = border;
        }
        are_there(&folder.read(base).expect("it is whole"), base + 1, log.sequence(), 3_000);
    }
    assert!(folder.names().len() < 8, "{:?}", folder.names());
    // An older file than the store speaks of is free, a younger one is not.
    let left = folder.read(base).expect("it is whole").left;
    assert_eq!(left.free.len() + left.used.len(), folder.names().len());
    let next = Log::begin(&folder.0, &left, log.sequence() + 1, BYTES_MAX).expect("it has room");
    assert!(left.free.contains(&next.parts[0].number));
}

#[test]
fn what_was_longer_than_a_file_is_not_kept() {
    let folder = Folder::new("long");
    let mut log = folder.begin();
    append_all(&mut log, 3, 4 * FILE_BYTES_MIN as usize);
    append_all(&mut log, 1, 8);
    let (border, files) = log.border(0, log.sequence());
    assert_eq!(files, 3);
    log.cut(border);
    assert_eq!(folder.names().len(), 1);
}

#[test]
fn what_was_on_the_disk_when_the_next_one_came_is_damaged() {
    let folder = Folder::new("damaged");
    append_all(&mut folder.begin(), 20, 3_000);
    let at = |frame: usize| SECTOR_BYTES + frame * 3_072;
    folder.change(0, |bytes| bytes[at(2)..at(2) + 700].fill(0));
    let refused = folder.read(BASE).err().expect("it is damaged");
    assert!(refused.contains("group 10 of the log is missing or fails its checksum"), "{refused}");
}

#[test]
fn the_last_group_may_be_cut_off() {
    let folder = Folder::new("torn");
    append_all(&mut folder.begin(), 3, 3_000);
    let at = |frame: usize| SECTOR_BYTES + frame * 3_072;
    for sector in 0..6 {
        folder.change(0, |bytes| bytes[at(2) + sector * SECTOR_BYTES..][..SECTOR_BYTES].fill(0));
        let found = folder.read(BASE).expect("it was never acknowledged");
        are_there(&found, BASE + 1, BASE + 2, 3_000);
        folder.change(0, |bytes| bytes.truncate(at(2)));
        append_at(&folder, at(2));
    }
}

/// The third group once more, where it was.
fn append_at(folder: &Folder, at: usize) {
    let head = |bytes: &[u8]| super::frame::Head::decode(bytes).expect("it was written here");
    folder.change(0, |bytes| {
        let salt = head(bytes).salt;
        assert_eq!(bytes.len(), at);
        Frame::encode(bytes, salt, BASE + 3, |frames| frames.extend(said(BASE + 3, 3_000)));
    });
}

#[test]
fn one_flipped_bit_is_put_right_wherever_it_is() {
    let folder = Folder::new("flip");
    append_all(&mut folder.begin(), 12, 3_000);
    let bytes = std::fs::metadata(files::path(&folder.0, 0)).expect("it is there").len();
    for byte in (0..bytes as usize).step_by(101).chain(0..32).chain(512..536) {
        folder.change(0, |bytes| bytes[byte] ^= 4);
        are_there(&folder.read(BASE).expect("one bit"), BASE + 1, BASE + 12, 3_000);
        folder.change(0, |bytes| bytes[byte] ^= 4);
    }
}

#[test]
fn a_file_that_is_missing_is_missed() {
    let folder = Folder::new("missing");
    append_all(&mut folder.begin(), 20, 3_000);
    assert!(folder.names().len() > 3);
    for number in folder.names().into_iter().rev().skip(1) {
        let path = files::path(&folder.0, number);
        let bytes = std::fs::read(&path).expect("it is there");
        std::fs::remove_file(&path).expect("it is there");
        let refused = folder.read(BASE).err().expect("it is missing");
        assert!(refused.contains("missing"), "{refused}");
        std::fs::write(path, bytes).expect("it has room");
    }
    assert!(folder.read(BASE - 1).is_err(), "nothing goes on from there");
}

/// A client that writes what looks like later groups cannot make a log damaged whose last group was cut off.
#[test]
fn nothing_that_a_client_says_is_taken_for_a_group() {
    let folder = Folder::new("forged");
    let mut log = folder.begin();
    let mut forged = Vec::new();
    for sequence in [BASE + 1, BASE + 2, BASE + 1_000, u64::MAX] {
        for salt in [0, 1, u64::MAX] {
            Frame::encode(&mut forged, salt, sequence, |frames| frames.extend(b"forged"));
        }
    }
    forged.splice(0..0, [0; SECTOR_BYTES - 24]);
    append(&mut log, &forged);
    folder.change(0, |bytes| bytes[SECTOR_BYTES..2 * SECTOR_BYTES].fill(0));
    let found = folder.read(BASE).expect("it was never acknowledged");
    assert_eq!((found.end, found.rows.len()), (BASE, 0));
}
