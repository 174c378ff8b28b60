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

/// What a chunk costs beside its frames, in bytes: its place in the ring, which may have room for twice as many, and what the allocator adds.
const CHUNK_BYTES: usize = 2 * size_of::<Chunk>();
/// What a frame costs beside its bytes.
const FRAME_BYTES: usize = size_of::<(u32, Mark)>();

/// Frames are numbered from 0 and never renumbered. It is a cache: whoever needs what is no longer kept asks the shard.
pub(crate) struct Ring {
    chunks: VecDeque<Chunk>,
    open: Vec<u8>,
    open_ends: Vec<(u32, Mark)>,
    next: u64,
    bytes: usize,
    frames: u32,
    /// Under which size it stands in [`crate::rings::Rings`]; 0: nowhere.
    pub listed: u8,
    weight: usize,
    /// The mark before the oldest frame that is kept.
    before: Mark,
}

struct Chunk {
    first: u64,
    bytes: Bytes,
    /// For each frame where it ends and the mark after it.
    ends: Box<[(u32, Mark)]>,
    /// What it takes in memory, in bytes.
    weight: usize,
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
        Ring { chunks, open, open_ends, next: 0, bytes: 0, frames: 0, listed: 0, weight: 0, before: mark }
    }

    /// The number that the next frame will have.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What is kept takes in memory, in bytes; the open buffer, which goes out with its turn, is not in it.
    pub fn weight(&self) -> usize {
        self.weight
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
        // Bytes keep the room that the buffer had.
        let weight = CHUNK_BYTES + self.open.capacity() + self.open_ends.len() * FRAME_BYTES;
        let bytes: Bytes = std::mem::take(&mut self.open).into();
        let ends: Box<[_]> = std::mem::take(&mut self.open_ends).into();
        self.bytes += bytes.len();
        self.frames += ends.len() as u32;
        self.weight += weight;
        self.chunks.push_back(Chunk { first, bytes, ends, weight });
        let is_over =
            |ring: &Ring| ring.bytes > limits.ring_bytes || ring.frames as usize > limits.ring_frames;
        while self.chunks.len() > 1 && is_over(self) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest frames until what is kept weighs no more than this.
    pub fn cut(&mut self, weight_max: usize) {
        while self.weight > weight_max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.chunks.pop_front().expect("what weighs something has a chunk");
        self.bytes -= oldest.bytes.len();
        self.frames -= oldest.ends.len() as u32;
        self.weight -= oldest.weight;
        self.before = oldest.ends.last().map_or(self.before, |(_, mark)| *mark);
        // Or the places of many small chunks would be left without a weight.
        if self.chunks.len() < self.chunks.capacity() / 4 {
            self.chunks.shrink_to(2 * self.chunks.len());
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
        let kept = self.next - u64::from(self.frames) - self.open_ends.len() as u64;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of two frames each, as many as there are versions.
    fn ring(versions: std::ops::RangeInclusive<u64>, limits: &Limits) -> Ring {
        let mut ring = Ring::new(Mark::default());
        versions.for_each(|version| {
            ring.push(&[1; 100], Mark { version, sends: version - 1 });
            ring.push(&[2; 70], Mark { version, sends: version });
            ring.close(limits);
        });
        ring
    }

    fn weighed(ring: &Ring) -> usize {
        let of = |chunk: &Chunk| CHUNK_BYTES + chunk.ends.len() * FRAME_BYTES + 200;
        ring.chunks.iter().map(of).sum()
    }

    #[test]
    fn its_weight_is_that_of_what_it_keeps() {
        // The buffer of 100 bytes grew to 200 for the second frame.
        let few = Limits { ring_frames: 6, ..Limits::default() };
        let mut ring = ring(1..=20, &few);
        assert_eq!((ring.chunks.len(), ring.weight()), (3, weighed(&ring)));
        ring.cut(weighed(&ring) - 1);
        assert_eq!((ring.chunks.len(), ring.weight()), (2, weighed(&ring)));
        ring.cut(0);
        assert_eq!((ring.weight(), ring.bytes, ring.frames, ring.chunks.capacity()), (0, 0, 0, 0));
    }

    #[test]
    fn cut_to_nothing_it_leads_on_from_the_present_alone() {
        let (limits, mark) = (Limits::default(), |version| Mark { version, sends: version });
        let mut ring = ring(1..=4, &limits);
        assert_eq!(ring.find(mark(2)), Some(4));
        ring.cut(0);
        assert_eq!((ring.find(mark(4)), ring.find(mark(3)), ring.find(mark(2))), (Some(8), None, None));
        assert!(ring.piece(4).is_none());
        ring.push(&[3; 10], mark(5));
        assert_eq!((ring.find(mark(4)), ring.find(mark(3))), (Some(8), None), "a frame that is not closed");
        ring.close(&limits);
        assert!(ring.piece(7).is_none());
        let piece = ring.piece(8).expect("it came after the cut");
        assert_eq!((piece.next, piece.mark, &piece.bytes[..]), (9, mark(5), &[3; 10][..]));
    }
}
