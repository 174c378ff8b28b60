//! The log of commits: files of frames beside the store, written one behind the other with one fdatasync a group, and used again when nothing in
//! them is needed any more.
//!
//! No file is ever renamed, and which follows which is said by their heads: once as many are there as the log needs, nothing but their bytes changes,
//! and a sync waits for these alone.

mod files;
mod frame;
pub mod read;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::folder::sync_parent;
use crate::engine::Batch;

pub use files::{Left, paths};
use frame::{Frame, Head};

/// Of how many files a log of its full length consists.
const FILES: u64 = 16;

/// bytes; no file is made shorter than that
const FILE_BYTES_MIN: u64 = 16 * 1024;

/// bytes of the buffer that are kept from one group to the next
const BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// See the module's text.
pub struct Log {
    folder: PathBuf,
    /// From the oldest that is needed to the one that is written to.
    parts: VecDeque<Part>,
    current: File,
    /// Where the next frame begins in it.
    at: u64,
    salt: u64,
    /// Numbers of files that nobody needs.
    free: Vec<u32>,
    /// What the last group has.
    sequence: u64,
    file_bytes: u64,
    buffer: Vec<u8>,
}

/// A file in use.
struct Part {
    number: u32,
    /// The sequence before its first frame.
    base: u64,
}

impl Log {
    /// Begins anew behind a sequence, in a file that nobody needs.
    pub fn begin(folder: &Path, left: &Left, sequence: u64, bytes_max: u64) -> Result<Log, StoreError> {
        let mut free = left.free.clone();
        let number = free.pop().unwrap_or(left.next_number());
        let (current, salt) = (open(folder, number)?, fresh_salt()?);
        let named = |error: io::Error| StoreError::io(&files::path(folder, number), &error);
        current.write_all_at(&Head { base: sequence, salt }.encode(), 0).map_err(named)?;
        current.sync_data().map_err(named)?;
        sync_parent(&files::path(folder, number)).map_err(named)?;
        free.extend(&left.used);
        Ok(Log {
            folder: folder.to_owned(),
            parts: VecDeque::from([Part { number, base: sequence }]),
            current,
            at: frame::SECTOR_BYTES as u64,
            salt,
            free,
            sequence,
            file_bytes: (bytes_max / FILES).max(FILE_BYTES_MIN),
            buffer: Vec::new(),
        })
    }

    /// The last group's.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Keeps the commits of a group: they are on the disk when this returns. The bytes that they take there.
    pub fn append(&mut self, group: &[Batch]) -> Result<u64, StoreError> {
        let sequence = self.sequence + 1;
        let mut buffer = std::mem::take(&mut self.buffer);
        let put =
            |frames: &mut Vec<u8>| group.iter().for_each(|batch| frames.extend_from_slice(&batch.commits));
        Frame::encode(&mut buffer, self.salt, sequence, put);
        let bytes = buffer.len() as u64;
        let written = if self.at + bytes <= self.file_bytes || self.is_current_empty() {
            self.write(&buffer)
        } else {
            buffer.clear();
            self.write_to_next(&mut buffer, put)
        };
        buffer.clear();
        buffer.shrink_to(BUFFER_BYTES_MAX);
        self.buffer = buffer;
        written?;
        self.sequence = sequence;
        Ok(bytes)
    }

    fn is_current_empty(&self) -> bool {
        self.at == frame::SECTOR_BYTES as u64
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        let done = self.current.write_all_at(frame, self.at).and_then(|()| self.current.sync_data());
        done.map_err(|error| self.named(self.parts.back().map_or(0, |part| part.number), &error))?;
        self.at += frame.len() as u64;
        Ok(())
    }

    /// The head and the first frame in one write. Until that is on the disk nothing here has changed, and it may be tried again.
    fn write_to_next(
        &mut self,
        buffer: &mut Vec<u8>,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), StoreError> {
        let number = self.free.last().copied().unwrap_or_else(|| self.next_number());
        let (next, salt) = (open(&self.folder, number)?, fresh_salt()?);
        buffer.extend_from_slice(&Head { base: self.sequence, salt }.encode());
        Frame::encode(buffer, salt, self.sequence + 1, put);
        let is_new = next.metadata().map_err(|error| self.named(number, &error))?.len() == 0;
        let mut done = next.write_all_at(buffer, 0).and_then(|()| next.sync_data());
        if is_new {
            done = done.and_then(|()| sync_parent(&files::path(&self.folder, number)));
        }
        done.map_err(|error| self.named(number, &error))?;
        self.free.pop();
        self.parts.push_back(Part { number, base: self.sequence });
        (self.current, self.salt, self.at) = (next, salt, buffer.len() as u64);
        Ok(())
    }

    fn next_number(&self) -> u32 {
        let numbers = self.parts.iter().map(|part| part.number).chain(self.free.iter().copied());
        numbers.max().map_or(0, |number| number + 1)
    }

    fn named(&self, number: u32, error: &io::Error) -> StoreError {
        StoreError::io(&files::path(&self.folder, number), error)
    }

    /// Up to which sequence all is in files that hold nothing else, if no group up to `needless` is needed; and how many files more than up to
    /// `before` these are.
    pub fn border(&self, before: u64, needless: u64) -> (u64, usize) {
        let bases = || self.parts.iter().map(|part| part.base);
        let border = bases().skip(1).take_while(|base| *base <= needless).last().unwrap_or(0);
        (border, bases().filter(|base| (before..border).contains(base)).count())
    }

    /// Whether there is a file that lies before a border.
    pub fn begins_before(&self, border: u64) -> bool {
        self.parts.front().is_some_and(|part| part.base < border)
    }

    /// Gives up the files before a border, of which the store must not speak any more. Some are kept for what comes.
    pub fn cut(&mut self, border: u64) {
        while self.parts.front().is_some_and(|part| part.base < border)
            && let Some(Part { number, .. }) = self.parts.pop_front()
        {
            let path = files::path(&self.folder, number);
            let is_long = std::fs::metadata(&path).is_ok_and(|file| file.len() > self.file_bytes);
            if !is_long && (self.free.len() as u64) < FILES {
                self.free.push(number);
            } else if let Err(error) = std::fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "a file of the log that is needed no more stays");
            }
        }
    }
}

fn open(folder: &Path, number: u32) -> Result<File, StoreError> {
    let path = files::path(folder, number);
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    opened.map_err(|error| StoreError::io(&path, &error))
}

fn fresh_salt() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Failed(format!("the system gives no random numbers: {error}")))?;
    Ok(u64::from_ne_bytes(bytes))
}
