//! What every row is checked with: CRC-32 over all of it. `docs/store.md` draws the bytes; the log has its own.

use md5::{Digest, Md5};

/// Of a log row of the forms 1 to 3; `before` is that of the row before, so that none can go missing between two others.
pub fn log_row(before: u32, sequence: u64, shard: u16, commits: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&before.to_be_bytes());
    crc.update(&sequence.to_be_bytes());
    crc.update(&shard.to_be_bytes());
    crc.update(commits);
    crc.finalize()
}

/// Of an object's row.
pub fn object_row(name: &str, sequence: u64, contents: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&(name.len() as u32).to_be_bytes());
    crc.update(name.as_bytes());
    crc.update(&sequence.to_be_bytes());
    crc.update(contents);
    crc.finalize()
}

/// Of the numbers in `meta`, in the order of their keys.
pub fn meta(numbers: &[(String, u64)]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for (key, number) in numbers {
        crc.update(&(key.len() as u32).to_be_bytes());
        crc.update(key.as_bytes());
        crc.update(&number.to_be_bytes());
    }
    crc.finalize()
}

/// A name's part in the sum over all names: the sum tells that none is missing and none is changed.
pub fn name(name: &str) -> u64 {
    let digest = Md5::digest(name.as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("an MD5 has 16 bytes"))
}
