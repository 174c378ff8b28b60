//! SQLite's own log beside the store, looked at before SQLite opens it. SQLite takes the first frame that fails its checksum for the end of the
//! log, which is right after a power cut and wrong after a flipped bit: what was acknowledged behind it would be gone without a word.
//!
//! A transaction is followed by another only once it is on the disk. So a bad frame with the end of a transaction and the next one's begin behind it is
//! damage, and the store is refused. A bad frame in the last transaction is taken for one that was never acknowledged, unless one flipped bit
//! of its head explains it: without it two transactions would look like one.
//!
//! ```text
//! head:  magic u32 | version u32 | page bytes u32 | checkpoint u32 | salt u64 | checksum u64
//! frame: page u32 | pages of the store after a commit, else 0 u32 | salt u64 | checksum u64 | the page
//! ```
//! Source: <https://sqlite.org/fileformat2.html#the_write_ahead_log>

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::StoreError;

const HEAD_BYTES: usize = 32;
const FRAME_HEAD_BYTES: usize = 24;

/// What a disk writes whole.
const SECTOR_BYTES: usize = 512;

/// With the last bit, which says that checksums are of big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// The log's name.
pub fn path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Refuses a log in which something is damaged that was on the disk.
pub fn check(store: &Path) -> Result<(), StoreError> {
    let path = path(store);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io(&path, &error)),
    };
    if !bytes.is_empty() && !store.exists() {
        return Err(StoreError::damaged(format!("{} is there, and the store is not", path.display())));
    }
    match look(&bytes) {
        Ok(0) => Ok(()),
        Ok(dropped) => {
            tracing::warn!(
                frames = dropped,
                "the last transaction was not on the disk when the server stopped; it was never acknowledged and is left out"
            );
            Ok(())
        }
        Err(what) => Err(StoreError::damaged(format!("{}: {what}", path.display()))),
    }
}

/// Frames of an unfinished last transaction; or what is damaged.
fn look(bytes: &[u8]) -> Result<usize, String> {
    if bytes.len() <= HEAD_BYTES {
        return Ok(0);
    }
    let head = &bytes[..HEAD_BYTES];
    let big_endian = word(head, 0) & 1 == 1;
    let mut sum = add((0, 0), &head[..24], big_endian);
    if word(head, 0) & !1 != MAGIC || sum != (word(head, 24), word(head, 28)) {
        return Err("its head fails its checksum".to_owned());
    }
    let (salt, page_bytes) = (&head[16..24], word(head, 8) as usize);
    let frames: Vec<&[u8]> = bytes[HEAD_BYTES..].chunks(FRAME_HEAD_BYTES + page_bytes).collect();
    let whole = |frame: &&[u8]| frame.len() == FRAME_HEAD_BYTES + page_bytes;
    for (number, frame) in frames.iter().enumerate() {
        let next = add(
            add(sum, &frame[..8.min(frame.len())], big_endian),
            frame.get(24..).unwrap_or(&[]),
            big_endian,
        );
        let good = whole(frame) && frame[8..16] == *salt && next == (word(frame, 16), word(frame, 20));
        if good {
            sum = next;
            continue;
        }
        if whole(frame) && next == (word(frame, 16), word(frame, 20)) {
            return Err(format!("frame {} is not marked as one of this log, and is one", number + 1));
        }
        let offset = HEAD_BYTES + number * (FRAME_HEAD_BYTES + page_bytes);
        if whole(frame) && frame[8..16] == *salt && is_head_damaged(frame, offset, sum, big_endian) {
            return Err(format!("the head of frame {} has a bit that was not written", number + 1));
        }
        let left: Vec<_> =
            frames[number..].iter().filter(|frame| whole(frame) && frame[8..16] == *salt).collect();
        if left.windows(2).any(|pair| is_next_transaction(pair[0], pair[1], big_endian)) {
            return Err(format!(
                "frame {} fails its checksum, and was on the disk when the next one came",
                number + 1
            ));
        }
        return Ok(left.len());
    }
    Ok(0)
}

/// Whether a frame was written behind one that ends a transaction. Two crashes, the second in the recovery from the first, leave frames
/// of two transactions that were never acknowledged, under one salt; but the later ones do not go on from the checksum of the earlier.
fn is_next_transaction(before: &[u8], frame: &[u8], big_endian: bool) -> bool {
    let sum = (word(before, 16), word(before, 20));
    let next = add(add(sum, &frame[..8], big_endian), &frame[24..], big_endian);
    word(before, 4) != 0 && next == (word(frame, 16), word(frame, 20))
}

/// Whether one bit of the frame's head is wrong and all else right. A power cut leaves out whole sectors, and with the head the salt.
///
/// One wrong bit of the page itself tells nothing: a sector that was left out may hold what an earlier log had there, and that may differ from
/// what was to be written in one bit of a counter.
fn is_head_damaged(frame: &[u8], offset: usize, before: (u32, u32), big_endian: bool) -> bool {
    let sum = |head: &[u8]| add(add(before, head, big_endian), &frame[24..], big_endian);
    let (found, stored) = (sum(&frame[..8]), (word(frame, 16), word(frame, 20)));
    let is_sum_wrong = (found.0 ^ stored.0).count_ones() + (found.1 ^ stored.1).count_ones() == 1;
    let is_beside_salt = offset % SECTOR_BYTES + 16 <= SECTOR_BYTES;
    let fits = |bit: usize| {
        let mut head: [u8; 8] = frame[..8].try_into().expect("eight bytes");
        head[bit / 8] ^= 1 << (bit % 8);
        sum(&head) == stored
    };
    is_sum_wrong || is_beside_salt && (0..64).any(fits)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// SQLite's checksum over pairs of words, carried on from `sum`.
fn add((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let number = |word: &[u8]| {
        let word: [u8; 4] = word.try_into().expect("four bytes");
        if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(number(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(number(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of three transactions, as SQLite wrote it.
    fn log(test: &str) -> Vec<u8> {
        let folder = std::env::temp_dir().join(format!("slotcast-wal-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written to");
        let store = folder.join("store");
        let connection = rusqlite::Connection::open(&store).expect("it opens");
        let sql = "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(9000)); INSERT INTO t VALUES (1);";
        connection.execute_batch(sql).expect("good SQL");
        let bytes = std::fs::read(path(&store)).expect("the log is there");
        drop(connection);
        std::fs::remove_dir_all(&folder).expect("it was made here");
        bytes
    }

    /// Its first frame.
    fn last_transaction(log: &[u8]) -> usize {
        let frame = FRAME_HEAD_BYTES + 4096;
        let frames = (log.len() - HEAD_BYTES) / frame;
        let is_commit = |number: &usize| word(log, HEAD_BYTES + number * frame + 4) != 0;
        (0..frames - 1).rfind(is_commit).expect("there are several transactions") + 1
    }

    #[test]
    fn what_was_on_the_disk_is_not_dropped() {
        let log = log("on");
        let frame = FRAME_HEAD_BYTES + 4096;
        let frames = (log.len() - HEAD_BYTES) / frame;
        assert_eq!(look(&log), Ok(0));
        let last = last_transaction(&log);
        for number in 0..frames {
            for at in [0, 7, 12, 20, 24, 3000] {
                let mut flipped = log.clone();
                flipped[HEAD_BYTES + number * frame + at] ^= 0x10;
                let telling = number < last || at < FRAME_HEAD_BYTES;
                assert_eq!(look(&flipped).is_err(), telling, "frame {number}, byte {at}");
            }
        }
        for at in 0..HEAD_BYTES {
            let mut flipped = log.clone();
            flipped[at] ^= 1;
            assert!(look(&flipped).is_err(), "byte {at} of the head");
        }
        for length in (0..log.len()).step_by(509) {
            assert!(look(&log[..length]).is_ok(), "cut at {length}");
        }
    }

    /// A crash took the first frame of a transaction; the recovery wrote a shorter one over its begin, of which a second crash took the first frame too.
    #[test]
    fn what_two_crashes_leave_is_left_out() {
        let log = log("twice");
        let (frame, salt) = (FRAME_HEAD_BYTES + 4096, log[16..24].to_vec());
        let mut twice = log[..HEAD_BYTES].to_vec();
        twice.resize(HEAD_BYTES + 5 * frame, 7);
        for number in 0..5 {
            let head = &mut twice[HEAD_BYTES + number * frame..][..FRAME_HEAD_BYTES];
            head[4..8].copy_from_slice(&u32::from(number == 2 || number == 4).to_be_bytes());
            head[8..16].copy_from_slice(&salt);
            head[16..24].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        }
        assert_eq!(look(&twice), Ok(5));
    }

    /// In any part of the last transaction sectors may be missing.
    #[test]
    fn what_was_not_on_the_disk_is_left_out() {
        let log = log("off");
        let from = HEAD_BYTES + last_transaction(&log) * (FRAME_HEAD_BYTES + 4096);
        let first_sector = from.div_ceil(SECTOR_BYTES);
        for sector in first_sector..log.len() / SECTOR_BYTES {
            let mut torn = log.clone();
            torn[sector * SECTOR_BYTES..][..SECTOR_BYTES].fill(0);
            assert!(look(&torn).is_ok(), "sector {sector}");
        }
    }
}
