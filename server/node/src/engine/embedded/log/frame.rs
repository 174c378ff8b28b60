//! The bytes of a log file: a head of one sector, and frames behind it, each a group of commits. `docs/store.md` draws them.
//!
//! Everything begins at a multiple of a sector, so that no write touches a sector in which something lies that is on the disk already. The
//! salt, drawn for each use of a file, is in every checksum and on no wire: neither what an earlier use left in the file nor anything that a client
//! makes up can be taken for a frame.

use std::sync::LazyLock;

use crc64fast::Digest;

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

const HEAD_MAGIC: u64 = u64::from_be_bytes(*b"SlotLog1");
const HEAD_BYTES: usize = 32;

const FRAME_MAGIC: u32 = u32::from_be_bytes(*b"Grp1");
const FRAME_HEAD_BYTES: usize = 24;

/// The begin of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The sequence of the group before its first one.
    pub base: u64,
    pub salt: u64,
}

impl Head {
    pub fn encode(self) -> [u8; SECTOR_BYTES] {
        let mut sector = [0; SECTOR_BYTES];
        sector[..8].copy_from_slice(&HEAD_MAGIC.to_be_bytes());
        sector[8..16].copy_from_slice(&self.base.to_be_bytes());
        sector[16..24].copy_from_slice(&self.salt.to_be_bytes());
        let checksum = checksum(&[&sector[..24]]);
        sector[24..32].copy_from_slice(&checksum.to_be_bytes());
        sector
    }

    /// None if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Head> {
        let is_good = number(bytes, 0)? == HEAD_MAGIC && number(bytes, 24)? == checksum(&[&bytes[..24]]);
        is_good.then_some(Head { base: number(bytes, 8)?, salt: number(bytes, 16)? })
    }

    /// With one bit put right; and which.
    pub fn mend(bytes: &[u8]) -> Option<(Head, usize)> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        (0..HEAD_BYTES * 8).find_map(|bit| Some((Head::decode(&flipped(head, bit))?, bit)))
    }
}

/// A group as it lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub sequence: u64,
    /// Commits, one behind the other.
    pub commits: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends a frame, and fills its last sector up. `put` appends the commits.
    pub fn encode(frames: &mut Vec<u8>, salt: u64, sequence: u64, put: impl FnOnce(&mut Vec<u8>)) {
        let at = frames.len();
        frames.extend_from_slice(&magic(salt).to_be_bytes());
        frames.extend_from_slice(&[0; 4]);
        frames.extend_from_slice(&sequence.to_be_bytes());
        frames.extend_from_slice(&[0; 8]);
        put(frames);
        let bytes = (frames.len() - at - FRAME_HEAD_BYTES) as u32;
        frames[at + 4..at + 8].copy_from_slice(&bytes.to_be_bytes());
        let checksum = frame_checksum(&frames[at..], salt);
        frames[at + 16..at + 24].copy_from_slice(&checksum.to_be_bytes());
        frames.resize(at + on_disk(bytes as usize), 0);
    }

    /// The one at the begin of these bytes, if it is whole and `is_wanted` takes its sequence.
    pub fn decode(bytes: &'a [u8], salt: u64, is_wanted: impl Fn(u64) -> bool) -> Option<Frame<'a>> {
        let (sequence, length) = outline(bytes.first_chunk()?, salt).filter(|(said, _)| is_wanted(*said))?;
        let whole = bytes.get(..FRAME_HEAD_BYTES + length)?;
        let commits = &whole[FRAME_HEAD_BYTES..];
        (number(bytes, 16)? == frame_checksum(whole, salt)).then_some(Frame { sequence, commits })
    }

    /// Whether one of this sequence was begun here.
    pub fn is_begun(bytes: &[u8], salt: u64, sequence: u64) -> bool {
        bytes.first_chunk().and_then(|head| outline(head, salt)).is_some_and(|(said, _)| said == sequence)
    }

    /// Bytes that it takes in a file.
    pub fn on_disk(&self) -> usize {
        on_disk(self.commits.len())
    }

    /// The bit that was flipped if there should be a frame of this sequence here, and all but one bit is right. A write that was cut off looks like
    /// that once in 10^12 times, and then the frame is what was being written.
    pub fn mend(bytes: &[u8], salt: u64, sequence: u64) -> Option<usize> {
        let head: &FrameHead = bytes.first_chunk()?;
        let fits = |bit: &usize| {
            let head = flipped(head, *bit);
            let length = outline(&head, salt).filter(|(said, _)| *said == sequence).map(|(_, length)| length);
            let whole = length.and_then(|length| bytes.get(..FRAME_HEAD_BYTES + length));
            whole.is_some_and(|whole| {
                let whole = [&head, &whole[FRAME_HEAD_BYTES..]].concat();
                number(&whole, 16) == Some(frame_checksum(&whole, salt))
            })
        };
        (0..FRAME_HEAD_BYTES * 8).find(fits).or_else(|| {
            let (_, length) = outline(head, salt).filter(|(said, _)| *said == sequence)?;
            let whole = bytes.get(..FRAME_HEAD_BYTES + length)?;
            let wrong = frame_checksum(whole, salt) ^ number(bytes, 16)?;
            let (byte, bit) = flipped_bit(wrong, length)?;
            Some((whole.len() - 1 - byte) * 8 + bit)
        })
    }
}

type FrameHead = [u8; FRAME_HEAD_BYTES];

/// Sequence and bytes of the commits as a head says them, true or not.
fn outline(head: &FrameHead, salt: u64) -> Option<(u64, usize)> {
    let first = number(head, 0)?;
    let is_frame = (first >> 32) as u32 == magic(salt);
    is_frame.then_some((number(head, 8)?, first as u32 as usize))
}

/// No client knows it, and so none can make bytes that have to be looked into.
fn magic(salt: u64) -> u32 {
    FRAME_MAGIC ^ salt as u32
}

fn frame_checksum(whole: &[u8], salt: u64) -> u64 {
    checksum(&[&salt.to_be_bytes(), &whole[..16], &whole[FRAME_HEAD_BYTES..]])
}

/// With its head, up to the end of its last sector.
fn on_disk(commits: usize) -> usize {
    (FRAME_HEAD_BYTES + commits).next_multiple_of(SECTOR_BYTES)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(u64::from_be_bytes(bytes.try_into().expect("eight bytes")))
}

fn flipped<const N: usize>(bytes: &[u8; N], bit: usize) -> [u8; N] {
    let mut bytes = *bytes;
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// CRC-64 (ECMA-182, reflected: that of XZ).
fn checksum(parts: &[&[u8]]) -> u64 {
    let mut digest = Digest::new();
    parts.iter().for_each(|part| digest.write(part));
    digest.sum64()
}

/// What one step over a byte does to a checksum, by its lowest byte.
static STEP: LazyLock<[u64; 256]> = LazyLock::new(|| {
    const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;
    let bit = |sum: u64| if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
    std::array::from_fn(|byte| (0..8).fold(byte as u64, |sum, _| bit(sum)))
});

/// Which one bit of the last `bytes` makes a checksum wrong by just so much: of which byte, counted from the end, and which of it.
fn flipped_bit(wrong: u64, bytes: usize) -> Option<(usize, usize)> {
    let mut sums: [u64; 8] = std::array::from_fn(|bit| STEP[1 << bit]);
    for from_end in 0..bytes {
        if let Some(bit) = sums.iter().position(|sum| *sum == wrong) {
            return Some((from_end, bit));
        }
        sums = sums.map(|sum| sum >> 8 ^ STEP[(sum & 0xff) as usize]);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 0x5a17;

    fn frame(sequence: u64, commits: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame::encode(&mut bytes, SALT, sequence, |bytes| bytes.extend_from_slice(commits));
        bytes
    }

    fn whole(bytes: &[u8], salt: u64) -> Option<Frame<'_>> {
        Frame::decode(bytes, salt, |_| true)
    }

    #[test]
    fn each_flipped_bit_is_found_and_put_right() {
        for commits in [&b"x"[..], &[7; 100], &[0; 700], b""] {
            let good = frame(9, commits);
            assert_eq!(whole(&good, SALT), Some(Frame { sequence: 9, commits }));
            for bit in 0..(FRAME_HEAD_BYTES + commits.len()) * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(whole(&bad, SALT), None, "bit {bit}");
                assert_eq!(Frame::mend(&bad, SALT, 9), Some(bit), "of {} bytes", commits.len());
                assert_eq!(Frame::mend(&bad, SALT, 10), None, "it is not the one that is looked for");
                assert_eq!(Frame::mend(&bad, SALT + 1, 9), None, "it is of another use of the file");
            }
        }
    }

    #[test]
    fn a_frame_that_was_cut_off_is_not_put_right() {
        let good = frame(9, &[7; 3 * SECTOR_BYTES]);
        for sector in 0..good.len() / SECTOR_BYTES {
            for left in [0, 0x20] {
                let mut torn = good.clone();
                torn[sector * SECTOR_BYTES..][..SECTOR_BYTES].fill(left);
                assert_eq!(whole(&torn, SALT), None, "sector {sector}");
                assert_eq!(Frame::mend(&torn, SALT, 9), None, "sector {sector}");
            }
        }
        assert_eq!(Frame::mend(&good[..600], SALT, 9), None);
        assert_eq!(Frame::mend(&[], SALT, 9), None);
    }

    #[test]
    fn each_flipped_bit_of_a_head_is_put_right() {
        let (head, good) = (Head { base: 77, salt: SALT }, Head { base: 77, salt: SALT }.encode());
        assert_eq!(Head::decode(&good), Some(head));
        for bit in 0..HEAD_BYTES * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!((Head::decode(&bad), Head::mend(&bad)), (None, Some((head, bit))));
        }
        assert_eq!(Head::mend(&[0; SECTOR_BYTES]), None);
    }
}
