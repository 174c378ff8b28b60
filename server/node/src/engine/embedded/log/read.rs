//! Reads a log from its files, and tells what a crash left half written from what is damaged.
//!
//! A group is written once the one before it is on the disk, and acknowledged once it is there itself. So a bad frame with a good one of a later
//! group behind it is damage, and the store is refused; a bad frame at the end was never acknowledged. One flipped bit, anywhere, is put right.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::files::{self, Left};
use super::frame::{Frame, Head, SECTOR_BYTES};
use crate::engine::embedded::error::StoreError;

/// One group's commits, one behind the other.
pub struct LogRow {
    pub sequence: u64,
    pub commits: Vec<u8>,
}

/// A log as it was found.
#[derive(Default)]
pub struct Found {
    pub rows: Vec<LogRow>,
    /// The last group's sequence, or that before the log if there is none.
    pub end: u64,
    pub left: Left,
    /// What had a flipped bit, in words.
    pub mended: Vec<String>,
    /// Whether there is a group at the end that was not written whole.
    pub is_torn: bool,
}

/// A file's use.
struct Part {
    number: u32,
    name: String,
    head: Head,
    bytes: Vec<u8>,
}

/// Reads all groups behind `base`, up to which the store has everything; 0 is that of a store which has never had a log.
pub fn read(folder: &Path, base: u64) -> Result<Found, StoreError> {
    let mut found = Found { end: base, ..Found::default() };
    let mut parts = parts(folder, &mut found)?;
    let (needed, free) = parts.into_iter().partition(|part| part.head.base >= base);
    parts = needed;
    found.left.free.extend(free.iter().map(|part: &Part| part.number));
    found.left.used.extend(parts.iter().map(|part| part.number));
    if base > 0 && !parts.iter().any(|part| part.head.base == base) {
        return Err(StoreError::damaged(format!(
            "the file of the log that goes on from group {base} is missing"
        )));
    }
    let mut done = BTreeSet::new();
    while let Some(part) =
        parts.iter().find(|part| part.head.base == found.end && !done.contains(&part.number))
    {
        done.insert(part.number);
        follow(part, &mut found);
    }
    match parts.iter().find_map(|part| Some((part, later_group(part, found.end)?))) {
        Some((part, later)) => Err(StoreError::damaged(format!(
            "group {} of the log is missing or fails its checksum, and group {later} in {} was written after it",
            found.end + 1,
            part.name
        ))),
        None => Ok(found),
    }
}

/// Whether there are groups in a folder that has no store.
pub fn has_groups(folder: &Path) -> Result<bool, StoreError> {
    let parts = parts(folder, &mut Found::default())?;
    Ok(parts.iter().any(|part| later_group(part, part.head.base).is_some()))
}

/// The files that have been used, as they are.
fn parts(folder: &Path, found: &mut Found) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    for (number, path) in files::paths(folder)? {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io(&path, &error)),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A file that was made and not yet used.
        if bytes.iter().take(SECTOR_BYTES).all(|byte| *byte == 0) {
            found.left.free.push(number);
            continue;
        }
        let head = Head::decode(&bytes).or_else(|| {
            let (head, bit) = Head::mend(&bytes)?;
            found.mended.push(format!("bit {} of byte {} of {name}", bit % 8, bit / 8));
            Some(head)
        });
        let head =
            head.ok_or_else(|| StoreError::damaged(format!("the head of {name} fails its checksum")))?;
        parts.push(Part { number, name, head, bytes });
    }
    Ok(parts)
}

/// Takes the groups of a part, up to the first that is bad.
fn follow(part: &Part, found: &mut Found) {
    let mut at = SECTOR_BYTES;
    while let Some(rest) = part.bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let sequence = found.end + 1;
        let decode = |bytes| Frame::decode(bytes, part.head.salt, |said| said == sequence);
        let mut mended = Vec::new();
        let good = decode(rest).or_else(|| {
            let bit = Frame::mend(rest, part.head.salt, sequence)?;
            found.mended.push(format!("bit {} of byte {} of {}", bit % 8, at + bit / 8, part.name));
            mended = rest.to_vec();
            mended[bit / 8] ^= 1 << (bit % 8);
            decode(&mended)
        });
        let Some(frame) = good else {
            found.is_torn |= Frame::is_begun(rest, part.head.salt, sequence);
            return;
        };
        found.rows.push(LogRow { sequence, commits: frame.commits.to_vec() });
        found.end = sequence;
        at += frame.on_disk();
    }
}

/// A group in a part that was written later than the one that follows `end`.
fn later_group(part: &Part, end: u64) -> Option<u64> {
    let mut sectors = (SECTOR_BYTES..part.bytes.len()).step_by(SECTOR_BYTES);
    sectors.find_map(|at| {
        let later = Frame::decode(&part.bytes[at..], part.head.salt, |said| said > end);
        later.map(|frame| frame.sequence)
    })
}
