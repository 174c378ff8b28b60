//! The recent frames of a channel, shared by all who lag a little.
//!
//! Frames gather in an open buffer until the edge's next flush, and are one chunk from then on: whoever had everything before
//! gets the whole turn in one write.

use std::collections::VecDeque;

use bytes::Bytes;
use slotcast_protocol::{Cursor, Limits};

/// A point in an object's story: its version, and the sends so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Accepted writes.
    pub version: u64,
    /// Sends.
    pub sends: u64,
}

impl Mark {
    /// After everything.
    pub(crate) const END: Mark = Mark { version: u64::MAX, sends: u64::MAX };

    /// Where a cursor is; None if it does not count sends.
    pub(crate) fn of(cursor: Cursor) -> Option<Mark> {
        cursor.sends.map(|sends| Mark { version: cursor.version, sends })
    }
}

/// Frames are numbered from 0 and never renumbered.
pub(crate) struct Ring {
    chunks: VecDeque<Chunk>,
    open: Vec<u8>,
    open_ends: Vec<(u32, Mark)>,
    next: u64,
    bytes: usize,
    frames: usize,
    /// The mark before the oldest frame that is kept.
    before: Mark,
}

struct Chunk {
    first: u64,
    bytes: Bytes,
    /// For each frame where it ends and the mark after it.
    ends: Box<[(u32, Mark)]>,
}

/// A piece of the ring that goes out in one write.
pub(crate) struct Piece {
    pub bytes: Bytes,
    /// The number of the frame that follows it.
    pub next: u64,
    /// What its reader has then.
    pub mark: Mark,
}

impl Ring {
    pub fn new(mark: Mark) -> Self {
        let (chunks, open, open_ends) = (VecDeque::new(), Vec::new(), Vec::new());
        Ring { chunks, open, open_ends, next: 0, bytes: 0, frames: 0, before: mark }
    }

    /// The number that the next frame will have.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Adds a frame to the open buffer.
    pub fn push(&mut self, frame: &[u8], mark: Mark) {
        self.open.extend_from_slice(frame);
        self.open_ends.push((self.open.len() as u32, mark));
        self.next += 1;
    }

    /// Closes the open buffer and forgets what is over the limits.
    pub fn close(&mut self, limits: &Limits) {
        if self.open_ends.is_empty() {
            return;
        }
        let first = self.next - self.open_ends.len() as u64;
        let chunk = Chunk {
            first,
            bytes: std::mem::take(&mut self.open).into(),
            ends: std::mem::take(&mut self.open_ends).into(),
        };
        self.bytes += chunk.bytes.len();
        self.frames += chunk.ends.len();
        self.chunks.push_back(chunk);
        while self.chunks.len() > 1 && (self.bytes > limits.ring_bytes || self.frames > limits.ring_frames) {
            let oldest = self.chunks.pop_front().expect("there are two");
            self.bytes -= oldest.bytes.len();
            self.frames -= oldest.ends.len();
            self.before = oldest.ends.last().map_or(self.before, |(_, mark)| *mark);
        }
    }

    /// What follows from frame `from` to the end of its chunk; None if it is no longer kept.
    pub fn piece(&self, from: u64) -> Option<Piece> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= from);
        let chunk = &self.chunks[after.checked_sub(1)?];
        let skipped = (from - chunk.first) as usize;
        let start = skipped.checked_sub(1).map_or(0, |last| chunk.ends[last].0 as usize);
        let (_, mark) = *chunk.ends.last()?;
        Some(Piece { bytes: chunk.bytes.slice(start..), next: chunk.first + chunk.ends.len() as u64, mark })
    }

    /// The first frame that someone with `mark` has not got; None if the ring begins too late to tell, or if the mark lies
    /// between two frames in a way that would lose or repeat a send.
    pub fn find(&self, mark: Mark) -> Option<u64> {
        let closed = self.chunks.iter().flat_map(|chunk| chunk.ends.iter());
        let marks = closed.chain(&self.open_ends).map(|(_, after)| *after);
        let kept = self.next - (self.frames + self.open_ends.len()) as u64;
        let (mut at, mut before) = (kept, self.before);
        for after in marks {
            if after.version > mark.version || after.sends > mark.sends {
                break;
            }
            (at, before) = (at + 1, after);
        }
        (before.version <= mark.version && before.sends == mark.sends).then_some(at)
    }
}
